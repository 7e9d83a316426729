"""映射目标: every field of a service item that a dialect may fill, read off the model itself.

A group is one kind of record: the item, or the elements of one of its lists. Coverage counts the fields of each group.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum, StrEnum
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from schemas.service_item import ServiceItem

ITEM = ""
"""The group of the item itself; a list's group is its name."""
_TERM_ENDS = re.compile(r"[,:;.（]| of ")
_NOT_MAPPED = frozenset({"provenance"})
_NOT_COUNTED = frozenset({"city", "form_fields"})
"""The one is known from who sends the catalogue, the other an extension of ours that no city owes us."""
_WHOLE = frozenset({"form_fields"})
"""Taken over as it is: only a peer that speaks our own language has it."""


class Kind(StrEnum):
    """取值种类."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CODE = "code"
    DATE = "date"
    MOMENT = "moment"
    LIST = "list"
    """A list of objects: `materials[]`."""
    WHOLE = "whole"
    """A list in our own words, taken over as it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """One field: `path` as dialects write it, `inside` the keys that lead to it in its group's record."""

    path: str
    group: str
    inside: tuple[str, ...]
    kind: Kind
    name_zh: str
    many: bool = False
    """A list of plain values."""
    codes: type[Enum] | None = None
    max_length: int | None = None
    one_line: bool = False
    counted: bool = True
    required: bool = False
    """Whether the record of its group, or the object it stands in, cannot be without it."""


def _walk(annotation: Any) -> Iterator[Any]:
    """The annotation and what it is made of, outermost first."""
    yield annotation
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        yield from _walk(inner)
        yield from extra
    elif get_origin(annotation) in (Union, UnionType, tuple):
        for part in get_args(annotation):
            yield from _walk(part)


def _constraints(field: FieldInfo, parts: list[Any]) -> StringConstraints | None:
    found = (one for one in (*parts, *field.metadata) if isinstance(one, StringConstraints))
    return next(found, None)


def _kind(parts: list[Any]) -> tuple[Kind, type[Enum] | None]:
    types = [part for part in parts if isinstance(part, type)]
    for part in types:
        if issubclass(part, Enum):
            return Kind.CODE, part
    for kind, type_ in ((Kind.BOOLEAN, bool), (Kind.INTEGER, int), (Kind.MOMENT, datetime), (Kind.DATE, date)):
        if type_ in types:
            return kind, None
    return Kind.TEXT, None


def name_zh(field: FieldInfo, fallback: str) -> str:
    """中文名称: the docstring up to its first comma, colon or stop."""
    chinese = _TERM_ENDS.split(field.description or "", maxsplit=1)[0].strip()
    return chinese if chinese and not chinese.isascii() else fallback


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk through the model is."""

    group: str = ITEM
    before: str = ""
    inside: tuple[str, ...] = ()
    title: str = ""


def _targets(model: type[BaseModel], place: _Place) -> Iterator[Target]:
    for name, field in model.model_fields.items():
        if not place.before and name in _NOT_MAPPED:
            continue
        parts = list(_walk(field.annotation))
        many = any(get_origin(part) is tuple for part in parts)
        models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        path, here = f"{place.before}{name}", (*place.inside, name)
        title = f"{place.title}{name_zh(field, name)}"
        if path in _WHOLE:
            yield Target(path, place.group, here, Kind.WHOLE, title, counted=path not in _NOT_COUNTED)
        elif models and many:
            yield Target(f"{path}[]", place.group, here, Kind.LIST, title, many=True)
            yield from _targets(models[0], _Place(name, f"{path}[]."))
        elif models:
            yield from _targets(models[0], _Place(place.group, f"{path}.", here, f"{title}·"))
        else:
            plain = Target(path, place.group, here, Kind.TEXT, title, many, required=field.is_required())
            yield _leaf(field, parts, plain)


def _leaf(field: FieldInfo, parts: list[Any], target: Target) -> Target:
    kind, codes = _kind(parts)
    limits = _constraints(field, parts)
    return replace(
        target,
        kind=kind,
        codes=codes,
        max_length=limits.max_length if limits else None,
        one_line=bool(limits and limits.pattern),
        counted=target.path not in _NOT_COUNTED,
    )


TARGETS: Mapping[str, Target] = MappingProxyType({one.path: one for one in _targets(ServiceItem, _Place())})
"""Every target by its path."""
GROUPS: Mapping[str, tuple[Target, ...]] = MappingProxyType(
    {
        group: tuple(one for one in TARGETS.values() if one.group == group)
        for group in dict.fromkeys(one.group for one in TARGETS.values())
    }
)
"""The targets of each group; a target's bit in a coverage mask is its place here."""
BITS: Mapping[str, int] = MappingProxyType(
    {target.path: 1 << place for targets in GROUPS.values() for place, target in enumerate(targets)}
)
"""Each target's bit in the masks of its group."""
