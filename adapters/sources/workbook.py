"""工作簿: what the readers of xlsx, xls and ods have in common."""

from collections.abc import Iterator
from typing import Any, Protocol

from adapters.sources.cells import Range
from adapters.sources.record import Place

Row = tuple[int, list[Any]]
"""Row number from 1, and its cells from column A: a value, None, or an ErrorCell."""


class Workbook(Protocol):
    """工作簿: an open one. Sheets are numbered from 0."""

    names: list[str]

    def rows(self, sheet: int, place: Place) -> Iterator[Row]:
        """Rows that have cells, from the top. Raises SourceUnreadable."""
        ...

    def merged(self, sheet: int, place: Place) -> list[Range]:
        """Merged cells that begin above the row read last, at least."""
        ...

    def position(self) -> tuple[int, int]:
        """How much of the sheet has been read, and of how much."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...
