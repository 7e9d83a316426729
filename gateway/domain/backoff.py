"""重试时刻表: minutes to days between tries, as a pure table."""

from collections.abc import Sequence

DEFAULT_DELAYS_S: tuple[float, ...] = (1, 5, 30, 120, 600, 1800, 3600, 7200, 21600, 43200, 86400)
"""After the last of these the message goes to a person (人工处置)."""
JITTER = 0.2
"""Each delay is stretched or shortened by up to this share, so that a recovering city is not hit at once."""


def next_delay(
    tries: int,
    *,
    jitter: float,
    delays_s: Sequence[float] = DEFAULT_DELAYS_S,
    retry_after_s: float | None = None,
) -> float | None:
    """Seconds until the next try after `tries` failed ones; None = no more, a person takes over.

    `jitter` is a random number in [0, 1). A partner's Retry-After may lengthen our own wait, clamped to twice it
    (or a minute, whichever is longer), never shorten it.
    """
    if tries > len(delays_s):
        return None
    delay = delays_s[tries - 1] * (1 + JITTER * (2 * jitter - 1))
    if retry_after_s is not None:
        delay = max(delay, min(retry_after_s, max(2 * delay, 60.0)))
    return delay
