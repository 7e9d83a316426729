"""材料对应: which material of one city is which of another. Evidence only, never the place in the list.

A code such as M02 may be no more than a number in the list, so that a code counts only with names that agree or are
alike. Each step takes what the steps before it left over, and only where the answer is unique on both sides.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rapidfuzz import fuzz

from gateway.domain.plain_names import bare_name, plain_name
from schemas.differences import MatchedBy
from schemas.service_item import MaterialRequirement, ServiceItem

ALIKE = 60.0
"""Similarity in percent from which two names under one code are taken for the same material."""


@dataclass(slots=True)
class Aligned:
    """对应的材料: one material, in each city that asks for it."""

    by_city: dict[str, MaterialRequirement] = field(default_factory=dict)
    matched_by: MatchedBy | None = None

    @property
    def first(self) -> MaterialRequirement:
        """As the first city that has it writes it."""
        return next(iter(self.by_city.values()))


_Same = Callable[[MaterialRequirement, MaterialRequirement], bool]


def _code_and_name(a: MaterialRequirement, b: MaterialRequirement) -> bool:
    return a.material_code == b.material_code and plain_name(a.name) == plain_name(b.name)


def _name(a: MaterialRequirement, b: MaterialRequirement) -> bool:
    return plain_name(a.name) == plain_name(b.name)


def _licence(a: MaterialRequirement, b: MaterialRequirement) -> bool:
    return not set(a.licence_types).isdisjoint(b.licence_types)


def _bare(a: MaterialRequirement, b: MaterialRequirement) -> bool:
    return bare_name(a.name) == bare_name(b.name)


def _code_and_alike(a: MaterialRequirement, b: MaterialRequirement) -> bool:
    return a.material_code == b.material_code and fuzz.ratio(plain_name(a.name), plain_name(b.name)) >= ALIKE


_STEPS: tuple[tuple[MatchedBy, _Same], ...] = (
    (MatchedBy.CODE, _code_and_name),
    (MatchedBy.NAME, _name),
    (MatchedBy.LICENCE_TYPE, _licence),
    (MatchedBy.NAME, _bare),
    (MatchedBy.CODE, _code_and_alike),
)


def align_materials(items: Mapping[str, ServiceItem]) -> list[Aligned]:
    """Every material of every city, each city's own once, in the order of the first city that has it."""
    groups: list[Aligned] = []
    for city, item in items.items():
        left = list(item.materials)
        for why, same in _STEPS:
            open_groups = [group for group in groups if city not in group.by_city]
            for group, material in _unique_pairs(open_groups, left, same):
                group.by_city[city] = material
                group.matched_by = group.matched_by or why
                left = [one for one in left if one is not material]
        groups += [Aligned({city: material}) for material in left]
    return groups


def _unique_pairs(
    groups: list[Aligned], materials: list[MaterialRequirement], same: _Same
) -> Iterator[tuple[Aligned, MaterialRequirement]]:
    """Pairs in which neither side has another partner."""
    partners = [[m for m in materials if any(same(o, m) for o in group.by_city.values())] for group in groups]
    taken = [m.material_code for found in partners for m in found]
    for group, found in zip(groups, partners, strict=True):
        if len(found) == 1 and taken.count(found[0].material_code) == 1:
            yield group, found[0]
