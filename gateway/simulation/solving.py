"""反解表达式: finds an object of which an expression of a profile gives a wanted value.

A profile says how a city's words become ours; to play the city, its words must be made from ours. Paths, literals,
lists, objects, `||`, `&&`, `==` and the functions that can be undone are searched; whoever asks evaluates the
expression on what was found, so that a wrong guess is never used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from adapters.expressions import Tables, is_false
from gateway.simulation.undoing import UNDO, Parts

Path = tuple[str | int, ...]
Bindings = Mapping[Path, Any]
"""已定之值: path in the object → value; None = it must be null."""
_MOST_GUESSES = 2000


class Truth(Enum):
    """What is wanted of a condition."""

    TRUE = "true"
    FALSE = "false"


class Solver:
    """反解. `tables` are a dialect's code tables, `reverse` the same the other way round."""

    def __init__(self, tables: Tables, reverse: Tables) -> None:
        self._tables, self._reverse = tables, reverse
        self._left = 0

    def solutions(self, text: str, wanted: Any, bound: Bindings | None = None) -> Iterator[Bindings]:
        """Guesses of what the object holds, best first; some do not give what is wanted."""
        self._left = _MOST_GUESSES
        try:
            tree = jmespath.compile(text).parsed
        except JMESPathError:
            return
        yield from self._solve(tree, wanted, (), dict(bound or {}))

    def _solve(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        self._left -= 1
        if self._left < 0:
            return
        if (path := _path_of(node, base)) is not None:
            yield from _bind(path, wanted, bound)
            return
        solve: Callable[..., Iterator[Bindings]] | None = getattr(self, f"_{node['type']}", None)
        if solve is not None:
            yield from solve(node, wanted, base, bound)

    def _subexpression(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        *before, last = node["children"]
        first = before[0] if len(before) == 1 else {**node, "children": before}
        if (path := _path_of(first, base)) is not None:
            yield from self._solve(last, wanted, path, bound)

    _pipe = _index_expression = _subexpression

    def _literal(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        if _fits(node["value"], wanted):
            yield bound

    def _or_expression(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        first, second = node["children"]
        if wanted is Truth.FALSE or (not isinstance(wanted, Truth) and is_false(wanted)):
            for one in self._solve(first, Truth.FALSE, base, bound):
                yield from self._solve(second, wanted, base, one)
            return
        yield from self._solve(first, wanted, base, bound)
        for one in self._solve(first, Truth.FALSE, base, bound):
            yield from self._solve(second, wanted, base, one)

    def _and_expression(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        first, second = node["children"]
        if wanted is Truth.FALSE or (not isinstance(wanted, Truth) and is_false(wanted)):
            yield from self._solve(first, Truth.FALSE, base, bound)
        for one in self._solve(second, wanted, base, bound):
            yield from self._solve(first, Truth.TRUE, base, one)

    def _not_expression(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        if wanted in (Truth.TRUE, True):
            yield from self._solve(node["children"][0], Truth.FALSE, base, bound)
        elif wanted in (Truth.FALSE, False):
            yield from self._solve(node["children"][0], Truth.TRUE, base, bound)

    def _comparator(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        left, right = node["children"]
        equal = (node["value"] == "eq") is (wanted in (Truth.TRUE, True))
        if left["type"] == "literal":
            left, right = right, left
        if right["type"] != "literal":
            return
        if equal:
            yield from self._solve(left, right["value"], base, bound)
        else:
            path = _path_of(left, base)
            if path is None or path not in bound or bound[path] != right["value"]:
                yield bound

    def _multi_select_dict(
        self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings
    ) -> Iterator[Bindings]:
        if isinstance(wanted, Mapping):
            pairs = [(pair["children"][0], wanted.get(pair["value"])) for pair in node["children"]]
            yield from self._all(pairs, base, bound)
        elif wanted is Truth.TRUE:
            yield bound

    def _multi_select_list(
        self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings
    ) -> Iterator[Bindings]:
        if isinstance(wanted, list | tuple) and len(wanted) == len(node["children"]):
            yield from self._all(list(zip(node["children"], wanted, strict=True)), base, bound)
        elif wanted is Truth.TRUE:
            yield bound

    def _all(self, pairs: Sequence[tuple[Any, Any]], base: Path, bound: Bindings) -> Iterator[Bindings]:
        """Each expression gives its value, all of one object."""
        if not pairs:
            yield bound
            return
        (node, wanted), *rest = pairs
        for one in self._solve(node, wanted, base, bound):
            yield from self._all(rest, base, one)

    def _flatten(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        yield from self._solve(node["children"][0], wanted, base, bound)

    def _projection(self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        left, each, *tests = node["children"]
        if left["type"] == "flatten":
            left = left["children"][0]
        path = _path_of(left, base)
        if path is None:
            return
        if wanted is None or wanted is Truth.FALSE or wanted == []:
            yield from _bind(path, [] if wanted == [] else None, bound)
        elif isinstance(wanted, list | tuple):
            yield from self._elements(each, tests, list(enumerate(wanted)), path, bound)

    _filter_projection = _projection

    def _elements(
        self, each: Any, tests: Sequence[Any], left: Sequence[tuple[int, Any]], path: Path, bound: Bindings
    ) -> Iterator[Bindings]:
        if not left:
            yield bound
            return
        (number, wanted), *rest = left
        pairs = [(each, wanted), *((test, Truth.TRUE) for test in tests)]
        for one in self._all(pairs, (*path, number), bound):
            yield from self._elements(each, tests, rest, path, one)

    def _function_expression(
        self, node: Mapping[str, Any], wanted: Any, base: Path, bound: Bindings
    ) -> Iterator[Bindings]:
        name, arguments = node["value"], node["children"]
        if name in ("lookup", "reverse_lookup"):
            yield from self._lookup(name, arguments, wanted, base, bound)
        elif name in ("default", "not_null"):
            yield from self._first_there(arguments, wanted, base, bound)
        elif isinstance(wanted, Truth):
            if wanted is Truth.TRUE and arguments:
                yield from self._solve(arguments[-1], wanted, base, bound)
        elif name in UNDO:
            for parts in UNDO[name](arguments, wanted):
                yield from self._all(list(parts), base, bound)

    def _first_there(self, arguments: Parts, wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        """default(a, b), not_null(a, b): the first that is not null."""
        absent = bound
        for argument in arguments:
            yield from self._solve(argument, wanted, base, absent)
            absent = next(self._solve(argument, None, base, absent), absent)

    def _lookup(self, name: str, arguments: Parts, wanted: Any, base: Path, bound: Bindings) -> Iterator[Bindings]:
        table = (self._tables if name == "lookup" else self._reverse).get(arguments[0]["value"], {})
        if wanted is None:
            yield from self._solve(arguments[1], None, base, bound)
        for key, value in table.items():
            if value == wanted or wanted is Truth.TRUE:
                yield from self._solve(arguments[1], key, base, bound)


def paths_in(text: str) -> list[Path]:
    """Every plain path that an expression looks at, outside of lists."""
    found: list[Path] = []

    def look(node: Mapping[str, Any]) -> None:
        path = _path_of(node, ())
        if path is not None:
            found.extend([path] if path else [])
        elif node["type"] not in ("projection", "filter_projection", "flatten"):
            for child in node.get("children", ()):
                look(child)

    look(jmespath.compile(text).parsed)
    return list(dict.fromkeys(found))


def found_at(value: Any, path: Path) -> Any:
    """What is at a path; null where there is nothing."""
    for part in path:
        if isinstance(part, int) and isinstance(value, list) and -len(value) <= part < len(value):
            value = value[part]
        elif isinstance(part, str) and isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def _path_of(node: Mapping[str, Any], base: Path) -> Path | None:
    """Where a plain path leads; None for anything else."""
    kind = node["type"]
    if kind in ("current", "identity"):
        return base
    if kind in ("field", "index"):
        return (*base, node["value"])
    if kind in ("subexpression", "index_expression"):
        path: Path | None = base
        for child in node["children"]:
            path = None if path is None else _path_of(child, path)
        return path
    return None


def _bind(path: Path, wanted: Any, bound: Bindings) -> Iterator[Bindings]:
    if path in bound:
        if _fits(bound[path], wanted):
            yield bound
        return
    if any(path[: len(other)] == other and value is not None for other, value in bound.items()):
        return  # something above it is a plain value already
    if wanted is Truth.FALSE:
        wanted = None
    elif wanted is Truth.TRUE:
        wanted = "1"
    yield {**bound, path: wanted}


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Truth):
        return is_false(value) is (wanted is Truth.FALSE)
    return type(value) is type(wanted) and bool(value == wanted)


def made(bound: Bindings, base: Any = None) -> Any:
    """The object of which these things are so, over a copy of `base` where it is one."""
    found: Any = _copy(base) if isinstance(base, dict) else None
    for path, value in sorted(bound.items(), key=lambda one: [str(part) for part in one[0]]):
        found = _put(found, path, value)
    return {} if found is None else found


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(part) for key, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list) else value


def _put(into: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    first, *rest = path
    if isinstance(first, int):
        row = list(into) if isinstance(into, list) else []
        place = first if first >= 0 else max(len(row) + first, 0)
        row += [None] * (place + 1 - len(row))
        row[place] = _put(row[place], tuple(rest), value)
        return row
    part = dict(into) if isinstance(into, dict) else {}
    if value is None and rest and part.get(first) is None:
        return part | {first: part.get(first)}  # null above is null below
    part[first] = _put(part.get(first), tuple(rest), value)
    return part
