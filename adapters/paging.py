"""分页: where a poll stands, as the text the gateway keeps between polls, and what it asks for next. Pure.

Text: the partner's cursor, or the number of a page; with a window `since until ` before it, as RFC 3339.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.expression_functions import CHINA
from adapters.paging_operations import Paging, Window


@dataclass(frozen=True, slots=True)
class Standing:
    """翻页位置."""

    inner: str
    """Cursor, or number of the page."""
    since: str = ""
    until: str = ""

    def text(self) -> str:
        """As it is kept."""
        return f"{self.since} {self.until} {self.inner}" if self.since else self.inner


class Pager:
    """翻页者: one operation's pages."""

    def __init__(self, paging: Paging) -> None:
        self._paging = paging
        numbered = paging.numbered_from
        self._start = paging.start if numbered is None else str(numbered)

    def standing(self, kept: str | None, now: datetime) -> Standing:
        """Where to go on; None = at the beginning. A text that was kept by another way of paging begins anew."""
        window = self._paging.window
        if window is None:
            return Standing(self._start if kept is None or not self._fits(kept) else kept)
        since, _, rest = (kept or "").partition(" ")
        until, _, inner = rest.partition(" ")
        if inner and _is_time(since) and _is_time(until) and self._fits(inner):
            return Standing(inner, since, until)
        begins = now - timedelta(seconds=window.length_s) if window.first is None else _moment(window.first)
        return self._window(window, begins, now)

    def words(self, at: Standing) -> dict[str, Any]:
        """What the operation's expressions see."""
        words: dict[str, Any] = {"cursor": at.inner, "limit": self._paging.limit}
        if (first := self._paging.numbered_from) is not None:
            words |= {"page": int(at.inner), "offset": (int(at.inner) - first) * self._paging.limit}
        return words | {"since": at.since, "until": at.until} if at.since else words

    def after(self, at: Standing, rows: int, following: object, now: datetime) -> tuple[Standing, bool]:
        """Where to go on after a page of `rows` rows, and whether there is more right now.

        Without a window a page that is not full is the last for now, and a numbered one is asked for again: what is
        new comes to its end. A window is left only after an empty page, or one without a next.
        """
        paging = self._paging
        inner = at.inner
        if paging.next is not None:
            inner = at.inner if following is None else str(following)
        elif paging.numbered_from is not None and rows >= (paging.limit if paging.window is None else 1):
            inner = str(int(at.inner) + 1)
        moved = inner != at.inner
        if paging.window is None:
            return Standing(inner), moved and rows >= paging.limit
        if moved and rows:
            return Standing(inner, at.since, at.until), True
        behind = _moment(at.until) - _moment(at.since) >= timedelta(seconds=paging.window.length_s)
        begins = _moment(at.until) - timedelta(seconds=paging.window.overlap_s)
        return self._window(paging.window, begins, now), behind

    def must_be_told(self, following: object) -> bool:
        """Whether a cursor is missing without which a poll would begin anew."""
        return following is None and self._paging.next is not None and self._paging.window is None

    def turned(self, at: Standing, following: object) -> Standing:
        """The page after this one, full or not; the same where there is none: for a list that is read to its end."""
        if self._paging.next is not None:
            return Standing(at.inner if following in (None, "") else str(following))
        if self._paging.numbered_from is not None:
            return Standing(str(int(at.inner) + 1))
        return at

    def _window(self, window: Window, begins: datetime, now: datetime) -> Standing:
        latest = max(begins, now - timedelta(seconds=window.delay_s))
        until = min(begins + timedelta(seconds=window.length_s), latest)
        return Standing(self._start, _text(begins), _text(until))

    def _fits(self, inner: str) -> bool:
        return self._paging.numbered_from is None or (inner.isascii() and inner.isdecimal() and len(inner) < 10)


def _text(moment: datetime) -> str:
    return moment.astimezone(CHINA).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
