"""XML书写: an object of the dialect as an XML text, elements in the order of the profile."""

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from adapters.dialect import DialectError, Place
from adapters.expression_functions import Unmappable

_NAME = re.compile(r"[^\W\d][\w.\-]*")


def _check_tree(tree: Any, place: Place, declared: str) -> None:
    """Keys are names that `declared` can write, `@attribute` or `#text`."""
    if not isinstance(tree, dict):
        return
    if tree.keys() == {"each", "object"}:
        _check_tree(tree["object"], (*place, "object"), declared)
        return
    for key, part in tree.items():
        name = key.removesuffix("?")
        if name != "#text" and not _writable(name.removeprefix("@"), declared):
            raise DialectError(
                (*place, key), f"{name!r} is no XML name in {declared}", f"“{name}”不是{declared}中有效的XML名"
            )
        _check_tree(part, (*place, key), declared)


def _writable(name: str, declared: str) -> bool:
    return _NAME.fullmatch(name) is not None and in_charset(name, declared) == name


def check_package(tree: Mapping[str, Any], place: Place, declared: str = "UTF-8") -> None:
    """Whether the tree is a document: one root that is an object, names that can be written. Raises DialectError."""
    if len(tree) != 1 or not isinstance(next(iter(tree.values())), dict):
        raise DialectError(place, "an XML text has one root", "XML报文应有且仅有一个根元素")
    _check_tree(tree, place, declared)


def written(package: Mapping[str, Any], declared: str) -> str:
    """The XML text with its declaration; what `declared` cannot write is a character reference.

    Raises Unmappable for characters that XML does not have.
    """
    ((name, value),) = package.items()
    root = etree.Element(name)
    try:
        _fill(root, value)
        text = etree.tostring(root, encoding="unicode")
    except ValueError:  # control characters; lxml's sentence would hold no value either, but ours is in two languages
        raise Unmappable("a text holds a character that XML does not have", "文本含有XML不允许的字符") from None
    return f'<?xml version="1.0" encoding="{declared}"?>{in_charset(text, declared)}'


def in_charset(text: str, charset: str) -> str:
    """The same XML in characters that `charset` has; the others as references."""
    if charset in ("UTF-8", "GB18030"):
        return text
    return text.encode(charset, "xmlcharrefreplace").decode(charset)


def _fill(element: Any, value: Any) -> None:
    if not isinstance(value, dict):
        element.text = _text(value)
        return
    for name, part in value.items():
        if name.startswith("@"):
            element.set(name[1:], _text(part))
        elif name == "#text":
            element.text = _text(part)
        else:
            for one in part if isinstance(part, list) else (part,):
                _fill(etree.SubElement(element, name), one)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Unmappable("a list or an object has no element to stand in", "列表或对象没有对应的元素")
