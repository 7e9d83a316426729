"""猜测: which of our fields each source field might be, by its name; every guess says why and waits for a person."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.normalization.getters import quoted
from adapters.normalization.item_dialect import DateShape, ItemDialect
from adapters.normalization.starter_fields import SampleField
from adapters.normalization.starter_known import Known, Names, known_names
from adapters.normalization.targets import GROUPS, ITEM, TARGETS, Kind, Target
from adapters.normalization.values import YES_NO

_SPLIT = "，,、;；"
_SHAPES: Mapping[str, re.Pattern[str]] = {
    DateShape.EPOCH_MS.value: re.compile(r"[0-9]{13}"),
    DateShape.EPOCH_S.value: re.compile(r"[0-9]{10}"),
    DateShape.CHINESE.value: re.compile(r".*年.*"),
    DateShape.SLASHED.value: re.compile(r"[0-9]+/.*"),
}


@dataclass(frozen=True, slots=True)
class Guess:
    """猜测: one line of `fields`."""

    target: Target
    words: Mapping[str, Any]
    why: str
    source: SampleField | None = None
    codes: Mapping[str, int] | None = None
    """Values that need a meaning, and how often each occurs; None = no table is needed."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """全部猜测, and the source fields for which there is none."""

    fields: tuple[Guess, ...]
    unknown: tuple[SampleField, ...]


def guess(fields: Sequence[SampleField], bases: Mapping[str, ItemDialect]) -> Guesses:
    """What each field might be. A field of ours is guessed once; what else might be it stays unknown."""
    names = known_names(bases)
    groups = _groups(fields, names)
    made = {f"{group}[]": _list(path, group) for path, group in groups.items()}
    unknown = []
    for one in fields:
        group = ITEM if one.list_path is None else groups.get(one.list_path)
        matches = [] if group is None else [known for known in _found(one, group, names) if _free(known, made)]
        for known in matches:
            made[known.target.path] = _made(one, known)
            for path, words in known.needs:
                made.setdefault(path, Guess(TARGETS[path], words, known.why))
        if not matches:
            unknown.append(one)
    if "materials[].name" in made:
        path, why = "materials[].material_code", "来源没有材料编码，按顺序给号 no code: numbered in order"
        made.setdefault(path, Guess(TARGETS[path], {"serial": "M{n:02}"}, why))
    return Guesses(tuple(made[path] for path in TARGETS if path in made), tuple(unknown))


def _found(one: SampleField, group: str, names: Names) -> Sequence[Known]:
    """By the whole path, else by the last name."""
    whole = names.get((group, ".".join(one.inside)))
    return names.get((group, one.inside[-1]), ()) if whole is None else whole


def _free(known: Known, made: Mapping[str, Guess]) -> bool:
    """Whether the field of ours is still to be had, and a list that it needs is the one that is there.

    A text becomes a list only where it is known how to divide it.
    """
    if known.target.path in made or (known.target.kind is Kind.LIST and not known.needs):
        return False
    return all(path not in made or made[path].words == words for path, words in known.needs)


def _groups(fields: Sequence[SampleField], names: Names) -> dict[tuple[str, ...], str]:
    """Lists of the source → lists of ours: by the list's name, else by the names of its fields."""
    inner: dict[tuple[str, ...], list[str]] = {}
    for one in fields:
        if one.list_path is not None and one.lists == 1:
            inner.setdefault(one.list_path, []).append(one.inside[-1])
    found: dict[tuple[str, ...], str] = {}
    for path, parts in inner.items():
        free = [group for group in GROUPS if group != ITEM and group not in found.values()]
        scores = {group: _score(path, parts, group, names) for group in free}
        best = max(scores, key=lambda group: scores[group], default=ITEM)
        if scores.get(best, 0) >= min(2, len(parts)):
            found[path] = best
    return found


def _score(path: tuple[str, ...], parts: Sequence[str], group: str, names: Names) -> int:
    named = any(
        where == ITEM
        and len(known) > 1
        and known in path[-1]
        and any(one.target.path == f"{group}[]" for one in listed)
        for (where, known), listed in names.items()
    )
    return sum((group, part) in names for part in parts) + 10 * named


def _list(path: tuple[str, ...], group: str) -> Guess:
    source = ".".join(quoted(name) for name in path)
    return Guess(TARGETS[f"{group}[]"], {"from": source}, "列表名或其中的字段与此相符 its name or its fields fit")


def _made(one: SampleField, known: Known) -> Guess:
    target = known.target
    words: dict[str, Any] = {"from": ".".join(quoted(name) for name in one.inside), **known.words}
    if target.many and target.kind is not Kind.LIST and any(sign in text for text in one.values for sign in _SPLIT):
        words.setdefault("split", _SPLIT)
    if target.kind in (Kind.DATE, Kind.MOMENT):
        words["dates"] = [shape for shape, form in _SHAPES.items() if any(map(form.fullmatch, one.values))]
    codes = _codes(target, one, words, coded=known.table is not None)
    if codes is not None:
        words["codes"] = known.table or target.inside[-1]
    return Guess(target, {word: value for word, value in words.items() if value != []}, known.why, one, codes)


def _codes(target: Target, one: SampleField, words: Mapping[str, Any], *, coded: bool) -> dict[str, int] | None:
    """The values that need a meaning; None where all of them are our own words, or plain yes and no."""
    if target.kind not in (Kind.CODE, Kind.BOOLEAN) and not (coded and target.kind is Kind.INTEGER):
        return None
    ours = {str(member.value) for member in target.codes or ()} if target.kind is Kind.CODE else set(YES_NO)
    seen: dict[str, int] = {}
    for text, times in one.values.items():
        for part in _parts(text, words):
            if target.kind is not Kind.INTEGER or not part.isdecimal():
                seen[part] = seen.get(part, 0) + times
    if target.kind is Kind.INTEGER:
        return seen or None
    return seen if seen.keys() - ours else None


def _parts(text: str, words: Mapping[str, Any]) -> Iterator[str]:
    for part in re.split(f"[{re.escape(words['split'])}]", text) if "split" in words else [text]:
        found = re.search(words["pattern"], part) if "pattern" in words else None
        plain = ((found[1] or "") if found else part).strip()
        if plain:
            yield plain
