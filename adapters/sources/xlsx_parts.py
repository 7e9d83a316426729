"""xlsx部件: the parts beside the sheets: relations, texts, number formats."""

import posixpath
import re
import zipfile
from typing import Any

from adapters.sources.number_formats import Kind, kind_of
from adapters.sources.package import elements, small_part
from adapters.sources.record import Place

_MOST_TEXT_BYTES = 128 * 1024**2
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Relations:
    """关系: which part of the package another part points to."""

    def __init__(self, package: zipfile.ZipFile, part: str, place: Place) -> None:
        folder, name = posixpath.split(part)
        self._by_id: dict[str, str] = {}
        self._by_kind: dict[str, str] = {}
        here = posixpath.join(folder, "_rels", f"{name}.rels")
        if here not in package.namelist():
            return
        for one in small_part(package, here, place).iter("{*}Relationship"):
            target = one.get("Target") or ""
            whole = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            self._by_id[one.get("Id") or ""] = whole
            self._by_kind.setdefault((one.get("Type") or "").rpartition("/")[2], whole)

    def first(self, kind: str) -> str | None:
        """The first part of a kind."""
        return self._by_kind.get(kind)

    def target(self, element: Any) -> str:
        """The part an element names by its r:id. Raises KeyError."""
        return self._by_id[next(value for name, value in element.attrib.items() if name.endswith("}id"))]


def shared_strings(package: zipfile.ZipFile, part: str | None, place: Place) -> list[str]:
    """The texts that cells refer to by number. Raises SourceUnreadable for more than fits in memory."""
    if part is None:
        return []
    if package.getinfo(part).file_size > _MOST_TEXT_BYTES:
        place.fail("the workbook holds too much text; save the sheet as CSV", "工作簿文本过多，请另存为CSV格式")
    with package.open(part) as file:
        return [text_of(one) for _, one in elements(file, ("{*}si",), place)]


def text_of(element: Any) -> str:
    """The text of a string item, all its runs together, without the reading aid (rPh)."""
    parts: list[str] = []
    for child in element:
        tag = child.tag
        if tag.endswith("}t"):
            parts.append(child.text or "")
        elif tag.endswith("}r"):
            parts += [one.text or "" for one in child if one.tag.endswith("}t")]
    text = "".join(parts)
    return _ESCAPE.sub(_unescaped, text) if "_x" in text else text


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if 0xD800 <= code <= 0xDFFF else chr(code)


def cell_kinds(package: zipfile.ZipFile, part: str | None, place: Place) -> list[Kind]:
    """By style number."""
    if part is None:
        return []
    styles = small_part(package, part, place)
    formats = {int(one.get("numFmtId")): one.get("formatCode") or "" for one in styles.iter("{*}numFmt")}
    return [
        kind_of(int(one.get("numFmtId") or 0), formats)
        for group in styles.iter("{*}cellXfs")
        for one in group.iter("{*}xf")
    ]
