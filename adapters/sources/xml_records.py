"""XML记录: the elements at one path, one at a time; memory does not grow with the file.

The text is decoded here and handed to libxml2 as UTF-8, so that GBK means GB18030 and no declaration is trusted. A
document type is refused before the parser sees it: without one there are no entities to expand or to fetch.
"""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from lxml import etree

from adapters.normalization.source import Source
from adapters.sources.encoding import bytes_read, encoding_of, open_text
from adapters.sources.package import free
from adapters.sources.record import MOST_DEEP, Counter, Place, Progress, Record
from adapters.sources.xml_values import XmlValues

_CHUNK = 64 * 1024
_LONGEST = 16 * 1024**2
"""Characters of one record."""
_PROLOG = re.compile(r"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
_DECLARED = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._\-]*)[\"']")


def read_xml(path: Path, source: Source, progress: Progress | None) -> Iterator[Record]:
    """The elements at `source.records`, `PACKAGE/DATA/RECORD`; without it the children of the root.

    Places are `PACKAGE/DATA/RECORD[3]（第12行）`, counted from 1.
    """
    place = Place(path.name)
    encoding = encoding_of(path, source.encoding or _declared(path), place)
    total = path.stat().st_size
    with open_text(path, encoding) as handle:
        counter = Counter(place, source.max_rows, progress, lambda: (bytes_read(handle), total))
        records = _Records(source, place)
        for element, here in records.read(handle):
            data = records.values.of(element)
            row = element.sourceline
            if not isinstance(data, dict):
                place.at(row).fail(f"the record {here} has no fields", f"记录{here}没有字段")
            yield Record(data, f"{here}（第{row}行）")
            counter.add()
    if not records.found and source.records:
        place.fail(f"there is no element {source.records}", f"没有元素“{source.records}”")


def _declared(path: Path) -> str | None:
    """What the XML declaration says; a byte-order mark, if there is one, is stronger."""
    with path.open("rb") as handle:
        found = _DECLARED.match(handle.read(200))
    return found[1].decode() if found else None


class _Records:
    def __init__(self, source: Source, place: Place) -> None:
        self._path = tuple((source.records or "").strip("/").split("/")) if source.records else None
        self._place = place
        self.values = XmlValues(frozenset(source.lists), place)
        self.count, self.found = 0, False
        self._open: list[str] = []
        self._inside = 0  # how deep inside a record, 1 for the record itself

    def read(self, handle: TextIOWrapper) -> Iterator[tuple[Any, str]]:
        parser = etree.XMLPullParser(
            events=("start", "end"),
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        unread = 0
        try:
            for chunk in _chunks(handle, self._place):
                parser.feed(chunk.encode())
                before = self.count
                yield from self._events(parser)
                unread = 0 if self.count > before or not self._inside else unread + len(chunk)
                if unread > _LONGEST:
                    self._place.fail("one record is too long", "单条记录过长")
            parser.close()
            yield from self._events(parser)
        except etree.XMLSyntaxError as error:
            _malformed(self._place, error, parser.feed_error_log)

    def _events(self, parser: Any) -> Iterator[tuple[Any, str]]:
        for event, element in parser.read_events():
            if event == "start":
                self._enter(element)
            elif self._inside > 1:
                self._inside -= 1
            else:
                self._open.pop()
                if self._inside:
                    self._inside = 0
                    self.count += 1
                    names = "/".join(self._path) if self._path else self.values.name(element.tag)
                    yield element, f"{names}[{self.count}]"
                free(element)

    def _enter(self, element: Any) -> None:
        if self._inside:
            self._inside += 1
        else:
            self._open.append(self.values.name(element.tag))
            self.found = self.found or self._leads_to_records()
            self._inside = int(len(self._open) == 2 if self._path is None else tuple(self._open) == self._path)
        if len(self._open) + max(self._inside - 1, 0) > MOST_DEEP:
            self._place.at(element.sourceline).fail("elements are nested too deeply", "元素嵌套层数过多")

    def _leads_to_records(self) -> bool:
        """At the element around the records, which may be empty; at a root that is itself the record."""
        path = self._path or ()
        return tuple(self._open) == (path[:-1] or path)


def _chunks(handle: TextIOWrapper, place: Place) -> Iterator[str]:
    head = handle.read(_CHUNK)
    prolog = _PROLOG.match(head)
    rest = head[prolog.end() :] if prolog else head
    if rest[:9].upper() == "<!DOCTYPE":
        line = head.count("\n", 0, len(head) - len(rest)) + 1
        place.at(line).fail(
            "a document type is not accepted here: it can define entities",
            "不接受文档类型声明（DOCTYPE），其中可定义实体",
        )
    if head and (not rest.startswith("<") or rest[1:2] in ("?", "!")):
        place.at(1).fail("this is not XML: no root element is near the beginning", "XML语法有误：开头没有根元素")
    while head:
        yield head
        head = handle.read(_CHUNK)


def _malformed(place: Place, error: etree.XMLSyntaxError, log: Any) -> NoReturn:
    """The parser's log has the first fault where the error only says that the document did not end."""
    row, column = error.position
    reason = (error.msg or "").split(", line ")[0]
    if not row and len(log):
        row, column, reason = log[0].line, log[0].column, log[0].message
    place.at(row or None, column or None).fail(f"this is not well-formed XML: {reason}", "XML语法有误")
