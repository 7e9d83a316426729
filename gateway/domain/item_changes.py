"""事项变更: what differs between two revisions of an item."""

from collections.abc import Mapping
from typing import Any

from schemas.service_item import ServiceItem

_EMPTY: tuple[object, ...] = (None, [], {})


def item_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Field → (old value, new value), in the order of the model; absent and empty are the same.

    Both are items as JSON documents. A field that the model no longer has comes last.
    """
    known = list(ServiceItem.model_fields)
    names = [*known, *sorted((old.keys() | new.keys()) - set(known))]
    pairs = {name: (_value(old, name), _value(new, name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _value(document: Mapping[str, Any], name: str) -> Any:
    value = document.get(name)
    return None if value in _EMPTY else value
