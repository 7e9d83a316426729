"""What 潮州's simulator leaves for us: taken when it is whole, moved when it is stored, told when it makes no sense."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.message import Step
from tests.adapters.batch_city import (
    CODE,
    booked,
    changed,
    delivered,
    folder,
    leave,
    names,
    reports_of,
    some,
    soon,
    successor,
)
from tests.adapters.cities import SimulatedCity, simulated_city


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    async with simulated_city(CODE, tmp_path, config={"pace_s": 0.05}, settings={"timeout_s": "10"}) as running:
        yield running


async def test_one_bad_row_is_answered_alone(city: SimulatedCity) -> None:
    await city.control(refuse_count=1, pace_s=30.0)
    pairs = some(3)
    await delivered(city.adapter, pairs)
    found = await reports_of(city, 3)
    assert sorted(one.step for one in found) == [Step.ARRIVED, Step.ARRIVED, Step.REJECTED]
    (refused,) = [one for one in found if one.step is Step.REJECTED]
    assert refused.reason == "不符合申报条件"
    assert sorted(booked(city, pairs)) == [0, 1, 1]


async def test_half_written_files_are_left_alone_until_they_are_whole(city: SimulatedCity) -> None:
    await city.control(half_written=2)
    await delivered(city.adapter, some(1))
    assert [one.step for one in await reports_of(city, 3)] == [Step.ARRIVED, Step.ACCEPTED, Step.DECIDED]
    assert [name for name in names(folder(city, "outbox")) if name.endswith(".json")] == []


async def test_what_never_becomes_whole_is_told_once_and_holds_up_nothing(city: SimulatedCity) -> None:
    await city.control(spoil_digest=1)
    await delivered(city.adapter, some(1))
    await soon(lambda: any(name.startswith("HZ-") and name.endswith(".json") for name in names(folder(city, "outbox"))))
    assert {one.step for one in await reports_of(city, 2)} == {Step.ACCEPTED, Step.DECIDED}
    city.ahead_s = 4000
    told = await city.adapter.collect(None)
    assert told.reports == ()
    (row,) = map(json.loads, told.unreadable)
    assert "digest" in row["fault"]
    assert row["manifest"].startswith("HZ-")
    assert (await city.adapter.collect(None)).unreadable == ()
    assert any(name.startswith("HZ-") for name in names(folder(city, "outbox")))


async def test_files_move_only_after_they_are_stored(city: SimulatedCity) -> None:
    await city.control(silent=True)
    await delivered(city.adapter, some(3))
    await soon(lambda: len(names(folder(city, "outbox"))) == 2)
    first = await city.adapter.collect(None)
    async with successor(city) as adapter:
        again = await adapter.collect(None)
    assert [one.report_id for one in first.reports] == [one.report_id for one in again.reports]
    assert len(names(folder(city, "outbox"))) == 2
    await city.adapter.acknowledge(first)
    await city.adapter.acknowledge(first)
    assert names(folder(city, "outbox")) == []
    assert len(names(folder(city, "outbox/done"))) == 2


async def test_pages_and_a_restart_between_them(city: SimulatedCity) -> None:
    assert city.profile.sftp_batch is not None
    incoming = city.profile.sftp_batch.incoming.model_copy(update={"limit": 2})
    await city.control(silent=True)
    await delivered(city.adapter, some(5))
    await soon(lambda: len(names(folder(city, "outbox"))) == 2)
    cursor, sizes = None, []
    seen: set[str] = set()
    for _ in range(3):
        async with successor(city, changed(city, incoming=incoming)) as adapter:
            collected = await adapter.collect(cursor)
            await adapter.acknowledge(collected)
        cursor, seen = collected.cursor, seen | {one.report_id for one in collected.reports}
        sizes.append((len(collected.reports), collected.more))
    assert sizes == [(2, True), (2, True), (1, False)]
    assert len(seen) == 5
    assert names(folder(city, "outbox")) == []


async def test_a_move_that_was_cut_off_is_finished(city: SimulatedCity) -> None:
    await city.control(silent=True)
    await delivered(city.adapter, some(1))
    await soon(lambda: len(names(folder(city, "outbox"))) == 2)
    stored = await city.adapter.collect(None)
    (table,) = folder(city, "outbox").glob("*.csv")
    table.rename(folder(city, "outbox/done") / table.name)  # and then this process died
    async with successor(city) as adapter:
        again = await adapter.collect(stored.cursor)
        assert again.reports == ()
        await adapter.acknowledge(again)
    assert names(folder(city, "outbox")) == []


async def test_a_set_of_the_same_name_with_other_content_is_another(city: SimulatedCity) -> None:
    cursor = None
    for number in (1, 2, 2):
        case = f"019a0000-0000-7000-8000-00000000000{number}"
        leave(city, "A", {"A.csv": ("HZ", f"YSBLSH,JG,SJ\r\n{case},1,20261123T090203\r\n".encode())})
        collected = await city.adapter.collect(cursor)
        assert [str(one.application_id) for one in collected.reports] in ([case], [])
        assert (collected.reports == ()) is (cursor == collected.cursor)
        await city.adapter.acknowledge(collected)
        cursor = collected.cursor


@pytest.mark.parametrize(
    ("manifest", "waits"),
    [
        (b"{", True),
        (b"{}", True),
        (b'{"WJQD":[{"WJLX":"HZ","WJM":"../../etc/passwd","WJDX":1,"ZYZ":"0"}]}', True),
        (b'{"WJQD":[{"WJLX":"HZ","WJM":"x.csv","WJDX":1}]}', True),
        (b'{"WJQD":[{"WJLX":"HZ","WJM":"x.csv","WJDX":999999999,"ZYZ":"0"}]}', False),
    ],
)
async def test_manifests_that_make_no_sense(city: SimulatedCity, manifest: bytes, waits: bool) -> None:
    (folder(city, "outbox") / "A.json").write_bytes(manifest)
    assert len((await city.adapter.collect(None)).unreadable) == (0 if waits else 1)
    city.ahead_s = 4000
    assert len((await city.adapter.collect(None)).unreadable) == (1 if waits else 0)


@pytest.mark.parametrize("table", [b"\xff\xff\xff", b"", b"A,A\r\n1,2\r\n", b'A,B\r\n"1"2,3\r\n'])
async def test_a_table_that_cannot_be_read_is_told_at_once(city: SimulatedCity, table: bytes) -> None:
    leave(city, "A", {"A.csv": ("HZ", table)})
    (row,) = map(json.loads, (await city.adapter.collect(None)).unreadable)
    assert "table" in row["fault"]


async def test_one_unreadable_row_does_not_hold_up_the_others(city: SimulatedCity) -> None:
    case = "019a0000-0000-7000-8000-0000000000a1"
    rows = ["YSBLSH,JG,SJ", f"{case},1,20261123T090203,one cell too many", "not ours,1,20261123T090203", "x"]
    leave(city, "A", {"A.csv": ("HZ", "\r\n".join(rows).encode())})
    collected = await city.adapter.collect(None)
    assert [one.step for one in collected.reports] == [Step.ARRIVED]
    assert [json.loads(row)["YSBLSH"] for row in collected.unreadable] == ["not ours", "x"]
