"""Import, publish, quarantine on both databases: revisions, days in force, removal, duplicates, crashes."""

import asyncio
import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest

from gateway.domain.item_words import Filter, terms
from gateway.storage import catalogue, imports, item_search, items
from gateway.storage.database import Database
from gateway.storage.items import ItemCache
from gateway.storage.sql import SQL
from gateway.usecases.import_catalogue import BATCH, ImportedRow, import_catalogue
from gateway.usecases.publish_catalogue import publish
from schemas.errors import ImportNotUsable, NotFound
from tests.storage.catalogues import CITY, NOW, TODAY, bad, code, good, item, put, source, take

TABLES = ("items", "item_contents", "import_rows")


async def count(db: Database, table: str) -> int:
    row = await db.fetch_one(SQL(f"SELECT COUNT(*) FROM {table}"))
    assert row is not None
    return int(row[0])


async def in_force(db: Database, days: int = 0) -> dict[str, int]:
    """Item code → revision."""
    page = await items.in_force_of_city(db, CITY, TODAY + timedelta(days=days), "", 100)
    return {one.head.item_code: one.head.revision for one in page}


async def state(db: Database) -> list[object]:
    """Everything that publishing twice must not change."""
    rows = await db.fetch(SQL("SELECT * FROM items ORDER BY item_id"))
    return [[tuple(row) for row in rows], await catalogue.generation(db)]


async def test_a_draft_changes_nothing_until_it_is_published(db: Database) -> None:
    head = await take(db, [good(1), good(2)])
    assert head.counts == {"read": 2, "ok": 2, "quarantined": 0, "new": 2, "changed": 0, "same": 0}
    assert (await in_force(db), await catalogue.generation(db)) == ({}, 0)
    published = await publish(db, CITY, now=NOW)
    assert [one.item_code for one in published.new] == [code(1), code(2)]
    assert (await in_force(db), await catalogue.generation(db)) == ({code(1): 1, code(2): 1}, 1)


async def test_publishing_and_importing_the_same_again_changes_nothing(db: Database) -> None:
    await put(db, [good(1), good(2), bad(3)])
    before = await state(db)
    for published in (await publish(db, CITY, now=NOW), await put(db, [good(1), good(2), bad(3)])):
        assert (published.new, published.changed, published.removed) == ([], [], [])
    assert await state(db) == before
    head = await imports.newest(db, CITY)
    assert head is not None
    assert (head.state, head.counts["same"], head.counts["quarantined"]) == ("published", 2, 1)
    assert await count(db, "import_rows") == 3


async def test_a_change_is_a_new_revision_and_the_old_one_stays_readable(db: Database) -> None:
    await put(db, [good(1), good(2)])
    published = await put(db, [good(1, name="新名称", visits=1), good(2)], now=NOW + timedelta(days=1))
    assert item(1).visits == 0
    assert [(one.item_code, one.revision, one.fields) for one in published.changed] == [
        (code(1), 2, ("name", "visits"))
    ]
    assert await in_force(db, 1) == {code(1): 2, code(2): 1}
    old, new = await items.pinned(db, CITY, code(1), 1), await items.pinned(db, CITY, code(1), 2)
    assert old is not None
    assert new is not None
    assert (old.item(), new.item().name) == (item(1), "新名称")
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    assert (old.head.until_day, new.head.from_day, new.head.until_day) == (tomorrow, tomorrow, None)
    history = await items.history(db, code(1), CITY, ("", 0), 10)
    assert [(one.head.revision, one.body_before is None) for one in history] == [(2, False), (1, True)]


async def test_a_planned_revision_leaves_the_old_one_in_force_until_its_day(db: Database) -> None:
    await put(db, [good(1)])
    planned = good(1, name="计划名称", effective_from=TODAY + timedelta(days=30))
    assert [one.from_day for one in (await put(db, [planned])).changed] == ["2026-04-01"]
    assert [await in_force(db, days) for days in (0, 29, 30)] == [{code(1): 1}, {code(1): 1}, {code(1): 2}]
    # the city withdraws its plan: what it says now counts from now on
    await put(db, [good(1)])
    assert [await in_force(db, days) for days in (0, 29, 30)] == [{code(1): 3}] * 3


async def test_an_item_that_ends_by_itself_ends(db: Database) -> None:
    await put(db, [good(1, effective_until=TODAY + timedelta(days=2)), good(2, effective_until=TODAY - timedelta(1))])
    assert [await in_force(db, days) for days in (0, 2, 3)] == [{code(1): 1}, {code(1): 1}, {}]
    before = await state(db)
    again = [good(1, effective_until=TODAY + timedelta(days=2)), good(2, effective_until=TODAY - timedelta(1))]
    await put(db, again, now=NOW + timedelta(days=5))
    assert await state(db) == before


async def test_items_left_out_are_removed_only_when_asked_and_may_come_back(db: Database) -> None:
    await put(db, [good(1), good(2)])
    listed = await put(db, [good(1)])
    assert (listed.removed, listed.would_remove) == ([], [(code(2), "演示事项2")])
    assert await in_force(db) == {code(1): 1, code(2): 1}
    removed = await publish(db, CITY, remove=True, now=NOW)
    assert (removed.removed, removed.would_remove) == ([(code(2), "演示事项2")], [])
    assert await in_force(db) == {code(1): 1}
    before = await state(db)
    again = await publish(db, CITY, remove=True, now=NOW)
    assert (again.removed, await state(db)) == ([], before)
    asked = terms(Filter(text="演示事项2"))
    assert asked is not None
    assert await item_search.search(db, asked, TODAY, 0, 9) == []
    pinned = await items.pinned(db, CITY, code(2), 1)
    assert pinned is not None, "running cases go on"
    back = await put(db, [good(1), good(2)])
    assert [(one.item_code, one.revision, one.fields) for one in back.changed] == [(code(2), 2, ())]
    assert await in_force(db) == {code(1): 1, code(2): 2}


async def test_a_part_of_a_catalogue_removes_nothing(db: Database) -> None:
    await put(db, [good(1), good(2)])
    published = await put(db, [good(1)], complete=False, remove=True)
    assert (published.removed, published.would_remove) == ([], [])
    assert await in_force(db) == {code(1): 1, code(2): 1}


async def test_a_quarantined_item_keeps_what_was(db: Database) -> None:
    await put(db, [good(1), good(2), good(3)])
    rows = [good(1, visits=2), bad(2, key=code(2)), bad(3, name="演示事项3")]
    published = await put(db, rows, remove=True)
    assert (published.removed, published.would_remove) == ([], [])
    assert await in_force(db) == {code(1): 2, code(2): 1, code(3): 1}


async def test_while_nobody_knows_what_a_bad_row_was_nothing_is_removed(db: Database) -> None:
    await put(db, [good(1), good(2)])
    published = await put(db, [good(1), bad(2)], remove=True)
    assert (published.removed, published.would_remove, published.unnamed) == ([], [(code(2), "演示事项2")], 1)
    assert await in_force(db) == {code(1): 1, code(2): 1}


@pytest.mark.parametrize("apart", [1, BATCH + 3])
async def test_a_code_that_comes_twice_is_quarantined_twice(db: Database, apart: int) -> None:
    between = [good(n) for n in range(100, 100 + apart)]
    first, twin = good(1), dataclasses.replace(good(1, visits=3), place="第9999行")
    third = dataclasses.replace(bad(7, key=code(1)), place="第10000行")
    head = await take(db, [first, *between, twin, third])
    assert (head.counts["quarantined"], head.counts["ok"]) == (3, apart)
    rows = await imports.quarantined(db, head.import_id, -1, 10)
    found = [(row.place, row.item_code, [f["rule"] for f in row.findings]) for row in rows]
    assert found == [
        ("第1行", code(1), ["duplicate_item"]),
        ("第9999行", code(1), ["duplicate_item"]),
        ("第10000行", code(1), ["unknown_code", "duplicate_item"]),
    ]
    assert "第9999行" in rows[0].findings[0]["message_zh"]
    assert "第1行" in rows[1].findings[0]["message_zh"]
    await publish(db, CITY, now=NOW)
    assert code(1) not in await in_force(db)


async def test_an_item_of_another_city_is_quarantined(db: Database) -> None:
    head = await take(db, [good(1, city="445200")])
    [row] = await imports.quarantined(db, head.import_id, -1, 10)
    assert [(f["rule"], f["value"]) for f in row.findings] == [("other_city", "445200")]
    assert head.counts["ok"] == 0


async def test_what_breaks_off_leaves_nothing_and_the_next_import_clears_it(db: Database) -> None:
    def broken() -> Iterator[ImportedRow]:
        yield from (good(n) for n in range(BATCH + 10))
        raise RuntimeError("the disk is gone")

    await put(db, [good(1)])
    before = await state(db)
    with pytest.raises(RuntimeError):
        await import_catalogue(db, source(), broken(), now=NOW)
    assert await count(db, "import_rows") == 1 + BATCH
    published = await publish(db, CITY, remove=True, now=NOW)
    assert (published.new, published.removed, await state(db)) == ([], [], before)
    left = (await imports.listed(db, CITY, 1))[0]
    assert left.state == "loading"
    with pytest.raises(ImportNotUsable):
        await publish(db, CITY, import_id=left.import_id, now=NOW)
    await take(db, [good(1), good(2)])
    assert [await count(db, table) for table in TABLES] == [1, 2, 3]
    await publish(db, CITY, now=NOW)
    assert [await count(db, table) for table in TABLES] == [2, 2, 2]
    assert [one.state for one in await imports.listed(db, None, 9)] == ["published", "superseded", "superseded"]


async def test_a_later_import_of_the_city_ends_an_earlier_one(db: Database) -> None:
    taken = 0

    def slow() -> Iterator[ImportedRow]:
        nonlocal taken
        for taken in range(2 * BATCH):
            yield good(taken)

    async def late() -> None:
        while taken < BATCH - 1:
            await asyncio.sleep(0)
        await take(db, [good(1)])

    later = asyncio.create_task(late())
    with pytest.raises(ImportNotUsable):
        await import_catalogue(db, source(), slow(), now=NOW)
    await later
    newest = await imports.newest(db, CITY)
    assert newest is not None
    assert newest.counts["read"] == 1


async def test_only_what_is_there_can_be_published(db: Database) -> None:
    with pytest.raises(NotFound):
        await publish(db, CITY, now=NOW)
    first = await take(db, [good(1)])
    with pytest.raises(NotFound):
        await publish(db, "445200", import_id=first.import_id, now=NOW)
    await take(db, [good(2)])
    with pytest.raises(ImportNotUsable) as refused:
        await publish(db, CITY, import_id=first.import_id, now=NOW)
    assert refused.value.facts["state"] == "superseded"


async def test_coverage_and_findings_are_kept_as_they_were_found(db: Database) -> None:
    rows = iter([good(1), bad(2, name="演示")])
    head = await import_catalogue(db, source(), rows, now=NOW, coverage=lambda: {"catalogue": 0.5})
    kept = await imports.get(db, head.import_id)
    assert kept == dataclasses.replace(head, state="draft")
    assert kept.coverage == {"catalogue": 0.5}
    [row] = await imports.quarantined(db, head.import_id, -1, 10)
    assert (row.name, row.item_code, row.findings[0]["value"]) == ("演示", None, "=9+9")
    assert orjson.dumps(row.findings)


async def test_the_cache_holds_a_day_and_no_more_than_it_should(db: Database) -> None:
    await put(db, [good(n) for n in range(4)])
    await put(db, [good(1, name="明日", effective_from=TODAY + timedelta(days=1))], complete=False)
    cache = ItemCache(capacity=2)
    first = await cache.get(db, CITY, code(1), TODAY)
    assert first is not None
    assert await cache.get(db, CITY, code(1), TODAY) is first
    for number in (2, 1, 3):
        await cache.get(db, CITY, code(number), TODAY)
    assert len(cache) == 2
    assert await cache.get(db, CITY, code(1), TODAY) is first, "used again, so not the oldest"
    assert await cache.get(db, CITY, "nothing", TODAY) is None
    assert len(cache) == 2
    tomorrow = await cache.get(db, CITY, code(1), TODAY + timedelta(days=1))
    assert tomorrow is not None
    assert (tomorrow.item.name, tomorrow.head.revision, len(cache)) == ("明日", 2, 1)
