"""反函数: for the functions of the profile language that can be undone, which arguments give a wanted value."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from adapters.expression_functions import Unmappable, compact_time, epoch_ms, from_compact_time, from_epoch_ms

Parts = Sequence[Mapping[str, Any]]
Pairs = Sequence[tuple[Mapping[str, Any], Any]]
"""Argument → what it should give."""
Undo = Callable[[Parts, Any], Iterator[Pairs]]


def _one(*ways: Callable[[Any], Any]) -> Undo:
    """A function of one argument, undone by any of these."""

    def undo(arguments: Parts, wanted: Any) -> Iterator[Pairs]:
        for way in ways:
            try:
                yield [(arguments[0], None if wanted is None else way(wanted))]
            except (Unmappable, ValueError, TypeError):
                continue

    return undo


def _number_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return str(value)


def _number(value: Any) -> int:
    if not isinstance(value, str):
        raise TypeError
    return int(value)


def _text_or_number(part: str) -> list[Any]:
    return [part, int(part)] if part.isascii() and part.isdecimal() and str(int(part)) == part else [part]


def _joined(arguments: Parts, wanted: Any) -> Iterator[Pairs]:
    """joined(glue, [a, b, …]), split at the glue; what has it in itself is tried at either end."""
    glue, parts = arguments
    if parts["type"] != "multi_select_list" or glue["type"] != "literal" or not isinstance(wanted, str):
        return
    children, between = parts["children"], str(glue["value"])
    for count in range(len(children), 0, -1):  # parts that are null leave no trace
        splits = [wanted.split(between, count - 1), wanted.rsplit(between, count - 1)] if between else []
        for split in splits:
            if len(split) == count:
                for values in itertools.product(*map(_text_or_number, split)):
                    yield list(zip(children, [*values, *[None] * (len(children) - count)], strict=True))


def _join(arguments: Parts, wanted: Any) -> Iterator[Pairs]:
    """join(glue, list of texts)."""
    glue, parts = arguments
    if glue["type"] == "literal" and isinstance(wanted, str):
        yield [(parts, [wanted])]


UNDO: Mapping[str, Undo] = MappingProxyType(
    {
        "from_epoch_ms": _one(epoch_ms, lambda text: str(epoch_ms(text))),
        "epoch_ms": _one(from_epoch_ms),
        "from_compact_time": _one(compact_time),
        "compact_time": _one(from_compact_time),
        "to_number": _one(_number_text, lambda value: value),
        "to_string": _one(_number, lambda value: value),
        "json_text": _one(orjson.loads),
        "joined": _joined,
        "join": _join,
    }
)
"""lookup, reverse_lookup, default and not_null need more than their arguments: see solving.py."""
