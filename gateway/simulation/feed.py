"""进度清单: what a simulated city has to tell those who ask, page by page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adapters.paging_operations import Paging
from gateway.simulation.facts import Happened

_NUMBER = re.compile(r"(.*?)([0-9]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """一行. `at` is when it was entered."""

    body: dict[str, Any]
    happened: Happened | None
    """None for a row that is no report."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """一页."""

    rows: list[Row]
    next: str


@dataclass(slots=True)
class Feed:
    """进度清单, in the order in which it was entered."""

    rows: list[Row] = field(default_factory=list)
    skips: bool = False
    """Whether a cursor is one too far."""

    def page(self, asked: Mapping[str, Any], paging: Paging) -> Page:
        """What was asked for: by cursor, by page, by window, or all of it."""
        limit = _whole(asked.get("limit"), paging.limit)
        found = [one for one in self.rows if _within(one.at, asked)]
        start = 0
        prefix, first = _split(paging.start)
        if paging.next is not None:
            start = max(0, _split(str(asked.get("cursor", paging.start)))[1] - first)
        elif "page" in asked:
            start = (_whole(asked["page"], 0) - (paging.numbered_from or 0)) * limit
        elif "offset" in asked:
            start = _whole(asked["offset"], 0)
        rows = found[start : start + limit] if paging.next is not None or paging.numbered_from is not None else found
        end = start + len(rows) + (1 if self.skips and rows else 0)
        return Page(rows, f"{prefix}{end + first}")


def _whole(value: Any, other: int) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() else other


def _split(cursor: str) -> tuple[str, int]:
    """YB12 → YB, 12."""
    found = _NUMBER.fullmatch(cursor)
    return (found[1], int(found[2])) if found else (cursor, 0)


def _within(at: datetime, asked: Mapping[str, Any]) -> bool:
    try:
        since = datetime.fromisoformat(asked["since"]) if "since" in asked else at
        until = datetime.fromisoformat(asked["until"]) if "until" in asked else at + timedelta(seconds=1)
    except (TypeError, ValueError):
        return True
    return since.replace(microsecond=0) <= at < until + timedelta(seconds=1)
