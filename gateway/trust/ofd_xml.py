"""OFD的XML: parts parsed without DTD, entities or network; names are compared without their namespace.

Real files use two namespaces (http://www.ofdspec.org/2016 and without the year). An element is found by its local
name: what a lenient reader would render is then never overlooked.
"""

import posixpath
from collections.abc import Iterator
from typing import Any

from lxml import etree

from gateway.trust.zip_container import Package, PackageError

_MAX_XML_BYTES = 32 * 1024 * 1024
Element = Any
"""An element of lxml, which has no public type for it."""


def parse(content: bytes, part: str) -> Element:
    """The root of a part. PackageError where it is not plain UTF-8 XML without a DTD."""
    if len(content) > _MAX_XML_BYTES:
        raise PackageError("XML 过大。", part)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise PackageError("XML 含有 DTD 或实体，不予处理。", part)
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"<"):
        raise PackageError("不是 UTF-8 编码的 XML。", part)
    # a parser of its own for each part: lxml's are not made for several threads
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_blank_text=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise PackageError("XML 不合规范。", part) from None
    if (root.getroottree().docinfo.encoding or "UTF-8").upper() not in ("UTF-8", "UTF8", "ASCII", "US-ASCII"):
        raise PackageError("XML 的编码不是 UTF-8。", part)
    return root


def local(element: Element) -> str:
    """An element's name without its namespace; empty for comments and instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element, name: str) -> list[Element]:
    """The children with this local name."""
    return [child for child in element if local(child) == name]


def only(element: Element, name: str, part: str) -> Element | None:
    """The one child with this name, or None; two of them are an error: readers would differ in their choice."""
    found = children(element, name)
    if len(found) > 1:
        raise PackageError(f"元素 {name} 出现多次。", part)
    return found[0] if found else None


def words(element: Element, part: str) -> str:
    """A leaf's text; comments or elements in it are an error, because they could hide part of it."""
    if len(element):
        raise PackageError(f"元素 {local(element)} 中夹有其他内容。", part)
    return (element.text or "").strip()


def word(element: Element, name: str, part: str) -> str | None:
    """The text of the one child with this name."""
    child = only(element, name, part)
    return None if child is None else words(child, part)


def everywhere(root: Element, *names: str) -> Iterator[Element]:
    """Every element below with one of these local names, whatever its namespace."""
    for name in names:
        yield from root.iter(f"{{*}}{name}")


def location(text: str, base: str, part: str) -> str:
    """The part a ST_Loc names: absolute with a leading slash, else from the folder `base`."""
    text = text.strip()
    joined = text[1:] if text.startswith("/") else posixpath.join(base, text)
    path = posixpath.normpath(joined)
    if not text or "\\" in text or path.startswith(("..", "/")) or path == ".":
        raise PackageError("路径不在文件之内。", f"{part}: {text}")
    return path


def folder(part: str) -> str:
    """The folder a part lies in."""
    return posixpath.dirname(part)


def read_xml(package: Package, part: str) -> Element:
    """A part's root. PackageError where the part is missing or is no XML."""
    if part not in package:
        raise PackageError("缺少应有的部件。", part)
    return parse(package.read(part), part)
