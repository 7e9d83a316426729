"""严格JSON: objects without repeated names, numbers that are numbers, and no more than so deep."""

import json
from typing import Any

_DEEPEST = 32


class JsonError(ValueError):
    """Not JSON that everybody reads alike."""


def strict_object(raw: bytes) -> dict[str, Any]:
    """The object in UTF-8 bytes. JsonError for anything else: the last of two equal names must not win silently."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise JsonError(str(error)[:100]) from None
    if not isinstance(value, dict) or _depth(value) > _DEEPEST:
        raise JsonError("not an object, or nested too deeply")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("a name occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise JsonError(f"{name} is no number")


def _depth(value: Any) -> int:
    """How deep a value is nested; found level by level, so that depth costs no recursion."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
