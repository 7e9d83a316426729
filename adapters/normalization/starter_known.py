"""已知名称: what source fields are called elsewhere, read off the dialects we ship and the names of our own fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.normalization.getters import is_path
from adapters.normalization.item_dialect import FieldSpec, ItemDialect
from adapters.normalization.targets import ITEM, TARGETS, Kind, Target

_ORDER = ("gbt_39046", "service_item", "guangxi_payload", "guangdong_pinyin", "plain_sheet")
"""Whose names count first."""
_VENDORS = {"ASSORT": "project_type", "item_type": "project_type"}
"""Names of two vendors that number 办件类型 the other way round."""
_HEADERS = "plain_sheet"
"""The dialect whose way of reading a field is taken where a header is the field's Chinese name."""
_KEPT = ("when", "split", "pattern", "cut", "times", "dates")
Needs = tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Known:
    """已知名称: what one field of a source may be."""

    target: Target
    words: Mapping[str, Any]
    """Words of the field besides `from` and `codes`."""
    table: str | None
    why: str
    needs: Needs = ()
    """Other fields that go with it: the list it stands in, what each element of a split text is."""


Names = dict[tuple[str, str], list[Known]]
"""Group in which the source field stands, and its name → what it may be, the most trusted first."""


def known_names(bases: Mapping[str, ItemDialect]) -> Names:
    """Every name that is known."""
    names: Names = {}
    for base in [*_ORDER, *sorted(bases.keys() - set(_ORDER))]:
        if base in bases:
            for group, name, known in _of_dialect(bases[base]):
                _learn(names, group, name, known)
    for name, path in _VENDORS.items():
        _learn(names, ITEM, name, Known(TARGETS[path], {}, path, "某厂商的名称，编号与国标相反 a vendor's name"))
    headers = bases[_HEADERS].fields if _HEADERS in bases else {}
    for target in TARGETS.values():
        spec = headers.get(target.path) or FieldSpec.model_validate({"from": target.path})
        for name in _chinese(target):
            why = "与我方字段的中文名相同 the Chinese name of our field"
            _learn(names, target.group, name, Known(target, _words(spec), spec.codes, why))
    return names


def _learn(names: Names, group: str, name: str, known: Known) -> None:
    """A name means what the first source says; that may be several fields."""
    listed = names.setdefault((group, name), [])
    if not listed or listed[0].why == known.why:
        listed.append(known)


def _chinese(target: Target) -> Iterator[str]:
    yield target.name_zh
    if target.path.endswith((".value", ".unit")):
        yield target.name_zh.partition("·")[0]  # one header for a limit in words


def _words(spec: FieldSpec) -> dict[str, Any]:
    given = spec.model_dump(mode="json", exclude_unset=True)
    return {word: given[word] for word in _KEPT if given.get(word)}


def _of_dialect(dialect: ItemDialect) -> Iterator[tuple[str, str, Known]]:
    why = f"{dialect.dialect} 中的名称 its name in {dialect.dialect}"
    for path, spec in dialect.fields.items():
        if spec is None or spec.source is None or not is_path(spec.source) or path == "city":
            continue
        target = TARGETS[path]
        flat = target.group and _source(dialect, f"{target.group}[]") == "@"
        needs: Needs = ()
        if flat:
            needs = ((f"{target.group}[]", {"from": "@"}), *_constants(dialect, target.group))
        elif target.kind is Kind.LIST:
            needs = (*_elements(dialect, target.inside[0]), *_constants(dialect, target.inside[0]))
        yield "" if flat else target.group, spec.source, Known(target, _words(spec), spec.codes, why, needs)


def _source(dialect: ItemDialect, path: str) -> str | None:
    spec = dialect.fields.get(path)
    return None if spec is None else spec.source


def _elements(dialect: ItemDialect, group: str) -> Needs:
    """Fields that are the element itself, where a text is divided into a list."""
    found = ((path, spec) for path, spec in dialect.fields.items() if path.startswith(f"{group}[]."))
    return tuple((path, {"from": "@", **_words(spec)}) for path, spec in found if spec and spec.source == "@")


def _constants(dialect: ItemDialect, group: str) -> Needs:
    found = ((path, spec) for path, spec in dialect.fields.items() if path.startswith(f"{group}[]."))
    return tuple((path, {"constant": spec.constant}) for path, spec in found if spec and spec.constant is not None)
