"""样本字段: every field of a few sample records, with what stands in it; nothing is judged here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.normalization.values import Trouble, plain, shown

_DEEPEST = 4
_MOST_FIELDS = 1000
_MOST_VALUES = 40
_KEPT = 60
"""Characters of a value that are kept."""


class _List(str):
    """The name of a list of objects; a source's own name may end in brackets as well."""

    __slots__ = ()


@dataclass(slots=True)
class SampleField:
    """样本字段. `path`: names from the record through objects and lists."""

    path: tuple[str, ...]
    filled: int = 0
    values: dict[str, int] = field(default_factory=dict)
    """Text of each value, at most _MOST_VALUES of them, and how often it occurs."""

    @property
    def lists(self) -> int:
        """How many lists it stands in, one inside the other."""
        return sum(isinstance(name, _List) for name in self.path)

    @property
    def list_path(self) -> tuple[str, ...] | None:
        """The list it stands in, None for a field of the record itself."""
        places = [place for place, name in enumerate(self.path) if isinstance(name, _List)]
        return self.path[: places[-1] + 1] if places else None

    @property
    def inside(self) -> tuple[str, ...]:
        """The names from the record or from the element of its list."""
        return self.path[len(self.list_path or ()) :]

    @property
    def text(self) -> str:
        """The path as findings and `ignored` write it."""
        return ".".join(f"{name}[]" if isinstance(name, _List) else name for name in self.path)


def sample_fields(records: Iterable[Mapping[str, Any]]) -> list[SampleField]:
    """Every field in the order in which it first occurs; lists of plain values are one field."""
    found: dict[str, SampleField] = {}
    for record in records:
        _add(record, (), found)
    above = {one.path[:length] for one in found.values() for length in range(1, len(one.path))}
    return [one for one in found.values() if one.filled or one.path not in above]  # an empty list is no other field


def _add(record: Mapping[str, Any], before: tuple[str, ...], found: dict[str, SampleField]) -> None:
    for name, value in record.items():
        path = (*before, name)
        if isinstance(value, dict) and len(path) < _DEEPEST:
            _add(value, path, found)
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value) and len(path) < _DEEPEST:
            for one in value:
                if isinstance(one, dict):
                    _add(one, (*before, _List(name)), found)
        else:
            one = SampleField(path)
            if len(found) < _MOST_FIELDS or one.text in found:
                _note(found.setdefault(one.text, one), value)


def _note(one: SampleField, value: Any) -> None:
    for part in value if isinstance(value, list) else [value]:
        text = _text(part)
        if not text:
            continue
        one.filled += 1
        if text in one.values or len(one.values) < _MOST_VALUES:
            one.values[text] = one.values.get(text, 0) + 1


def _text(value: Any) -> str:
    try:
        text = "" if value is None else plain(value)
    except Trouble:
        text = shown(value) or ""
    return text.strip()[: _KEPT * 20]


def comment(text: str) -> str:
    """A text as a YAML comment takes it: one short line without anything that cannot be printed."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(line.split())
    return line if len(line) <= _KEPT else f"{line[: _KEPT - 1]}…"
