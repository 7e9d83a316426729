"""手工办理的编译: a profile's sheet with every expression compiled; a message becomes pages of cells."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.dialect import Compiler, DialectError, Place
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.manual_operations import ManualOperations, Page, Rows, Sheet

Cells = Mapping[str, str]
"""一行: header → text."""
_LONGEST_CELL = 32_767
"""字符: what a cell of Excel takes."""
_XML_NAME = re.compile(r"[^\W\d][\w.\-]*")


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """一张表: its title, its headers, its rows. `single` = one row about the whole message."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[Cells, ...]
    single: bool


class PageCalls:
    """一份信息, compiled. Raises DialectError."""

    def __init__(self, page: Page, compiler: Compiler, place: Place) -> None:
        self._page = page
        self._columns = compiler.expressions(page.columns, (*place, "columns"))
        self._form = _compiled(page.form, compiler, (*place, "form"))
        self._materials = _compiled(page.materials, compiler, (*place, "materials"))

    def written(self, words: Mapping[str, Any]) -> tuple[WrittenPart, ...]:
        """The page, then the form's fields and the materials where the profile has them. Raises Unmappable."""
        rows = [self._cells(self._columns, words)]
        parts = [WrittenPart(self._page.title, tuple(self._page.columns), tuple(rows), single=True)]
        parts += self._rows(self._page.form, self._form, _form_fields(words))
        parts += self._rows(self._page.materials, self._materials, words["materials"])
        return tuple(parts)

    def _rows(
        self, rows: Rows | None, columns: Mapping[str, Evaluate], values: Sequence[Mapping[str, Any]]
    ) -> Iterator[WrittenPart]:
        if rows is not None:
            cells = tuple(self._cells(columns, value) for value in values)
            yield WrittenPart(rows.title, tuple(rows.columns), cells, single=False)

    @staticmethod
    def _cells(columns: Mapping[str, Evaluate], value: Mapping[str, Any]) -> Cells:
        return {header: _text(part(value)) for header, part in columns.items()}


class ManualCalls:
    """手工办理的信息表. Raises DialectError."""

    def __init__(self, operations: ManualOperations, compiler: Compiler) -> None:
        place: Place = ("manual", "sheet")
        sheet = operations.sheet
        self.application = PageCalls(sheet.application, compiler, (*place, "application"))
        follow_up = sheet.follow_up
        self.follow_up = None if follow_up is None else PageCalls(follow_up, compiler, (*place, "follow_up"))
        if sheet.format == "xml":
            _check_names(sheet, sheet.application, (*place, "application"))
            if follow_up is not None:
                _check_names(sheet, follow_up, (*place, "follow_up"))

    def spoken(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """What the sheet says of an application: title → cells, or a list of them. Raises Unmappable."""
        return as_tree(self.application.written(words), lambda rows: rows)


def as_tree(parts: Sequence[WrittenPart], listed: Callable[[list[Cells]], Any]) -> dict[str, Any]:
    """Title → the one row, or what `listed` makes of the rows."""
    return {part.title: part.rows[0] if part.single else listed(list(part.rows)) for part in parts}


def _compiled(rows: Rows | None, compiler: Compiler, place: Place) -> Mapping[str, Evaluate]:
    return {} if rows is None else compiler.expressions(rows.columns, (*place, "columns"))


def _check_names(sheet: Sheet, page: Page, place: Place) -> None:
    """Root, row, titles and headers become names of XML elements."""
    names: list[tuple[Place, str]] = [
        (("manual", "sheet", "root"), sheet.root),
        (("manual", "sheet", "row"), sheet.row),
    ]
    for part in page.parts:
        here = place if part is page else (*place, "form" if part is page.form else "materials")
        names += [((*here, "title"), part.title)]
        names += [((*here, "columns", header), header) for header in part.columns]
    for where, name in names:
        if _XML_NAME.fullmatch(name) is None:
            raise DialectError(where, f"{name!r} is no XML name", f"“{name}”不是有效的XML名")


def _form_fields(words: Mapping[str, Any]) -> list[dict[str, Any]]:
    form = words["application"]["form"] if "application" in words else {}
    return [{"field": field, "value": value} for field, value in form.items()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if not isinstance(value, str | int | float):
        raise Unmappable("a column holds a list or an object; use json_text", "列的取值是列表或对象，应使用json_text")
    text = str(value)
    if len(text) > _LONGEST_CELL:
        raise Unmappable("a text is longer than a cell takes", "文本超过单元格可容纳的长度")
    return text
