"""取值路径: where a value is in a record: a plain path where it is one, else a compiled JMESPath.

A plain path is names divided by dots; a name may be any text without the signs of JMESPath, so that a Chinese column
header is written as it is.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import jmespath

from adapters.dialect import Compiler, Place
from adapters.expressions import Evaluate

_PLAIN = re.compile(
    r"[^\s.\[\]|&!=()'\"`,*@{}<>:?\\][^.\[\]|&!=()'\"`,*@{}<>:?\\]*(?:\.[^\s.\[\]|&!=()'\"`,*@{}<>:?\\]+)*"
)
_INTO = frozenset({"pipe", "projection", "filter_projection", "index_expression", "flatten"})
"""What goes further into what its first part found."""


@dataclass(frozen=True, slots=True)
class Getter:
    """取值: `key` alone for a field of the record itself, `get` for everything else; `reads` = the source paths."""

    text: str
    key: str | None
    get: Evaluate
    reads: tuple[str, ...]


def getter(text: str, compiler: Compiler, place: Place) -> Getter:
    """The getter that `text` means. Raises DialectError."""
    if _PLAIN.fullmatch(text):
        names = text.split(".")
        if len(names) == 1:
            return Getter(text, text, lambda record: record.get(text) if isinstance(record, dict) else None, (text,))
        return Getter(text, None, _walk(names), (text,))
    get = compiler.expression(text, place)
    reads = tuple(dict.fromkeys(_reads(jmespath.compile(text).parsed)))
    key = reads[0] if text in {f'"{name}"' for name in reads} else None
    return Getter(text, key, get, reads)


def is_path(text: str) -> bool:
    """Whether a dialect's `from` is a plain name, or names divided by dots."""
    return _PLAIN.fullmatch(text) is not None


def quoted(name: str) -> str:
    """A source field's name as a dialect writes it: plain where it can be, else in JMESPath's quotes."""
    return name if is_path(name) and "." not in name else json.dumps(name, ensure_ascii=False)


def _walk(names: list[str]) -> Evaluate:
    def walk(record: Any) -> Any:
        for name in names:
            if not isinstance(record, dict):
                return None
            record = record.get(name)
        return record

    return walk


def _reads(node: Mapping[str, Any]) -> Iterator[str]:
    """The paths an expression reads, `name.*` where it goes into a list or pipes on."""
    kind, children = node["type"], node.get("children", ())
    if kind == "field":
        yield str(node["value"])
    elif kind == "subexpression":
        yield from _steps([child for child in children if child["type"] != "current"])
    elif kind in _INTO:
        yield from (path if path.endswith(".*") else f"{path}.*" for path in _reads(children[0]))
    else:
        for child in children:
            yield from _reads(child)


def _steps(children: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """a.b.c, where a step may be a name or something that takes apart what the names before it found."""
    names = [str(child["value"]) for child in takewhile(lambda child: child["type"] == "field", children)]
    above = ".".join(names)
    if len(names) == len(children):
        yield above
        return
    further = children[len(names)]
    inner = list(_reads(further)) if further["type"] in _INTO else []
    if not names:
        yield from inner
    elif inner:
        yield from (f"{above}.{path}" for path in inner)
    else:
        yield f"{above}.*"
