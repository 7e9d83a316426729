"""数字格式: Excel keeps dates as numbers; only the format of the cell says which is which."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from adapters.sources.cells import ErrorCell, moment_text

_CHINESE_DATES = frozenset({*range(27, 37), *range(50, 59)})
"""Number formats that are dates in Chinese editions and have no text of their own. Source: ECMA-376 part 1 §18.8.30."""


class Kind(Enum):
    """数字类别: what the number format makes of a number."""

    NUMBER = "number"
    DATE = "date"
    DURATION = "duration"


def kind_of(number: int, formats: Mapping[int, str]) -> Kind:
    """Of a format by its number; `formats` are the workbook's own."""
    text = formats.get(number) or BUILTIN_FORMATS.get(number)
    if text is None:
        return Kind.DATE if number in _CHINESE_DATES else Kind.NUMBER
    if is_timedelta_format(text):
        return Kind.DURATION
    return Kind.DATE if is_date_format(text) else Kind.NUMBER


def calendar(*, from_1904: bool) -> datetime:
    """Day 0 of a workbook."""
    epoch: datetime = CALENDAR_MAC_1904 if from_1904 else CALENDAR_WINDOWS_1900
    return epoch


def moment_of(number: float, kind: Kind, epoch: datetime) -> str | ErrorCell | None:
    """The date, time or duration as text; an error value, shown as #### by Excel, where there is none."""
    try:
        return moment_text(from_excel(number, epoch, timedelta=kind is Kind.DURATION))
    except (OverflowError, ValueError):
        return ErrorCell("#NUM!")
