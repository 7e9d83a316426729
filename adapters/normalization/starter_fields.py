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


@dataclass(slots=True)
class SampleField:
    """样本字段. `path`: names from the record, `[]` after a list of objects."""

    path: tuple[str, ...]
    filled: int = 0
    values: dict[str, int] = field(default_factory=dict)
    """Text of each value, at most _MOST_VALUES of them, and how often it occurs."""

    @property
    def list_path(self) -> tuple[str, ...] | None:
        """The list it stands in, None for a field of the record itself."""
        places = [place for place, name in enumerate(self.path) if name.endswith("[]")]
        return self.path[: places[-1] + 1] if places else None

    @property
    def inside(self) -> tuple[str, ...]:
        """The names from the record or from the element of its list."""
        return self.path[len(self.list_path or ()) :]

    @property
    def text(self) -> str:
        """The path as findings and `ignored` write it."""
        return ".".join(self.path)


def sample_fields(records: Iterable[Mapping[str, Any]]) -> list[SampleField]:
    """Every field in the order in which it first occurs; lists of plain values are one field."""
    found: dict[tuple[str, ...], SampleField] = {}
    for record in records:
        _add(record, (), found)
    above = {path[:length] for path in found for length in range(1, len(path))}
    above |= {(*path[:-1], path[-1].removesuffix("[]")) for path in above}
    return [one for path, one in found.items() if one.filled or path not in above]  # an empty list is no other field


def _add(record: Mapping[str, Any], before: tuple[str, ...], found: dict[tuple[str, ...], SampleField]) -> None:
    for name, value in record.items():
        path = (*before, name)
        if isinstance(value, dict) and len(path) < _DEEPEST:
            _add(value, path, found)
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value) and len(path) < _DEEPEST:
            for one in value:
                if isinstance(one, dict):
                    _add(one, (*before, f"{name}[]"), found)
        elif len(found) < _MOST_FIELDS or path in found:
            _note(found.setdefault(path, SampleField(path)), value)


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
