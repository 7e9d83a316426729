"""日期与时刻: the ways in which sources write days and moments, and what each means in Beijing."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.expression_functions import CHINA
from adapters.normalization.cleaning import clean_text
from adapters.normalization.item_dialect import DateShape
from adapters.normalization.values import Convert, Notes, Trouble, plain

_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ][0-9:.+\-Z]*)?")
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T[0-9]{6})?")
_CHINESE = re.compile(r"([0-9]{4})\s*年\s*([0-9]{1,2})\s*月\s*([0-9]{1,2})\s*日?")
_SLASHED = re.compile(r"([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})(?:\s[0-9:]*)?")
_SHAPES = {DateShape.CHINESE: _CHINESE, DateShape.SLASHED: _SLASHED}
_WHOLE = re.compile(r"[0-9]{1,18}(?:\.0+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DIVISORS = {DateShape.EPOCH_MS: 1000, DateShape.EPOCH_S: 1}
_LATEST_S = 32_503_680_000
"""The year 3000."""
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2999


def _epoch(value: Any, shapes: tuple[DateShape, ...]) -> datetime | None:
    divisor = next((_EPOCH_DIVISORS[shape] for shape in shapes if shape in _EPOCH_DIVISORS), None)
    if divisor is None or isinstance(value, bool):
        return None
    text = plain(value).strip()
    if _WHOLE.fullmatch(text) is None or int(text.partition(".")[0]) > _LATEST_S * divisor:
        return None
    return (_EPOCH + timedelta(seconds=int(text.partition(".")[0]) / divisor)).astimezone(CHINA)


def date_converter(shapes: tuple[DateShape, ...]) -> Convert:
    """A day. With a time of day it is Beijing's where the text has no offset."""
    patterns = [_ISO, _COMPACT, *(_SHAPES[shape] for shape in shapes if shape in _SHAPES)]

    def convert(value: Any, _notes: Notes) -> date:
        moment = _epoch(value, shapes)
        if moment is not None:
            return moment.date()
        text = clean_text(plain(value), one_line=True)[0].strip()
        found = next((match for pattern in patterns if (match := pattern.fullmatch(text))), None)
        if found is None:
            raise Trouble("malformed", "日期写法不在方言规定之内", value)
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            raise Trouble("malformed", "日期不存在", value) from None

    return convert


def moment_converter(shapes: tuple[DateShape, ...]) -> Convert:
    """A moment of the years 1900 to 2999; Beijing's where the text has no offset."""

    def convert(value: Any, _notes: Notes) -> datetime:
        moment = _epoch(value, shapes)
        if moment is not None:
            return moment
        try:
            moment = datetime.fromisoformat(clean_text(plain(value), one_line=True)[0].strip())
        except ValueError:
            raise Trouble("malformed", "时间写法不在方言规定之内", value) from None
        if not _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR:
            raise Trouble("out_of_range", "时间不在1900年至2999年之间", value)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=CHINA)

    return convert
