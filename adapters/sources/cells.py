"""单元格: the stored value of a cell as text, number, truth or ISO 8601 time."""

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

Range = tuple[int, int, int, int]
"""合并单元格: first row, first column, last row, last column, from 1."""
MOST_COLUMNS: Final = 16_384
_EXACT_DIGITS = 10.0**15
"""Beyond this a spreadsheet has rounded: a code kept as a number has lost its last digits."""


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """错误值: #REF! and the like."""

    text: str


def number_of(value: float) -> int | float | str:
    """A whole number as int; one of more than 15 digits becomes text with an exponent: it is no code any more.

    Raises ValueError for what is no number.
    """
    if _EXACT_DIGITS <= abs(value) < math.inf:
        return f"{value:.15g}"
    if not math.isfinite(value):
        raise ValueError("not a number")
    return int(value) if value == int(value) else value


def number_in(text: str) -> int | float | str:
    """The same for a number as it is written in the file. Raises ValueError."""
    if text.isdecimal() and text.isascii() and len(text) <= 15:
        return int(text)
    return number_of(float(text))


def moment_text(value: Any) -> str | None:
    """2026-01-31, 2026-01-31T08:00:00, 08:00:00, or 30:00:00 for a duration; None for what is no time."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat(timespec="seconds")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return None


@lru_cache(maxsize=MOST_COLUMNS)
def column_number(letters: str) -> int:
    """1 for A, 27 for AA; 0 for what is no column."""
    number = 0
    for letter in letters:
        if not "A" <= letter <= "Z":
            return 0
        number = number * 26 + ord(letter) - 64
    return number if number <= MOST_COLUMNS else 0
