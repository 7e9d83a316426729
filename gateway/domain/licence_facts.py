"""证照内容: what a licence says of itself, by the claims of a token or the record of the office that issued it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from schemas.licence import LicenceStatus

_NAMES = {
    "identifier": ("licence_identifier", "证照标识"),
    "type_code": ("licence_type", "type_code", "证照类型代码"),
    "holder_name": ("holder_name", "持证主体", "name"),
    "holder_number": ("holder_number", "持证主体代码", "id_number"),
    "valid_from": ("valid_from", "证照有效期起始日期"),
    "valid_until": ("valid_until", "证照有效期截止日期"),
    "status": ("licence_status", "证照状态"),
}
"""Our names, then the Chinese element names as issuers write them (未核实: GB/T 36903 was not at hand)."""
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_DOTS = str.maketrans(dict.fromkeys("·•‧・．.⋅﹒", "·"))
_FOREVER = frozenset({"长期", "永久", "9999-12-31", "99991231"})


@dataclass(frozen=True, slots=True)
class LicenceFacts:
    """证照内容. What is absent was not stated."""

    identifier: str | None = None
    type_code: str | None = None
    holder_name: str | None = None
    holder_number: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    """The last day; absent also where it is valid for good."""
    status: LicenceStatus | None = None
    unreadable: tuple[str, ...] = ()
    """Fields whose value is no date or no status."""


def licence_facts(claims: Mapping[str, Any]) -> LicenceFacts:
    """Read the claims; `credentialSubject` counts like the top level. Nothing in them raises."""
    inner = claims.get("credentialSubject")
    known = dict(claims) | (dict(inner) if isinstance(inner, Mapping) else {})
    texts = {field: _first(known, names) for field, names in _NAMES.items()}
    days = {field: _day(texts[field]) for field in ("valid_from", "valid_until")}
    status = _status(texts["status"])
    unreadable = [field for field, day in days.items() if texts[field] not in (None, *_FOREVER) and day is None]
    if texts["status"] is not None and status is None:
        unreadable.append("status")
    return LicenceFacts(
        texts["identifier"],
        texts["type_code"],
        texts["holder_name"],
        texts["holder_number"],
        days["valid_from"],
        days["valid_until"],
        status,
        tuple(unreadable),
    )


def _first(claims: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = claims.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def _day(text: str | None) -> date | None:
    parts = None if text is None or text in _FOREVER else _DATE.match(text)
    try:
        return None if parts is None else date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        return None


def _status(text: str | None) -> LicenceStatus | None:
    try:
        return None if text is None else LicenceStatus(text.lower())
    except ValueError:
        return None


def plain_name(text: str) -> str:
    """A name for comparison: full and half width, spaces, and the dots between the parts of a name made alike."""
    folded = unicodedata.normalize("NFKC", text.translate(_DOTS))
    return "".join(folded.split()).casefold()


def plain_number(text: str) -> str:
    """A number for comparison: half width, capitals, without spaces and hyphens."""
    return re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", text)).upper()


def masked_name(text: str) -> str:
    """The first character, and a star for each other."""
    text = text.strip()
    return text[:1] + "*" * min(len(text) - 1, 10)


def masked_number(text: str) -> str:
    """The first and the last two characters of a long number; of a short one only how long it is."""
    text = text.strip()
    if len(text) < 8:
        return "*" * len(text)
    return text[:2] + "*" * (len(text) - 4) + text[-2:]
