"""事项匹配: propose which items of two cities may be the same, and keep what a person decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from gateway.domain.days import beijing_day
from gateway.domain.matching import Candidate, Decision, ItemSummary, PairKey, candidates, compare
from gateway.evidence.chain import milliseconds
from gateway.storage import catalogue, items, matches
from gateway.storage.database import Database
from gateway.storage.matches import Match
from schemas.errors import FieldProblem, Invalid, NotFound
from schemas.service_item import ServiceItem

_PAGE = 500
_LONGEST = 200

Key = tuple[str, str]
"""(city, item code)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """决定 of a person about two items."""

    left: Key
    right: Key
    decision: Decision
    decided_by: str
    note: str | None = None


async def summaries(db: Database, city: str, now: datetime) -> list[ItemSummary]:
    """事项摘要 of everything the city has in force; bodies are read page by page and not kept."""
    found: list[ItemSummary] = []
    after = ""
    while page := await items.in_force_of_city(db, city, beijing_day(now), after, _PAGE):
        for one in page:
            body = orjson.loads(one.body)
            names = tuple(material["name"] for material in body.get("materials", ()))
            found.append(ItemSummary(city, one.head.item_code, body["name"], names))
        after = page[-1].head.item_code
    return found


async def propose(db: Database, left: str, right: str, now: datetime) -> list[Candidate]:
    """候选 between two cities' catalogues, without what was decided. NotFound for a city without items."""
    sides = []
    for city in (left, right):
        found = await summaries(db, city, now)
        if not found:
            raise NotFound(f"City {city} has no items in force.", f"城市 {city} 没有在用事项。", city=city)
        sides.append(found)
    decided = _decisions(await matches.between(db, left, right))
    return candidates(sides[0], sides[1], decided, places=await _places(db))


def _decisions(found: list[Match]) -> Mapping[PairKey, Decision]:
    return {(m.left_city, m.left_code, m.right_city, m.right_code): Decision(m.decision) for m in found}


async def _places(db: Database) -> list[str]:
    """Names of the cities with and without 市: they stand in front of many items' names."""
    names = [name for name in (await catalogue.load(db)).cities.values() if len(name) > 1]
    return [*names, *(name.removesuffix("市") for name in names if len(name) > 2)]


async def decide(db: Database, verdict: Verdict, now: datetime) -> Match:
    """Keep a decision; both items must be in force, in two cities. Raises Invalid or NotFound; nothing is merged."""
    _check(verdict)
    left, right = sorted((verdict.left, verdict.right))
    summary = compare(await _summary(db, left, now), await _summary(db, right, now), places=await _places(db))
    async with db.transaction() as tx:
        # a clock that was set back must not make an older decision count
        at_ms = max(milliseconds(now), await matches.last_at_ms(tx, left, right) + 1)
        permille = round(summary.score * 10)
        match = Match(*left, *right, verdict.decision.value, permille, verdict.decided_by, at_ms, verdict.note)
        await matches.put(tx, match)
    return match


def _check(verdict: Verdict) -> None:
    if verdict.left[0] == verdict.right[0]:
        raise _invalid("right_city", "two items of one city are not matched", "同一城市的两个事项不作匹配")
    if not 0 < len(verdict.decided_by) <= _LONGEST:
        raise _invalid("by", "1 to 200 characters", "应为 1 到 200 个字")
    if verdict.note is not None and len(verdict.note) > 10 * _LONGEST:
        raise _invalid("note", "at most 2,000 characters", "最多 2000 个字")


def _invalid(name: str, message: str, message_zh: str) -> Invalid:
    problem = FieldProblem(f"/{name}", f"{name}_invalid", message, message_zh)
    return Invalid(f"{name}: {message}.", f"{name}：{message_zh}。", errors=(problem,))


async def _summary(db: Database, key: Key, now: datetime) -> ItemSummary:
    found = await items.in_force(db, *key, beijing_day(now))
    if found is None:
        raise NotFound(
            f"City {key[0]} has no item {key[1]} in force.", f"城市 {key[0]} 没有在用事项 {key[1]}。", city=key[0]
        )
    return ItemSummary.of(found.item())


async def counterpart(db: Database, reference: ServiceItem, city: str, now: datetime) -> ServiceItem | None:
    """对应事项: the one item of `city` that was decided to be the same as `reference`; None where it is not one."""
    key = (reference.city, reference.item_code)
    pairs = [
        ((m.left_city, m.left_code), (m.right_city, m.right_code))
        for m in await matches.between(db, reference.city, city)
        if m.decision == Decision.SAME.value
    ]
    others = [right if left == key else left for left, right in pairs if key in (left, right)]
    if len(others) != 1:
        return None
    found = await items.in_force(db, *others[0], beijing_day(now))
    return None if found is None else found.item()
