"""子表: rows of another sheet, found by the key of the row they belong to."""

from bisect import bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.normalization.source import Children
from adapters.sources.headers import Headers
from adapters.sources.record import Counter, Place
from adapters.sources.sheet_pages import SheetPage
from adapters.sources.workbook import Workbook


@dataclass(slots=True)
class _Child:
    row: int
    data: dict[str, Any]


class ChildRows:
    """子表: the rows of one child sheet by key; all of them are held in memory.

    Raises SourceUnreadable for a row without a key. A key merged down over several rows is the key of each.
    """

    def __init__(self, workbook: Workbook, children: Children, place: Place, most: int) -> None:
        page = SheetPage(workbook, children.sheet, children.header_row, children.columns, place)
        self._place, self._children = page.place, children
        self._by_key: dict[str, list[_Child]] = {}
        self._met: dict[str, int] = {}
        name = page.headers.find(children.key)
        if name is None:
            page.place.fail(f"there is no column {children.key!r}", f"没有“{children.key}”列")
        keys = _Keys(page, name, children.key)
        counter = Counter(page.place, most, None, workbook.position)
        for row, data in page.records():
            self._by_key.setdefault(keys.of(row, data), []).append(_Child(row, data))
            counter.add()

    def of(self, row: int, parent: Mapping[str, Any], headers: Headers) -> list[dict[str, Any]]:
        """The rows that belong to a row of the main sheet, in their order.

        Raises SourceUnreadable for a main row without a key, and for the second of two with one key.
        """
        wanted = self._children.parent_key or self._children.key
        name = headers.find(wanted)
        if name is None:
            self._place.fail(f"the main sheet has no column {wanted!r}", f"主表没有“{wanted}”列")
        place, key = headers.place.at(row), _key(parent[name])
        if not key:
            place.fail(
                f"the key {wanted!r} is empty, so its rows in the sheet {self._place.sheet} cannot be found",
                f"“{wanted}”为空，无法与工作表“{self._place.sheet}”对应",
            )
        if (first := self._met.setdefault(key, row)) != row:
            place.fail(
                f"row {first} has the same key {wanted!r} = {key!r}", f"“{wanted}”与第{first}行相同，均为“{key}”"
            )
        return [dict(child.data) for child in self._by_key.get(key, ())]

    def refuse_orphans(self) -> None:
        """Raise for the first row whose parent the main sheet does not have."""
        orphans = [(child.row, key) for key, group in self._by_key.items() if key not in self._met for child in group]
        if orphans:
            row, key = min(orphans)
            self._place.at(row).fail(f"the main sheet has no row {key!r}", f"主表没有“{key}”，该行无所属记录")


class _Keys:
    """The key of one row after another, merged cells filled down."""

    def __init__(self, page: SheetPage, name: str, shown: str) -> None:
        self._page, self._name, self._shown = page, name, shown
        self._column = page.headers.names.index(name) + 1
        self._spans: list[tuple[int, int]] = []
        self._seen = 0
        self._last: tuple[int, Any] = (0, None)

    def of(self, row: int, data: dict[str, Any]) -> str:
        """Filled into the row as well. Raises SourceUnreadable for none."""
        value = data[self._name]
        if _key(value):
            self._last = row, value
        elif self._last[0] and self._top(row) == self._last[0]:
            value = data[self._name] = self._last[1]
        else:
            self._page.place.at(row).fail(f"the key {self._shown!r} is empty", f"“{self._shown}”为空")
        return _key(value)

    def _top(self, row: int) -> int | None:
        """Where the merged cell begins that covers the key of this row."""
        known = self._page.merged()
        for top, left, bottom, right in known[self._seen :]:
            if left <= self._column <= right:
                insort(self._spans, (top, bottom))
        self._seen = len(known)
        at = bisect_right(self._spans, (row,)) - 1
        return self._spans[at][0] if at >= 0 and self._spans[at][1] >= row else None


def _key(value: Any) -> str:
    return "" if value is None else str(value).strip()
