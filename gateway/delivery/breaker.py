"""熔断与让行: when a city may be sent to.

A city that fails several times in a row is left alone for a while (open), then tried with a single message
(half_open). A city that asks for patience (Retry-After) works: it is left alone as long as it asked, then tried with
a single message too, and its breaker stays closed.
"""

from dataclasses import dataclass

_LONGEST_PAUSE_S = 120.0


@dataclass(slots=True)
class Breaker:
    """Pure but for its own memory; times are milliseconds handed in.

    `probe` is the number of the single message that is under way while the others wait; 0 = none is. Whoever got
    `may_send` reads it and hands it back with what came of the message, so that nobody else ends the probe.
    """

    threshold: int
    first_pause_s: float
    failures: int = 0
    opened_at_ms: int | None = None
    retry_at_ms: int | None = None
    """Nothing is sent before, and one message after; None = as many as there are places for."""
    probe: int = 0
    _probes: int = 0
    _counted_at_ms: int = -1

    @property
    def state(self) -> str:
        """closed, open or half_open."""
        if self.opened_at_ms is None:
            return "closed"
        return "half_open" if self.probe else "open"

    @property
    def waiting(self) -> bool:
        """Whether the city asked for patience, and no message has gone through since."""
        return self.opened_at_ms is None and self.retry_at_ms is not None

    def may_send(self, now_ms: int) -> bool:
        """Whether a message may go now; after a pause it is the probe, and nothing else goes until it has ended."""
        if self.wait_ms(now_ms) != 0:
            return False
        if self.retry_at_ms is not None:
            self._probes += 1
            self.probe = self._probes
        return True

    def wait_ms(self, now_ms: int) -> int | None:
        """How long until a message may go; None = as soon as the probe under way has ended."""
        if self.retry_at_ms is None:
            return 0
        return None if self.probe else max(0, self.retry_at_ms - now_ms)

    def succeeded(self, probe: int = 0) -> None:
        """The city answered. An answer to a message sent before it failed closes the breaker as well."""
        self.failures = 0
        if self._ends(probe) or self.opened_at_ms is not None:
            self.opened_at_ms = self.retry_at_ms = None
            self.probe = 0

    def failed(self, now_ms: int, probe: int = 0, *, began_ms: int | None = None) -> None:
        """The city did not answer, or cannot work now.

        With `began_ms`, messages that were under way together and failed together count as one failure: a batch.
        """
        ours = self._ends(probe)
        if not ours and self.opened_at_ms is not None:
            return  # an older message that was already on its way
        if not ours and began_ms is not None and began_ms <= self._counted_at_ms:
            return
        self._counted_at_ms = now_ms
        self.failures += 1
        if self.opened_at_ms is None and self.failures < self.threshold:
            if ours:
                self.retry_at_ms = None  # it asked for patience and is not patient itself: count on
            return
        beyond = max(0, self.failures - self.threshold)
        pause_s = min(_LONGEST_PAUSE_S, self.first_pause_s * 2 ** min(beyond, 10))
        self.opened_at_ms = now_ms if self.opened_at_ms is None else self.opened_at_ms
        self.retry_at_ms = max(self.retry_at_ms or 0, now_ms + int(pause_s * 1000))

    def asked_to_wait(self, now_ms: int, wait_s: float, probe: int = 0) -> None:
        """The city works and asks to be left alone for `wait_s`."""
        self._ends(probe)
        earlier_ms = self.retry_at_ms if self.waiting and self.retry_at_ms is not None else 0
        self.failures, self.opened_at_ms = 0, None
        self.retry_at_ms = max(earlier_ms, now_ms + int(wait_s * 1000))

    def released(self, probe: int) -> None:
        """What came of a message says nothing about the city: if it was the probe, the next message is one."""
        self._ends(probe)

    def _ends(self, probe: int) -> bool:
        if probe == 0 or probe != self.probe:
            return False
        self.probe = 0
        return True
