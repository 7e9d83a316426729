"""映射与列表函数: a map as a list of its entries and back, and a value under a key that is computed."""

from typing import Any

from adapters.expression_functions import Unmappable


def entries(mapping: Any) -> list[dict[str, Any]] | None:
    """[{key, value}] in the map's order."""
    if mapping is None:
        return None
    if not isinstance(mapping, dict):
        raise Unmappable("this is no map", "不是键值对象")
    return [{"key": key, "value": value} for key, value in mapping.items()]


def from_entries(rows: Any, key: Any, value: Any) -> dict[str, Any] | None:
    """A map of each row's field `key` to its field `value`. A key that is no text, or comes twice, is not guessed."""
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unmappable("this is no list of objects", "不是对象列表")
    made: dict[str, Any] = {}
    for row in rows:
        name = row.get(key)
        if not isinstance(name, str) or name in made:
            raise Unmappable("a key is no text, or comes twice", "键不是文本或重复")
        made[name] = row.get(value)
    return made


def at(mapping: Any, key: Any) -> Any:
    """The value under a computed key; null where either is missing."""
    if mapping is None or key is None:
        return None
    if not isinstance(mapping, dict):
        raise Unmappable("this is no map", "不是键值对象")
    return mapping.get(key)
