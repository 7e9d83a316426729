"""带行号的文件: CSV and YAML files read so that every value knows its line, and a fault can be pointed at."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import SeedInvalid

T = TypeVar("T")
Place = tuple[int | str, ...]
"""位置: the keys and indexes that lead to a value."""
_DEEPEST = 40


def refuse(file: str, line: int, field: str, message: str, message_zh: str) -> SeedInvalid:
    """The error that names file, line and field; the caller raises it."""
    return SeedInvalid(
        f"{file}, line {line}, {field or 'whole line'}: {message}",
        f"{file} 第{line}行，{field or '整行'}：{message_zh}",
        file=file,
        line=line,
        field=field,
    )


@dataclass(frozen=True, slots=True)
class Located:
    """带行号的数据: plain values, and the line (from 1) of each place in them."""

    file: str
    data: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest place around it that was written."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def at(self, place: Place, message: str, message_zh: str) -> SeedInvalid:
        """The error that points at `place`."""
        return refuse(self.file, self.line(place), as_field(place), message, message_zh)

    def as_a(self, kind: type[T], values: object, origin: Callable[[Place], Place]) -> T:
        """`values` as a value of `kind`; `origin` says where in the file a place in `values` was written."""
        try:
            return TypeAdapter(kind).validate_python(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise self.at(origin(first["loc"]), *as_sentences(first)) from None


@dataclass(frozen=True, slots=True)
class Row:
    """行: one line of a CSV file; empty cells are left out."""

    file: str
    line: int
    cells: Mapping[str, str]

    def at(self, field: str, message: str, message_zh: str) -> SeedInvalid:
        """The error that points at a cell."""
        return refuse(self.file, self.line, field, message, message_zh)

    def as_a(self, kind: type[T]) -> T:
        """The row as a value of `kind`. Raises SeedInvalid."""
        try:
            return TypeAdapter(kind).validate_python(dict(self.cells))
        except ValidationError as error:
            first = error.errors()[0]
            raise self.at(as_field(first["loc"]), *as_sentences(first)) from None


def as_field(place: Sequence[int | str]) -> str:
    """A place as one reads it: items[2].name."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def as_sentences(error: ErrorDetails) -> tuple[str, str]:
    """The English and the Chinese sentence of a pydantic error; ours hold both, pydantic's own only English."""
    ours = error.get("ctx", {}).get("error")
    text = error["msg"] if ours is None else str(ours)
    chinese, both, english = text.partition(" / ")
    return (english, chinese) if both else (text, f"取值无效（{error['type']}）")


def _read_text(path: Path, name: str) -> str:
    try:
        content = path.read_bytes()
    except OSError:
        raise refuse(name, 1, "", "the file cannot be read", "文件无法读取") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refuse(name, line, "", "the line is not UTF-8", "本行不是UTF-8编码") from None


def file_names(folder: Path, pattern: str) -> list[str]:
    """The files of that pattern, in order, named from `folder`; none at all is refused. Raises SeedInvalid."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))
    if not names:
        raise refuse(pattern, 1, "", "no such file", "没有这样的文件")
    return names


def read_csv(folder: Path, name: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a UTF-8 file whose first line is exactly `columns`. Raises SeedInvalid."""
    reader = csv.reader(StringIO(_read_text(folder / name, name), newline=""), strict=True)
    line = 1
    try:
        if next(reader, []) != list(columns):
            raise refuse(name, 1, "", f"the columns must be {', '.join(columns)}", f"列应为{'、'.join(columns)}")
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) != len(columns):
                wanted, found = len(columns), len(cells)
                raise refuse(name, line, "", f"{found} cells instead of {wanted}", f"应有{wanted}格，实有{found}格")
            yield Row(name, line, {column: cell for column, cell in zip(columns, cells, strict=True) if cell})
            line = reader.line_num + 1
    except csv.Error:
        raise refuse(name, line, "", "the line is not CSV", "本行不符合CSV格式") from None


def read_yaml(folder: Path, name: str) -> Located:
    """A YAML file of plain values; a key given twice is refused. Raises SeedInvalid."""
    text = _read_text(folder / name, name)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise refuse(name, 1, "", "the file is empty", "文件为空")
        lines: dict[Place, int] = {}
        data = _plain(loader, node, (), lines, name)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise refuse(name, line, "", "the line holds a character YAML forbids", "本行含YAML不允许的字符") from None
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise refuse(name, line, "", "the line is not YAML", "本行不符合YAML格式") from None
    return Located(name, data, lines)


def _plain(loader: yaml.SafeLoader, node: yaml.Node, place: Place, lines: dict[Place, int], name: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if len(place) > _DEEPEST:
        raise refuse(name, line, as_field(place[:3]), "nested too deeply", "嵌套过深")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, one, (*place, index), lines, name) for index, one in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        try:
            return loader.construct_object(node)
        except ValueError:  # such as 2026-02-30, which YAML takes for a date
            raise refuse(name, line, as_field(place), "no such value", "取值不存在") from None
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise refuse(name, line, as_field(place), "a key must be plain text", "键应为普通文本")
        here = (*place, key)
        if key in mapping:
            raise refuse(name, line, as_field(here), "the key occurs twice", "键重复")
        lines[here] = line
        mapping[key] = _plain(loader, value_node, here, lines, name)
    return mapping
