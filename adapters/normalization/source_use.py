"""来源利用: which of a city's fields are used, which are left out on purpose, and which nobody has thought of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.normalization.values import printable

_DEEPEST = 6
_SHAPES = 10_000
"""Shapes of records remembered; a catalogue has a few dozen."""


@dataclass(frozen=True, slots=True)
class SourceMap:
    """来源字段归类. A path: `a.b` for objects, `materials[].is_need` for lists; `name.*` covers a subtree."""

    used: frozenset[str]
    ignored: Mapping[str, str]

    def goes_into(self, path: str) -> bool:
        """Whether parts of the object or list at `path` are named one by one."""
        starts = (f"{path}.", f"{path}[]")
        return any(name.startswith(starts) and name != f"{path}.*" for name in (*self.used, *self.ignored))

    def is_list(self, path: str) -> bool:
        """Whether the elements of a list at `path` are told apart."""
        return any(name.startswith(f"{path}[]") for name in self.used)

    def kind(self, path: str) -> str:
        """used, ignored or unmapped."""
        for known, names in (("used", self.used), ("ignored", self.ignored)):
            if path in names or any(name.endswith(".*") and _under(path, name[:-2]) for name in names):
                return known
        return "unmapped"


def _under(path: str, above: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}[]"))


@dataclass(slots=True)
class SourceUse:
    """来源利用统计: every path seen in a catalogue. Records of a shape seen before cost one look-up."""

    source_map: SourceMap
    seen: set[str] = field(default_factory=set)
    _shapes: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = field(default_factory=dict)
    """Where a record is and its keys → the keys whose own fields are told apart."""

    def add(self, record: Any) -> None:
        """Take note of a record's fields."""
        if isinstance(record, dict):
            self._add(record, "", 0)

    def _add(self, record: dict[str, Any], before: str, depth: int) -> None:
        shape = (before, tuple(record))
        deeper = self._shapes.get(shape)
        if deeper is None:
            deeper = self._learn(record, before) if depth < _DEEPEST else ()
            if len(self._shapes) < _SHAPES:
                self._shapes[shape] = deeper
        for name in deeper:
            self._into(record[name], f"{before}{name}", depth)

    def _learn(self, record: dict[str, Any], before: str) -> tuple[str, ...]:
        deeper = tuple(name for name in record if self.source_map.goes_into(f"{before}{name}"))
        self.seen.update(printable(f"{before}{name}") for name in record if name not in deeper)
        return deeper

    def _into(self, value: Any, path: str, depth: int) -> None:
        if isinstance(value, list):
            before = f"{path}[]."
            for one in value:
                if isinstance(one, dict):
                    self._add(one, before, depth + 1)
        elif isinstance(value, dict):
            self._add(value, f"{path}[]." if self.source_map.is_list(path) else f"{path}.", depth + 1)
        elif value not in (None, ""):
            self.seen.add(printable(path))

    def groups(self) -> dict[str, list[str]]:
        """Every path seen, by kind."""
        found: dict[str, list[str]] = {"used": [], "ignored": [], "unmapped": []}
        for path in sorted(self.seen):
            found[self.source_map.kind(path)].append(path)
        return found

    def shares(self) -> dict[str, float]:
        """Shares of the fields seen, together 1; all 0 where none was seen."""
        groups = self.groups()
        total = sum(map(len, groups.values()))
        return {kind: round(len(paths) / total, 4) if total else 0.0 for kind, paths in groups.items()}
