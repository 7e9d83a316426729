"""JSON记录: the elements of one list, one at a time; memory does not grow with the file.

Each element is parsed by the standard library, which names the place of a fault, while only the way to the list is
walked here. A key that occurs twice, NaN, and a number too large for its type are refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.normalization.source import Source
from adapters.sources.encoding import bytes_read, encoding_of, open_text
from adapters.sources.json_text import JsonText
from adapters.sources.record import MOST_DEEP, Counter, Place, Progress, Record


def read_json(path: Path, source: Source, progress: Progress | None) -> Iterator[Record]:
    """The objects of the list at `source.records`, or the one object there; places are `data[17]`, counted from 0."""
    place = Place(path.name)
    encoding = encoding_of(path, source.encoding, place)
    total = path.stat().st_size
    names = source.records.split(".") if source.records else []
    with open_text(path, encoding) as handle:
        counter = Counter(place, source.max_rows, progress, lambda: (bytes_read(handle), total))
        walk = _Walk(JsonText(handle, place), names, place)
        for element in walk.elements(0):
            here = f"{source.records or ''}[{counter.count}]"
            if not isinstance(element, dict):
                walk.text.fail(f"the record {here} is no object", f"记录{here}不是对象")
            yield Record(element, here)
            counter.add()
        walk.finish()


class _Walk:
    """Through the objects around the list."""

    def __init__(self, text: JsonText, names: list[str], place: Place) -> None:
        self.text, self._names, self._place = text, names, place
        self._found = False

    def elements(self, level: int) -> Iterator[Any]:
        """The elements of the list; everything before and after it is checked as well."""
        text = self.text
        if level == len(self._names):
            self._found = True
            if level and text.peek() == "{":  # one record alone under its name: {"data": {…}}
                yield text.value(MOST_DEEP - level)
                return
            if text.peek() != "[":
                where = ".".join(self._names)
                text.fail(f"there is no list at {where or 'the top'}", f"“{where or '顶层'}”处不是列表")
            yield from text.list_elements(MOST_DEEP - level)
            return
        if text.peek() != "{":
            where = ".".join(self._names[:level])
            text.fail(f"there is no object at {where or 'the top'}", f"“{where or '顶层'}”处不是对象")
        for name in text.members():
            if name == self._names[level]:
                yield from self.elements(level + 1)
            else:
                text.skip(MOST_DEEP - level - 1)

    def finish(self) -> None:
        """Nothing may follow, and the list must have been there."""
        if self.text.peek():
            self.text.fail("something follows the end of the document", "文档结束后还有内容")
        if not self._found:
            where = ".".join(self._names)
            self._place.fail(f"there is nothing at {where}", f"没有“{where}”")
