"""时间函数: moments in a partner's own pattern, always with a stated zone.

The directives are those of strptime that no locale changes: %Y %m %d %j %H %M %S %f %z %%. The rest is fixed text.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from adapters.expression_functions import CHINA, Unmappable, moment_of

_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_KNOWN = frozenset("YmdjHMSfz%")
_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")
_NAMED = {"Asia/Shanghai": CHINA, "UTC": UTC}
"""Asia/Shanghai is +08:00: China has kept no summer time since 1991."""


def wrong_pattern(pattern: object, zone: object, *, reads: bool) -> tuple[str, str] | None:
    """Why a pattern and a zone do not say which moment is meant; English and Chinese. None = they do."""
    if not isinstance(pattern, str) or not pattern:
        return "a pattern is a text such as '%Y-%m-%d %H:%M:%S'", "格式应为文本，如“%Y-%m-%d %H:%M:%S”"
    used = set(_DIRECTIVE.findall(pattern))
    if unknown := sorted(used - _KNOWN):
        return f"%{unknown[0]} depends on a locale or is not used here", f"%{unknown[0]}因地区设置而异或不支持"
    if zone is None and (not reads or "z" not in used):
        return "the zone is not stated", "没有写明时区"
    if zone is not None and (wrong := _wrong_zone(zone, told_twice=reads and "z" in used)) is not None:
        return wrong
    if reads and not ("Y" in used and ({"m", "d"} <= used or "j" in used)):
        return "the pattern names no whole date", "格式中没有完整的日期"
    return None


def _wrong_zone(zone: object, *, told_twice: bool) -> tuple[str, str] | None:
    if _zone(zone) is None:
        return "a zone is '+08:00', 'Asia/Shanghai' or 'UTC'", "时区应为“+08:00”“Asia/Shanghai”或“UTC”"
    if told_twice:
        return "the text has its own offset: write null for the zone", "文本自带时区，时区参数应写null"
    return None


def format_time(moment: Any, pattern: Any, zone: Any) -> str | None:
    """A moment in the partner's pattern and zone."""
    _check(pattern, zone, reads=False)
    if moment is None:
        return None
    return moment_of(moment).astimezone(_zone(zone)).strftime(pattern)


def parse_time(text: Any, pattern: Any, zone: Any) -> str | None:
    """RFC 3339 time of a text in the partner's pattern; a date alone is its first moment."""
    _check(pattern, zone, reads=True)
    if text is None:
        return None
    if not isinstance(text, str) or any(sign.isdigit() and not sign.isascii() for sign in text):
        raise Unmappable("this is not a time in that pattern", "时间不符合所述格式")
    try:
        found = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is stated beside the pattern
        return (found if found.tzinfo is not None else found.replace(tzinfo=_zone(zone))).isoformat()
    except ValueError:
        raise Unmappable("this is not a time in that pattern", "时间不符合所述格式") from None


def _check(pattern: Any, zone: Any, *, reads: bool) -> None:
    if (wrong := wrong_pattern(pattern, zone, reads=reads)) is not None:
        raise Unmappable(*wrong)


def _zone(zone: Any) -> tzinfo | None:
    if not isinstance(zone, str):
        return None
    if zone in _NAMED:
        return _NAMED[zone]
    found = _OFFSET.fullmatch(zone)
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)
