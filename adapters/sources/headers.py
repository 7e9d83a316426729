"""表头: which name each column's values get."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from adapters.sources.record import Place

_LINE_BREAK = re.compile(r"\s*[\r\n]+\s*")


def column_letters(number: int) -> str:
    """列标: A for 1, AA for 27."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@dataclass(frozen=True, slots=True)
class Headers:
    """表头: one name per column, None where the column has no header."""

    names: tuple[str | None, ...]
    place: Place
    lettered: bool
    """Whether columns are named by letters, as in a sheet."""
    texts: Mapping[str, str]
    """表头 → name."""

    def find(self, wanted: str) -> str | None:
        """The name of a column, which may be asked for by its name or by the text of its header."""
        return wanted if wanted in self.names else self.texts.get(wanted)

    def record(self, row: int, cells: Sequence[Any]) -> dict[str, Any]:
        """The row by name, None for empty cells. Raises SourceUnreadable for a value under no header."""
        data: dict[str | None, Any] = dict.fromkeys(self.names)
        data.update(zip(self.names, cells, strict=False))
        if None in data or len(cells) > len(self.names):
            self._refuse_strays(row, cells)
            data.pop(None, None)
        return cast(dict[str, Any], data)

    def _refuse_strays(self, row: int, cells: Sequence[Any]) -> None:
        for index, cell in enumerate(cells):
            if cell is not None and (index >= len(self.names) or self.names[index] is None):
                self.place.at(row, self._column(index)).fail(
                    "there is a value under no header", "该单元格所在列没有表头"
                )

    def _column(self, index: int) -> str | int:
        return column_letters(index + 1) if self.lettered else index + 1


def read_headers(
    cells: Sequence[Any],
    row: int,
    columns: Mapping[str, str],
    place: Place,
    *,
    lettered: bool,
    parents: Sequence[Any] = (),
) -> Headers:
    """The header row's names. Raises SourceUnreadable for none at all and for one that occurs twice.

    `parents` stand above the cells: where a text occurs under different ones, it is `parent/text`.
    """
    names: list[str | None] = []
    seen: dict[str, str] = {}
    for index, text in enumerate(_told_apart([_text(cell) for cell in cells], [_text(cell) for cell in parents])):
        if not text:
            names.append(None)
            continue
        name = columns.get(text, text)
        column = column_letters(index + 1) if lettered else index + 1
        if name in seen:
            _twice(place.at(row, column), text, seen[name])
        seen[name] = text
        names.append(name)
    if not seen:
        place.at(row).fail("the header row is empty", "表头行为空")
    return Headers(tuple(names), place, lettered, {text: name for name, text in seen.items()})


def _text(cell: Any) -> str:
    return "" if cell is None else _LINE_BREAK.sub("", str(cell)).strip()


def _told_apart(texts: list[str], parents: list[str]) -> list[str]:
    over = [*parents, *[""] * (len(texts) - len(parents))]
    groups: dict[str, list[str]] = {}
    for text, parent in zip(texts, over, strict=False):
        groups.setdefault(text, []).append(parent)
    apart = {text for text, group in groups.items() if text and 1 < len(group) == len(set(group))}
    return [f"{parent}/{text}" if text in apart and parent else text for text, parent in zip(texts, over, strict=False)]


def _twice(place: Place, text: str, other: str) -> NoReturn:
    if text == other:
        place.fail(f"the header {text!r} occurs twice", f"表头“{text}”重复")
    place.fail(f"the headers {other!r} and {text!r} are one and the same field", f"表头“{other}”与“{text}”对应同一字段")
