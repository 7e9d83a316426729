"""The search index on both databases against the plainest search there is: a look at every name."""

import random
from datetime import date, timedelta

import pytest

from gateway.domain.initials import initials
from gateway.domain.item_words import Filter, Terms, plain, terms
from gateway.storage import item_search
from gateway.storage.database import Database
from schemas.agreement import Mode
from schemas.service_item import HandlingArea, ItemStatus, Served, ServiceItem
from tests.storage.catalogues import CITY, NOW, TODAY, code, good, put

RARE = "㐂𠮷\U00032000\ue000"
SOURCE = "社会保障卡公积金提取登记ＡＢａb12 （）·—" + RARE


async def found(db: Database, wanted: Filter, day: date = TODAY, *, after: int = 0, limit: int = 500) -> list[str]:
    asked = terms(wanted)
    assert asked is not None
    return [one.head.item_code for one in await item_search.search(db, asked, day, after, limit)]


def fits(one: ServiceItem, text: str) -> bool:
    wanted = plain(text)
    if wanted in plain(one.name):
        return True
    if not wanted.isascii():
        return False
    codes = (plain(one.item_code), plain(one.task_code))
    return wanted in initials(one.name) or (len(wanted) >= 3 and any(each.startswith(wanted) for each in codes))


async def test_it_finds_exactly_what_a_look_at_every_item_finds(db: Database) -> None:
    chance = random.Random(20260302)
    rows = [good(n, name="事" + "".join(chance.choices(SOURCE, k=chance.randint(1, 14)))) for n in range(150)]
    await put(db, rows)
    items = [row.item for row in rows if row.item is not None]
    asked = ["社保", "保", "公积金", "b1", "gjj", "s", "z", "sh", "00201", "12441300", "124413000070000012", RARE[:2]]
    for one in chance.choices(items, k=60):
        start = chance.randrange(len(one.name))
        asked.append(one.name[start : start + chance.randint(1, 4)])
        asked.append(initials(one.name)[start : start + chance.randint(1, 3)])
        asked.append(one.task_code[: chance.randint(3, 18)])
    for text in asked:
        if plain(text):
            assert await found(db, Filter(text=text)) == [one.item_code for one in items if fits(one, text)], text


async def test_filters_narrow_together(db: Database) -> None:
    rows = [
        good(1, modes=(Mode.ONLINE,), served=(Served.PERSON,), handling_area=HandlingArea.CROSS_CITY),
        good(2, modes=(Mode.ONLINE, Mode.COLLECT), served=(Served.PERSON, Served.ENTERPRISE), handling_area=None),
        good(3, modes=None, served=(), status=ItemStatus.SUSPENDED),
    ]
    await put(db, rows)
    await put(db, [good(1, city="445200", modes=(Mode.JOINT,))], city="445200")
    assert await found(db, Filter(mode=Mode.ONLINE, city=CITY)) == [code(1), code(2)]
    assert await found(db, Filter(mode=Mode.COLLECT)) == [code(2)]
    assert await found(db, Filter(city=CITY, served=Served.ENTERPRISE)) == [code(2)]
    assert await found(db, Filter(city=CITY, handling_area=HandlingArea.CROSS_CITY)) == [code(1)]
    assert await found(db, Filter(city=CITY, status=ItemStatus.SUSPENDED)) == [code(3)]
    assert await found(db, Filter(city=CITY, status=ItemStatus.IN_USE, text="演示")) == [code(1), code(2)]
    assert await found(db, Filter(city="445200")) == [code(1)]


async def test_pages_are_ranges_of_ids(db: Database) -> None:
    await put(db, [good(n) for n in range(7)])
    asked = terms(Filter(city=CITY))
    assert asked is not None
    seen: list[str] = []
    after = 0
    while page := await item_search.search(db, asked, TODAY, after, 3):
        seen += [one.head.item_code for one in page]
        after = page[-1].head.item_id
    assert seen == [code(n) for n in range(7)]


async def test_only_what_is_in_force_is_found(db: Database) -> None:
    start = TODAY + timedelta(days=10)
    await put(db, [good(1, name="旧名"), good(2, effective_until=TODAY + timedelta(days=1))])
    await put(db, [good(1, name="新名", effective_from=start)], complete=False)
    assert await found(db, Filter()) == [code(1), code(2)]
    assert await found(db, Filter(text="新名")) == []
    assert await found(db, Filter(text="旧名"), start - timedelta(days=1)) == [code(1)]
    assert await found(db, Filter(text="旧名"), start) == []
    assert await found(db, Filter(text="新名"), start) == [code(1)]
    assert await found(db, Filter(), TODAY + timedelta(days=2)) == [code(1)]
    # once its day has come, the next publishing takes the old name out of the index
    await put(db, [good(3)], complete=False, now=NOW + timedelta(days=11))
    assert await found(db, Filter(), start) == [code(1)]
    assert await found(db, Filter(), start + timedelta(days=1)) == [code(1), code(3)]
    assert await found(db, Filter(text="旧名"), TODAY) == []


@pytest.mark.parametrize(
    ("asked", "fts5", "tsquery"),
    [
        (Terms(("z",)), "z", "z"),
        (
            Terms(("c1", "z"), (("na", "nb"), ("t12*",))),
            "((na + nb) OR (t12 *)) AND c1 AND z",
            "((na <-> nb) | (t12:*)) & c1 & z",
        ),
    ],
)
def test_one_condition_in_the_words_of_both(asked: Terms, fts5: str, tsquery: str) -> None:
    assert item_search.fts5(asked) == fts5
    assert item_search.tsquery(asked) == tsquery


def test_only_tokens_reach_the_text_of_a_statement() -> None:
    statement = item_search.postgresql(Terms(("c441300", "kinuse", "mcollect"), (("n0a1b", "n1b2c"),)))
    assert "i.city = '441300'" in statement
    assert "i.status = 'IN_USE'" in statement
    assert "'(n0a1b <-> n1b2c) & mcollect'" in statement.replace("((", "(").replace("))", ")")
    with pytest.raises(ValueError, match="tokens"):
        item_search.postgresql(Terms(("x'; DROP TABLE items; --",)))
