"""映射函数: what dialects need beyond JMESPath: partners' ways of writing time, joined text, defaults.

Each takes and gives JSON values; null in is null out. What cannot be meant raises Unmappable, which never holds
the value itself: it may be a person's.
"""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson

CHINA = timezone(timedelta(hours=8))
"""北京时间."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_COMPACT = re.compile(r"[0-9]{8}T[0-9]{6}")
_EARLIEST_MS, _LATEST_MS = 0, 32_503_680_000_000  # the years 1970 to 2999


class Unmappable(Exception):
    """无法映射: a value the dialect has no words for; two sentences, English and Chinese."""

    def __init__(self, message: str, message_zh: str) -> None:
        super().__init__(message)
        self.message, self.message_zh = message, message_zh


def moment_of(text: Any) -> datetime:
    """The moment of an RFC 3339 time. Raises Unmappable for what is none, or has no offset."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Unmappable("this is not a time", "不是有效的时间") from None
    if moment.tzinfo is None:
        raise Unmappable("this time lacks its offset", "时间缺少时区")
    return moment


def epoch_ms(text: Any) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 time."""
    return None if text is None else (moment_of(text) - _EPOCH) // _MILLISECOND


def compact_time(text: Any) -> str | None:
    """YYYYMMDDThhmmss in +08:00 of an RFC 3339 time."""
    return None if text is None else moment_of(text).astimezone(CHINA).strftime("%Y%m%dT%H%M%S")


def from_epoch_ms(number: Any) -> str | None:
    """RFC 3339 time of milliseconds since 1970, given as a number or as digits."""
    if number is None:
        return None
    if isinstance(number, str) and number.isascii() and number.isdecimal():
        number = int(number[:20])
    if not isinstance(number, int) or isinstance(number, bool) or not _EARLIEST_MS <= number <= _LATEST_MS:
        raise Unmappable("this is not a number of milliseconds since 1970", "不是有效的毫秒时间戳")
    return (_EPOCH + number * _MILLISECOND).isoformat()


def from_compact_time(text: Any) -> str | None:
    """RFC 3339 time of YYYYMMDDThhmmss in +08:00."""
    if text is None:
        return None
    if not isinstance(text, str) or _COMPACT.fullmatch(text) is None:
        raise Unmappable("this is not YYYYMMDDThhmmss", "时间格式不是YYYYMMDDThhmmss")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CHINA).isoformat()
    except ValueError:
        raise Unmappable("there is no such time", "时间不存在") from None


def joined(glue: Any, parts: Any) -> str:
    """The parts that are there, as text, with `glue` between them."""
    return str(glue).join(str(part) for part in parts or () if part is not None)


def default(value: Any, other: Any) -> Any:
    """`value`, or `other` for null; unlike || it keeps empty text, false and empty lists."""
    return other if value is None else value


def json_bytes(value: Any) -> bytes:
    """UTF-8 JSON; whole numbers beyond 64 bits, which orjson refuses, included."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_text(value: Any) -> str:
    """The value as JSON in one line."""
    return json_bytes(value).decode()
