"""熔断: a city that fails several times in a row is left alone for a while, then tried with a single message."""

from dataclasses import dataclass

_LONGEST_PAUSE_S = 120.0


@dataclass(slots=True)
class Breaker:
    """Pure but for its own memory; times are milliseconds handed in."""

    threshold: int
    first_pause_s: float
    failures: int = 0
    opened_at_ms: int | None = None
    retry_at_ms: int | None = None
    probing: bool = False

    @property
    def state(self) -> str:
        """closed, open or half_open."""
        if self.opened_at_ms is None:
            return "closed"
        return "half_open" if self.probing else "open"

    def may_send(self, now_ms: int) -> bool:
        """Whether a message may go now; an open breaker lets one through once its pause is over."""
        if self.opened_at_ms is None:
            return True
        if self.probing or self.retry_at_ms is None or now_ms < self.retry_at_ms:
            return False
        self.probing = True
        return True

    def succeeded(self) -> bool:
        """The city answered; whether that closed an open breaker."""
        was_open = self.opened_at_ms is not None
        self.failures, self.opened_at_ms, self.retry_at_ms, self.probing = 0, None, None, False
        return was_open

    def failed(self, now_ms: int) -> bool:
        """The city did not answer; whether that opened a closed breaker."""
        was_closed = self.opened_at_ms is None
        if not was_closed and not self.probing:
            return False  # an older message that was already on its way
        self.failures += 1
        if was_closed and self.failures < self.threshold:
            return False
        beyond = max(0, self.failures - self.threshold)
        pause_s = min(_LONGEST_PAUSE_S, self.first_pause_s * 2 ** min(beyond, 10))
        self.probing = False
        self.opened_at_ms = now_ms if was_closed else self.opened_at_ms
        self.retry_at_ms = now_ms + int(pause_s * 1000)
        return was_closed
