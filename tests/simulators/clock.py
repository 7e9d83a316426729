"""Time as the partner cities write it."""

import time
from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def now() -> float:
    """Unix seconds. A simulator is a process of its own and owns its clock."""
    return time.time_ns() / 1e9


def text(at: float) -> str:
    """`at` as YYYYMMDDThhmmss in +08:00."""
    return datetime.fromtimestamp(at, CHINA).strftime("%Y%m%dT%H%M%S")


def day(at: float) -> str:
    """`at` as YYYYMMDD in +08:00."""
    return text(at)[:8]
