"""读样本: the first records of a catalogue file that nobody has described yet, and how it seems to be read.

What is found out here is written into the starter profile, where a person sees it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from adapters.normalization.source import Children, Source
from adapters.sources.encoding import encoding_of, open_text
from adapters.sources.json_text import JsonText
from adapters.sources.reading import read_records
from adapters.sources.record import MOST_DEEP, Place
from adapters.sources.sheet_records import open_workbook
from adapters.xml_reading import XmlLimits, XmlRefused, as_words, decoded, parsed

_RECORDS = 200
_LARGEST = 20 * 1024**2
_FORMS = {
    ".json": "json",
    ".xml": "xml",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "sheet",
    ".xls": "sheet",
    ".ods": "sheet",
}
_DELIMITERS = ",;\t|"
_HEADER_ROWS = 10
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """样本: how the file is read, and its first records."""

    source: Source
    records: tuple[dict[str, Any], ...]


def sample_catalogue(path: Path, names: frozenset[str]) -> Sample:
    """The file's first records. `names`: fields of items known elsewhere, by which the list of items is recognised.

    Raises SourceUnreadable for what cannot be read, or where no list of items is found.
    """
    form = _FORMS.get(path.suffix.lower())
    place = Place(path.name)
    if form is None:
        place.fail(f"the sample must be one of {' '.join(_FORMS)}", f"样本应为{' '.join(_FORMS)}之一")
    if not path.is_file():
        place.fail("there is no such file", "文件不存在")
    if path.stat().st_size > _LARGEST:
        place.fail("the sample is too large: take out a few hundred records", "样本过大，请截取几百条")
    source = {"json": _json, "xml": _xml, "csv": _csv, "sheet": _sheet}[form](path, names, place)
    records = tuple(record.data for record in islice(read_records(path, source), _RECORDS))
    if not records:
        place.fail("there are no records", "没有记录")
    return Sample(source, records)


def _json(path: Path, names: frozenset[str], place: Place) -> Source:
    encoding = encoding_of(path, None, place)
    try:
        with open_text(path, encoding) as handle:
            document = json.load(handle)
    except (ValueError, RecursionError):
        with open_text(path, encoding) as handle:
            JsonText(handle, place).skip(MOST_DEEP)  # says what is wrong, and where
        place.fail("this is not JSON", "JSON语法有误")
    if isinstance(document, list):
        return Source(format="json")
    found = _best(document, names)
    if found is None:
        place.fail("there is no list of objects", "没有找到事项列表")
    return Source(format="json", records=".".join(found))


def _best(document: Any, names: frozenset[str]) -> tuple[str, ...] | None:
    """Where the items seem to be: the list, or the object, with the most fields whose names are known."""
    candidates = [(_score(value, names), path) for path, value in _candidates(document, ())]
    best = max(candidates, key=lambda one: one[0], default=None)
    return None if best is None else best[1]


def _candidates(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, list):
        if value and all(isinstance(one, dict) for one in value):
            yield path, value
    elif isinstance(value, dict) and len(path) < _DEEPEST:
        if path:
            yield path, value
        for name, inner in value.items():
            yield from _candidates(inner, (*path, name))


def _score(value: Any, names: frozenset[str]) -> tuple[int, bool, int, int]:
    first = value[0] if isinstance(value, list) else value
    known = sum(name in names for name in first)
    return known, isinstance(value, list), len(first), len(value)


def _xml(path: Path, names: frozenset[str], place: Place) -> Source:
    try:
        root = parsed(decoded(path.read_bytes()), XmlLimits(max_bytes=_LARGEST, max_depth=MOST_DEEP))
        document = as_words(root, frozenset())
    except XmlRefused as error:
        for _ in read_records(path, Source(format="xml")):
            pass  # says better what is wrong, and where
        raise place.error(f"the sample is not taken: {error}", "样本过大，请截取几百条") from None
    found = _best(document, names)
    if found is None:
        place.fail("there is no list of elements", "没有找到事项列表")
    inside: Any = document
    for name in found:
        inside = inside[name]
    rows = inside if isinstance(inside, list) else [inside]
    lists = sorted({name for row in rows for name in _listed(row)})
    return Source(format="xml", records="/".join(found), lists=tuple(lists))


def _listed(value: Any) -> Iterator[str]:
    """Elements that occur more than once somewhere: they are lists where they occur once as well."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, list):
                yield name
            for one in inner if isinstance(inner, list) else [inner]:
                yield from _listed(one)


def _csv(path: Path, _names: frozenset[str], place: Place) -> Source:
    encoding = encoding_of(path, None, place)
    with open_text(path, encoding) as handle:
        head = handle.readline(10_000)
    delimiter = max(_DELIMITERS, key=head.count)
    return Source(format="csv", delimiter=delimiter) if delimiter != "," else Source(format="csv")


def _sheet(path: Path, names: frozenset[str], place: Place) -> Source:
    workbook = open_workbook(path, place)
    try:
        headers = {}
        for number, name in enumerate(workbook.names):
            rows = islice(workbook.rows(number, Place(place.file, name)), _HEADER_ROWS)
            headers[name] = _header(list(rows))
    finally:
        workbook.close()
    main = max(headers, key=lambda name: sum(text in names for text in headers[name][1]), default=None)
    if main is None or not headers[main][1]:
        place.fail("there is no sheet with a header row", "没有带表头的工作表")
    row, columns = headers[main]
    children = {}
    for name, (child_row, child_columns) in headers.items():
        shared = [column for column in child_columns if column in columns and column in names]
        if name != main and shared and name not in columns:
            children[name] = Children(sheet=name, key=shared[0], header_row=child_row)
    settings: dict[str, Any] = {"format": "sheet", "sheet": main}
    if row != 1:
        settings["header_row"] = row
    if children:
        settings["children"] = children
    return Source(**settings)


def _header(rows: list[tuple[int, list[Any]]]) -> tuple[int, list[str]]:
    """The row with the most texts among the first ones, and its texts."""
    best: tuple[int, list[str]] = (1, [])
    for row, cells in rows:
        texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
        if len(texts) > len(best[1]):
            best = row, texts
    return best
