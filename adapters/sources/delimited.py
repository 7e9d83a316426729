"""分隔文本: CSV, read row by row; memory does not grow with the file."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from adapters.normalization.source import Source
from adapters.sources.encoding import bytes_read, encoding_of, open_text
from adapters.sources.headers import Headers, read_headers
from adapters.sources.record import Counter, Place, Progress, Record

_LONGEST_LINE = 4 * 1024**2
_LONGEST_CELL = 4 * 1024**2
"""Characters: a guide with its markup is longer than the module's 131,072."""
csv.field_size_limit(max(_LONGEST_CELL, csv.field_size_limit()))


def read_delimited(path: Path, source: Source, progress: Progress | None) -> Iterator[Record]:
    """The rows under the header, empty ones left out. Places are line numbers as an editor counts them."""
    place = Place(path.name)
    encoding = encoding_of(path, source.encoding, place)
    total = path.stat().st_size
    with open_text(path, encoding) as handle:
        counter = Counter(place, source.max_rows, progress, lambda: (bytes_read(handle), total))
        rows = _rows(handle, source, place)
        headers = _headers(rows, source, place)
        for line, cells in rows:
            values = [cell if cell.strip() else None for cell in cells]
            if any(value is not None for value in values[len(headers.names) :]):
                _surplus(place.at(line), len(cells), len(headers.names))
            del values[len(headers.names) :]  # separators at the end of a row are no values
            if any(value is not None for value in values):
                yield Record(headers.record(line, values), f"第{line}行")
                counter.add()


def _headers(rows: Iterator[tuple[int, list[str]]], source: Source, place: Place) -> Headers:
    for number, (line, cells) in enumerate(rows, 1):
        if number == source.header_row:
            return read_headers(cells, line, source.columns, place, lettered=False)
    raise place.at(source.header_row).error("there is no header row", "没有表头行")


def _surplus(place: Place, found: int, expected: int) -> NoReturn:
    place.fail(f"the row has {found} cells, the header {expected}", f"该行有{found}个单元格，表头只有{expected}个")


def _rows(handle: TextIOWrapper, source: Source, place: Place) -> Iterator[tuple[int, list[str]]]:
    """Line on which each row starts, and its cells."""
    reader = csv.reader(_lines(handle, place), delimiter=source.delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _malformed(place.at(line), str(error))
        yield line, cells


def _malformed(place: Place, reason: str) -> NoReturn:
    if "end of data" in reason or "field larger" in reason:
        place.fail("a quotation mark in this row is not closed", "该行的引号没有闭合")
    place.fail("quotation marks in this row are misplaced", "该行的引号位置有误")


def _lines(handle: TextIOWrapper, place: Place) -> Iterator[str]:
    number = 0
    while line := handle.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            place.at(number).fail(f"the line is longer than {_LONGEST_LINE} characters", "该行过长")
        if "\0" in line:
            place.at(number, line.index("\0") + 1).fail(
                "there is a NUL character: the file may be UTF-16 without its mark",
                "含有空字符（NUL），文件可能是没有字节序标记的UTF-16",
            )
        yield line
