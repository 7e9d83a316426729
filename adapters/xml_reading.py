"""XML读取: a partner's XML text made safe before anything looks into it.

The text is decoded here, so that no declaration is trusted and GBK means GB18030. A document type is refused before
libxml2 sees it: without one there are no entities to expand or to fetch. Size, depth and number of nodes are bounded.
"""

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from adapters.sources.record import Place
from adapters.sources.xml_values import XmlValues
from schemas.errors import CrossCityError

_PROLOG = re.compile(r"(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
_DECLARED = re.compile(rb"\s*<\?xml[^>]{1,200}?\sencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._\-]*)[\"']")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CODECS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("gb18030", "gbk", "gb2312", "x-gbk", "cp936", "gb_2312-80"), "gb18030"),
}
_MOST_NODES = 100_000
"""Beginnings and ends of elements, and attributes: one may cost thirty times the bytes it was written with."""
_LARGE_BYTES = 9_000_000
"""libxml2 refuses a text of 10 MB unless it is told that documents are large."""


class XmlRefused(ValueError):
    """XML不予读取: not well-formed, or more than we take."""


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """XML限额."""

    max_bytes: int
    max_depth: int


def decoded(content: bytes, charset: str | None = None) -> str:
    """The text: by its byte-order mark, else as the transport says, else as it declares, else UTF-8.

    Raises XmlRefused for another encoding, or for bytes that do not fit.
    """
    declared = _DECLARED.match(content)
    by_mark = next((codec for mark, codec in _MARKS if content.startswith(mark)), None)
    name = charset or (declared[1].decode() if declared else "utf-8")
    codec = by_mark or _CODECS.get(name.lower())
    if codec is None:
        raise XmlRefused("an encoding that is not taken")
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        raise XmlRefused("bytes that do not fit the encoding") from None


def parsed(text: str, limits: XmlLimits) -> Any:
    """The root element of an XML text; comments and processing instructions are dropped. Raises XmlRefused."""
    text = text.lstrip("\ufeff \t\r\n")
    prolog = _PROLOG.match(text)
    if text.startswith("<!DOCTYPE", prolog.end() if prolog else 0):
        raise XmlRefused("a document type")
    if len(text) > limits.max_bytes or text.count("<") + text.count('="') + text.count("='") > _MOST_NODES:
        raise XmlRefused("too large")
    try:
        content = text.encode()
        root = etree.fromstring(content, _parser(large=len(content) > _LARGE_BYTES))
    except (etree.XMLSyntaxError, UnicodeEncodeError):
        raise XmlRefused("not well-formed") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("a document type")
    if root.xpath("/*" * (limits.max_depth + 1)):
        raise XmlRefused("too deep")
    return root


def as_words(root: Any, lists: frozenset[str]) -> dict[str, Any]:
    """{root: value} for expressions: text without the spaces around it, null for an empty element, objects, lists.

    Namespaces are dropped. Raises XmlRefused for attributes that then have one name.
    """
    try:
        return {etree.QName(root).localname: XmlValues(lists, Place("XML")).of(root)}
    except CrossCityError:
        raise XmlRefused("two attributes with one name") from None


def _parser(*, large: bool) -> Any:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=large,
        remove_comments=True,
        remove_pis=True,
    )
