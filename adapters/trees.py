"""报文树: the parts of a partner's object once their expressions are compiled: objects, lists, conditions."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate, is_false


def object_of(parts: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    """An object in the order of its names; `name?` is left out when null."""
    if not any(name.endswith("?") for name, _ in parts):
        return lambda value: {name: part(value) for name, part in parts}
    ordered = [(name.removesuffix("?"), part, name.endswith("?")) for name, part in parts]

    def build(value: Any) -> dict[str, Any]:
        built = {}
        for name, part, may_drop in ordered:
            found = part(value)
            if found is not None or not may_drop:
                built[name] = found
        return built

    return build


def list_of(values: Evaluate, part: Evaluate, outside: Mapping[str, Evaluate]) -> Evaluate:
    """A list, one part for each value; `outside` are names each value is given from what is around it."""
    if not outside:
        return lambda value: [part(one) for one in values(value) or ()]

    def build(value: Any) -> list[Any]:
        given = {name: found(value) for name, found in outside.items()}
        elements = values(value) or ()
        if not all(isinstance(one, dict) for one in elements):
            raise Unmappable("`with` needs a list of objects", "使用with时列表的元素应为对象")
        return [part({**one, **given}) for one in elements]

    return build


def conditional(when: Evaluate, then: Evaluate, other: Evaluate | None) -> Evaluate:
    """A part under a condition; null where it does not hold and there is no other."""
    if other is None:
        return lambda value: None if is_false(when(value)) else then(value)
    return lambda value: other(value) if is_false(when(value)) else then(value)
