"""事项匹配: which item of one city may be which of another. Candidates for a person to confirm, never a merge.

Same 基本编码 first. Else names and materials on plain text: the names that share the rarer pairs of characters are
compared in full, so that 10,000 × 10,000 items need seconds and not one comparison for each pair.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import nlargest
from typing import Self

from rapidfuzz import fuzz

from gateway.domain.plain_names import bare_name
from schemas.service_item import ServiceItem

THRESHOLD = 60.0
"""Score below which a pair is not offered."""
BEST = 3
"""Candidates offered for each item."""
_NAME_SHARE = 0.75
_COMPARED = 25
"""Names compared in full for each item."""
_COMMON = 0.02
"""A pair of characters in more than this share of the names (登记, 申请) does not lead to candidates."""


class Decision(StrEnum):
    """匹配决定 of a person."""

    SAME = "same"
    DIFFERENT = "different"


class MatchRule(StrEnum):
    """匹配依据."""

    SAME_CODE = "same_code"
    """基本编码相同."""
    ALIKE = "alike"
    """名称与材料相近."""


@dataclass(frozen=True, slots=True)
class ItemSummary:
    """事项摘要: what matching needs of an item."""

    city: str
    item_code: str
    name: str
    materials: tuple[str, ...] = ()

    @classmethod
    def of(cls, item: ServiceItem) -> Self:
        """From the whole item."""
        return cls(item.city, item.item_code, item.name, tuple(material.name for material in item.materials))


@dataclass(frozen=True, slots=True)
class Candidate:
    """候选: a pair that may be one item. Scores are percent; `material_score` is None where a side lists none."""

    left: ItemSummary
    right: ItemSummary
    rule: MatchRule
    score: float
    name_score: float
    material_score: float | None
    common_materials: tuple[str, ...] = ()


PairKey = tuple[str, str, str, str]
"""(left city, left item code, right city, right item code)."""


@dataclass(slots=True)
class _Names:
    """The plain names of one side and where each pair of characters occurs."""

    texts: list[str]
    grams: list[frozenset[str]]
    postings: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def candidates(
    left: Sequence[ItemSummary],
    right: Sequence[ItemSummary],
    decided: Mapping[PairKey, Decision],
    *,
    places: Collection[str] = (),
) -> list[Candidate]:
    """候选, by left item in its order, best first; each side is one city's items.

    A decided pair is not offered again, and an item decided `same` with one of the other city's not at all.
    `places`: names of cities and provinces that do not count in an item's name. Pure.
    """
    settled, refused = _read_decisions(decided)
    here = _open(left, {one.city for one in right}, settled)
    there = _open(right, {one.city for one in left}, settled)
    by_code = {one.item_code: one for one in there}
    found = {
        index: [_score(one, by_code[one.item_code], places, MatchRule.SAME_CODE)]
        for index, one in enumerate(here)
        if one.item_code in by_code and _key(one, by_code[one.item_code]) not in refused
    }
    taken = {pairs[0].right.item_code for pairs in found.values()}
    rest = [one for one in there if one.item_code not in taken]
    names = _index([one.name for one in rest], places)
    for index, one in enumerate(here):
        if index not in found:
            scored = (_score(one, rest[other], places, MatchRule.ALIKE) for other in _likely(one, names, places))
            good = [c for c in scored if c.score >= THRESHOLD and _key(c.left, c.right) not in refused]
            found[index] = sorted(good, key=lambda c: (-c.score, c.right.item_code))[:BEST]
    return [candidate for index in range(len(here)) for candidate in found[index]]


def _open(
    items: Sequence[ItemSummary], opposite: Collection[str], settled: Collection[tuple[str, str, str]]
) -> list[ItemSummary]:
    return [one for one in items if not any((one.city, one.item_code, city) in settled for city in opposite)]


def compare(left: ItemSummary, right: ItemSummary, *, places: Collection[str] = ()) -> Candidate:
    """The scores of one pair, whatever they are."""
    rule = MatchRule.SAME_CODE if left.item_code == right.item_code else MatchRule.ALIKE
    return _score(left, right, places, rule)


def _key(left: ItemSummary, right: ItemSummary) -> frozenset[tuple[str, str]]:
    return frozenset({(left.city, left.item_code), (right.city, right.item_code)})


def _read_decisions(
    decided: Mapping[PairKey, Decision],
) -> tuple[set[tuple[str, str, str]], set[frozenset[tuple[str, str]]]]:
    """Items that are settled with a city, and pairs that are not to be offered; a decision holds in both directions."""
    settled: set[tuple[str, str, str]] = set()
    refused: set[frozenset[tuple[str, str]]] = set()
    for (left_city, left_code, right_city, right_code), decision in decided.items():
        refused.add(frozenset({(left_city, left_code), (right_city, right_code)}))
        if decision is Decision.SAME:
            settled |= {(left_city, left_code, right_city), (right_city, right_code, left_city)}
    return settled, refused


def _plain(name: str, places: Collection[str]) -> str:
    text = bare_name(name).removesuffix("事项")
    if places:
        text = re.sub("|".join(sorted(map(re.escape, places), key=len, reverse=True)), "", text) or text
    return text


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 2] for i in range(len(text) - 1)) or frozenset({text})


def _index(names: Iterable[str], places: Collection[str]) -> _Names:
    texts = [_plain(name, places) for name in names]
    index = _Names(texts, [_grams(text) for text in texts])
    for number, grams in enumerate(index.grams):
        for gram in grams:
            index.postings[gram].append(number)
    return index


def _likely(one: ItemSummary, names: _Names, places: Collection[str]) -> Iterator[int]:
    """The names worth a full comparison: those that share most of the rarer pairs of characters."""
    grams = _grams(_plain(one.name, places))
    known = sorted((names.postings[gram] for gram in grams if gram in names.postings), key=len)
    limit = max(200, int(len(names.texts) * _COMMON))
    shared: Counter[int] = Counter()
    for posting in known:
        # the rarest always counts: a name made of common words only still finds its like
        if posting is known[0] or len(posting) <= limit:
            shared.update(posting)
    yield from (n for n, _ in nlargest(_COMPARED, shared.items(), key=lambda p: (p[1] / len(names.grams[p[0]]), -p[0])))


def _score(left: ItemSummary, right: ItemSummary, places: Collection[str], rule: MatchRule) -> Candidate:
    a, b = _plain(left.name, places), _plain(right.name, places)
    # the order of words differs from city to city, which the pairs of characters do not mind
    name_score = max(fuzz.ratio(a, b), _dice(_grams(a), _grams(b)))
    ours, theirs = ({bare_name(name): name for name in one.materials} for one in (left, right))
    material_score = _dice(ours.keys(), theirs.keys()) if ours and theirs else None
    score = name_score
    if material_score is not None:
        score = _NAME_SHARE * name_score + (1 - _NAME_SHARE) * material_score
    return Candidate(
        left,
        right,
        rule,
        100.0 if rule is MatchRule.SAME_CODE else round(score, 1),
        round(name_score, 1),
        None if material_score is None else round(material_score, 1),
        tuple(name for plain, name in ours.items() if plain in theirs),
    )


def _dice(a: Collection[str], b: Collection[str]) -> float:
    return 200 * len(set(a) & set(b)) / (len(a) + len(b))
