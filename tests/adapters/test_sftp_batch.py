"""Batches over SFTP, against 潮州's simulator: what goes together, and what a cut means."""

import asyncio
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.application import StoredFile
from schemas.errors import Internal, PartnerAmbiguous, PartnerProtocol, PartnerRefused, PartnerUnavailable
from schemas.message import Acknowledgement
from tests.adapters.batch_city import (
    CODE,
    Pair,
    another,
    archive,
    booked,
    booked_once,
    changed,
    delivered,
    folder,
    names,
    outcomes,
    some,
    soon,
    successor,
)
from tests.adapters.cities import SimulatedCity, simulated_city
from tests.adapters.messages import MemoryFiles


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    async with simulated_city(CODE, tmp_path, config={"pace_s": 0.05}, settings={"timeout_s": "10"}) as running:
        yield running


# ---- what goes together


async def test_messages_of_one_window_are_one_batch(city: SimulatedCity) -> None:
    first = await delivered(city.adapter, some(20))
    second = await delivered(city.adapter, some(3))
    assert len({one.partner_reference for one in first}) == 1
    assert {one.partner_reference for one in first}.isdisjoint({one.partner_reference for one in second})
    assert not any(one.duplicate or one.case_number for one in [*first, *second])


async def test_files_of_a_batch_as_the_wire_says(city: SimulatedCity) -> None:
    pairs = some(3)
    number = (await delivered(city.adapter, pairs))[0].partner_reference
    await booked_once(city, pairs)
    assert names(archive(city)) == [f"{number}{ending}" for ending in (".csv", ".follow.csv", ".json", ".zip")]
    manifest = json.loads((archive(city) / f"{number}.json").read_bytes())
    assert (manifest["PCH"], manifest["JLS"]) == (number, 3)
    for listed, kind, count in zip(manifest["WJQD"], ("SB", "HX", "FJ"), (3, 0, 3), strict=True):
        content = (archive(city) / listed["WJM"]).read_bytes()
        digest = hashlib.new("sm3", content).hexdigest()
        assert (listed["WJLX"], listed["WJDX"], listed["ZYZ"], listed["TS"]) == (kind, len(content), digest, count)
    text = (archive(city) / f"{number}.csv").read_bytes().decode("gb18030")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["SQRMC"] for row in rows} == {"陈𠮷㐂"}
    with zipfile.ZipFile(archive(city) / f"{number}.zip") as packed:
        assert set(packed.namelist()) == {str(message.files[0].file.file_id) for message, _ in pairs}
        assert packed.testzip() is None


async def test_a_full_batch_does_not_wait_for_its_window(city: SimulatedCity) -> None:
    assert city.profile.sftp_batch is not None
    window = city.profile.sftp_batch.window.model_copy(update={"every_s": 8.0, "max_cases": 5})
    async with successor(city, changed(city, window=window)) as adapter:
        async with asyncio.timeout(4):
            found = await delivered(adapter, some(10))
        assert (
            sorted([one.partner_reference for one in found].count(one.partner_reference) for one in found) == [5] * 10
        )


async def test_a_batch_is_no_larger_than_its_limit(city: SimulatedCity) -> None:
    assert city.profile.sftp_batch is not None
    window = city.profile.sftp_batch.window.model_copy(update={"max_bytes": 1_000_000})
    async with successor(city, changed(city, window=window)) as adapter:
        found = await outcomes(adapter, [*some(3, 400_000), *some(1, 1_100_000)])
        assert isinstance(found.pop(), PartnerRefused)
        assert len({one.partner_reference for one in found if isinstance(one, Acknowledgement)}) == 2


async def test_the_same_message_at_the_same_time_is_one_row(city: SimulatedCity) -> None:
    pair = some(1)[0]
    found = await delivered(city.adapter, [pair] * 8)
    assert sorted(one.duplicate for one in found) == [False] + [True] * 7
    await booked_once(city, [pair])
    assert city.rows("select count(*) from deliveries") == [(1,)]


async def test_a_call_that_is_cancelled_while_its_batch_gathers_is_not_sent(city: SimulatedCity) -> None:
    pairs = some(3)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(city.adapter.deliver(*pair)) for pair in pairs]
        await asyncio.sleep(0.05)
        tasks[0].cancel()  # the one that leads
    assert tasks[0].cancelled()
    await booked_once(city, pairs[1:])
    assert booked(city, pairs[:1]) == [0]
    await delivered(city.adapter, pairs[:1])
    await booked_once(city, pairs)


async def test_one_message_that_cannot_go_does_not_hold_up_the_others(city: SimulatedCity) -> None:
    class Broken(MemoryFiles):
        def open(self, file: StoredFile) -> AsyncIterator[bytes]:
            raise Internal("gone", "丢失")

    pairs = some(4)
    short = MemoryFiles({one.file.sha256: b"too short" for one in pairs[1][0].files})
    strange = pairs[2][0].model_copy(update={"project_type": "NOT IN THE TABLE"})
    mixed: list[Pair] = [pairs[0], (pairs[1][0], short), (strange, pairs[2][1]), (pairs[3][0], Broken())]
    found = await outcomes(city.adapter, mixed)
    assert [type(one) for one in found] == [Acknowledgement, Internal, PartnerProtocol, Internal]
    await booked_once(city, pairs[:1])
    assert booked(city, pairs) == [1, 0, 0, 0]


async def test_a_file_that_is_too_large(city: SimulatedCity) -> None:
    message, files = some(1)[0]
    big = message.files[0].model_copy(update={"file": message.files[0].file.model_copy(update={"size_bytes": 10**9})})
    with pytest.raises(PartnerRefused):
        await city.adapter.deliver(message.model_copy(update={"files": (big,)}), files)


# ---- what a cut means


async def test_a_batch_that_was_cut_off_goes_on_where_it_stopped(city: SimulatedCity) -> None:
    await city.control(cut_count=1, cut_at_bytes=2_500_000)
    pairs = some(4, 1_000_000)
    assert {type(one) for one in await outcomes(city.adapter, pairs)} == {PartnerUnavailable}
    (part,) = folder(city, "inbox").glob("*.zip.part")
    assert part.stat().st_size >= 2_000_000
    assert booked(city, pairs) == [0] * 4
    reads = [files.reads for _, files in pairs]
    found = await delivered(city.adapter, pairs)
    assert {f"{one.partner_reference}.zip.part" for one in found} == {part.name}
    assert [files.reads for _, files in pairs] == reads  # not built again: sent from where the line was cut
    await booked_once(city, pairs)
    assert names(folder(city, "records"))[0].endswith(".sent")


async def test_a_batch_whose_messages_do_not_all_come_again_is_given_up(city: SimulatedCity) -> None:
    await city.control(cut_count=1, cut_at_bytes=2_500_000)
    pairs = some(4, 1_000_000)
    assert {type(one) for one in await outcomes(city.adapter, pairs)} == {PartnerUnavailable}
    found = await delivered(city.adapter, pairs[:3])
    await booked_once(city, pairs[:3])
    assert booked(city, pairs)[3] == 0  # nobody waits for it: it is not sent
    assert names(folder(city, "inbox")) == []
    assert len(names(folder(city, "records"))) == 1
    last = await delivered(city.adapter, pairs)
    assert [one.duplicate for one in last] == [True, True, True, False]
    assert last[0].partner_reference == found[0].partner_reference
    await booked_once(city, pairs)


async def test_half_a_batch_of_a_gateway_that_died_is_removed(city: SimulatedCity) -> None:
    await city.control(cut_count=1, cut_at_bytes=2_500_000)
    pairs = some(4, 1_000_000)
    dead = another(city)
    assert {type(one) for one in await outcomes(dead, pairs)} == {PartnerUnavailable}
    await dead.close()
    more = [*pairs, *some(1)]
    assert not any(one.duplicate for one in await delivered(city.adapter, more))
    await booked_once(city, more)
    assert names(folder(city, "inbox")) == []
    (record,) = names(folder(city, "records"))
    assert record.endswith(".sent")


@pytest.mark.parametrize("asleep", [True, False])
async def test_placed_but_the_answer_was_lost(city: SimulatedCity, asleep: bool) -> None:
    await city.control(cut_count=1, cut_after_booking=True, asleep=asleep)
    pairs = some(3)
    assert {type(one) for one in await outcomes(city.adapter, pairs)} == {PartnerAmbiguous}
    if asleep:  # the manifest is still to be seen
        found = await city.adapter.find(pairs[0][0])
        assert found is not None
        assert found.duplicate
    else:
        await booked_once(city, pairs)
        with pytest.raises(PartnerUnavailable):  # taken, or removed: it cannot be told
            await city.adapter.find(pairs[0][0])
    async with successor(city) as adapter:
        again = await delivered(adapter, pairs)
    assert {one.duplicate for one in again} == {asleep}
    await city.control(asleep=False)
    await booked_once(city, pairs)


async def test_not_known_is_not_sent_again_where_that_would_book_twice(city: SimulatedCity) -> None:
    await city.control(cut_count=1, cut_after_booking=True)
    pairs = some(2)
    assert {type(one) for one in await outcomes(city.adapter, pairs)} == {PartnerAmbiguous}
    await booked_once(city, pairs)
    careful = city.profile.model_copy(update={"duplicates": "query_first"})
    async with successor(city, careful) as adapter:
        assert {type(one) for one in await outcomes(adapter, pairs)} == {PartnerAmbiguous}
    await booked_once(city, pairs)


async def test_not_placed_and_the_answer_was_lost(city: SimulatedCity) -> None:
    await city.control(cut_count=1)
    pairs = some(3)
    assert {type(one) for one in await outcomes(city.adapter, pairs)} == {PartnerAmbiguous}
    assert booked(city, pairs) == [0] * 3
    assert await city.adapter.find(pairs[0][0]) is None
    assert not any(one.duplicate for one in await delivered(city.adapter, pairs))
    await booked_once(city, pairs)
    assert names(folder(city, "inbox")) == []


async def test_a_clear_no_is_harmless(city: SimulatedCity) -> None:
    await city.control(fail_count=1)
    pairs = some(2)
    assert {type(one) for one in await outcomes(city.adapter, pairs)} == {PartnerUnavailable}
    assert not any(one.duplicate for one in await delivered(city.adapter, pairs))
    await booked_once(city, pairs)


async def test_a_stop_in_the_middle_of_an_upload_places_nothing(city: SimulatedCity) -> None:
    await city.control(slow_before_s=0.5)
    pairs = some(3)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(city.adapter.deliver(*pair)) for pair in pairs]
        await soon(lambda: list(folder(city, "inbox").glob("*.json.part")))
        await asyncio.sleep(0.1)  # the rename is on its way: too late to take it back
        for task in tasks:
            task.cancel()
    await city.control(slow_before_s=0.0)
    async with successor(city) as adapter:
        await delivered(adapter, pairs)
    await booked_once(city, pairs)


async def test_the_same_batch_twice_is_one(city: SimulatedCity) -> None:
    pairs = some(3)
    first = await delivered(city.adapter, pairs)
    await booked_once(city, pairs)
    for record in folder(city, "records").iterdir():
        record.unlink()
    second = await delivered(city.adapter, pairs)
    assert {one.partner_reference for one in first} == {one.partner_reference for one in second}
    await soon(lambda: names(folder(city, "inbox")) == [])
    await asyncio.sleep(0.2)
    assert city.rows("select count(*) from deliveries") == [(3,)]


async def test_a_row_that_came_in_another_batch_is_told_to_be_a_duplicate(city: SimulatedCity) -> None:
    pairs = some(3)
    await delivered(city.adapter, pairs)
    await booked_once(city, pairs)
    for record in folder(city, "records").iterdir():
        record.unlink()
    await delivered(city.adapter, pairs[:2])
    await soon(lambda: city.rows("select count(*) from deliveries") == [(5,)])
    await booked_once(city, pairs)


async def test_old_records_are_removed_and_strange_files_left_alone(city: SimulatedCity) -> None:
    old = (datetime.now(UTC) - timedelta(days=61)).strftime("%Y%m%dT%H%M%SZ")
    kept = ["notes.txt", "20261399T000000Z-x.sent"]
    for name in (f"{old}-445200-x.sent", *kept):
        (folder(city, "records") / name).write_text("not an id\n")
    await delivered(city.adapter, some(1))
    assert [name for name in names(folder(city, "records")) if "445200" not in name] == sorted(kept)
    assert len(names(folder(city, "records"))) == 3


async def test_without_records_the_city_sorts_out_duplicates(city: SimulatedCity) -> None:
    assert city.profile.sftp_batch is not None
    outgoing = city.profile.sftp_batch.outgoing.model_copy(update={"records": None})
    async with successor(city, changed(city, outgoing=outgoing)) as adapter:
        pairs = some(2)
        await city.control(cut_count=1, cut_at_bytes=100)
        assert {type(one) for one in await outcomes(adapter, pairs)} == {PartnerUnavailable}
        await delivered(adapter, pairs)
        await booked_once(city, pairs)
        assert not any(one.duplicate for one in await delivered(adapter, pairs))
        with pytest.raises(PartnerProtocol):
            await adapter.find(pairs[0][0])
    await booked_once(city, pairs)
    assert names(folder(city, "records")) == []
