"""记录: one record of a catalogue as its source has it, and where it stands there."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from schemas.errors import SourceUnreadable

Progress = Callable[[int, int], None]
"""进度: done and total, both in bytes or both in rows; called at most once per REPORT_EVERY records."""
REPORT_EVERY = 1000
MOST_DEEP = 30
"""Levels of nesting one record may have."""


@dataclass(frozen=True, slots=True)
class Record:
    """记录: values are str, int, float, bool, None, list or dict; times are ISO 8601 text."""

    data: dict[str, Any]
    place: str
    """In words a clerk can follow: `事项!第5行`, `data[17]`, `第5行`."""


@dataclass(frozen=True, slots=True)
class Place:
    """位置: as much as is known of where something is wrong; rows and columns count from 1."""

    file: str
    sheet: str | None = None
    row: int | None = None
    column: str | int | None = None
    """Letters in a sheet, a number in a text."""
    unit: tuple[str, str] = ("column", "列")
    """What a numbered column counts."""

    def at(self, row: int | None = None, column: str | int | None = None) -> "Place":
        """The same file and sheet, another row and column."""
        return replace(self, row=row, column=column)

    def at_byte(self, row: int, byte: int) -> "Place":
        """A byte in a line."""
        return replace(self, row=row, column=byte, unit=("byte", "字节"))

    def fail(self, what: str, what_zh: str) -> NoReturn:
        """Raise SourceUnreadable: two sentences that begin with the place."""
        raise self.error(what, what_zh)

    def error(self, what: str, what_zh: str) -> SourceUnreadable:
        """The error that `fail` raises."""
        english, chinese = [self.file], [self.file]
        row_word = "line" if self.sheet is None else "row"
        if self.sheet is not None:
            english.append(f"sheet {self.sheet}")
            chinese.append(f"工作表“{self.sheet}”")
        if self.row is not None:
            english.append(f"{row_word} {self.row}")
            chinese.append(f"第{self.row}行")
        if self.column is not None:
            numbered = isinstance(self.column, int)
            english.append(f"{self.unit[0]} {self.column}")
            chinese.append(f"第{self.column}{self.unit[1]}" if numbered else f"{self.column}列")
        return SourceUnreadable(f"{', '.join(english)}: {what}.", f"{'，'.join(chinese)}：{what_zh}。", **self._facts())

    def _facts(self) -> dict[str, Any]:
        known = {"file": self.file, "sheet": self.sheet, "row": self.row, "column": self.column}
        return {name: value for name, value in known.items() if value is not None}


class Counter:
    """计数: keeps a source to its limit of records and tells how far it is."""

    def __init__(
        self, place: Place, most: int, progress: Progress | None, position: Callable[[], tuple[int, int]]
    ) -> None:
        self._place, self._most, self._progress, self._position = place, most, progress, position
        self.count = 0

    def add(self) -> None:
        """One more record."""
        self.count += 1
        if self.count > self._most:
            self._place.fail(f"there are more than {self._most} records", f"记录超过上限{self._most}条")
        if self._progress is not None and self.count % REPORT_EVERY == 0:
            self._progress(*self._position())
