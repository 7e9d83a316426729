"""Batches over SFTP, against 潮州's simulator: what goes together, what a cut means, what is left alone."""

import asyncio
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.profile import CityProfile
from adapters.registry import build_adapter
from adapters.sftp_batch import SftpBatchAdapter
from schemas.application import StoredFile
from schemas.errors import (
    CrossCityError,
    Internal,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
)
from schemas.message import Acknowledgement, OutboundMessage, ProgressReport, Step
from tests.adapters.cities import SimulatedCity, simulated_city
from tests.adapters.messages import MemoryFiles, message_to

CODE = "445100"
Pair = tuple[OutboundMessage, MemoryFiles]


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    async with simulated_city(CODE, tmp_path, config={"pace_s": 0.05}, settings={"timeout_s": "10"}) as running:
        yield running


def folder(city: SimulatedCity, name: str) -> Path:
    return city.books.parent / "sftp" / name


def archive(city: SimulatedCity) -> Path:
    return city.books.parent / "sftp-archive"


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir() if one.is_file())


def some(count: int, size_bytes: int = 1000) -> list[Pair]:
    return [message_to(CODE, {f"{n}.pdf": bytes([n % 256]) * size_bytes}) for n in range(count)]


async def outcomes(adapter: Any, pairs: Sequence[Pair]) -> list[Acknowledgement | CrossCityError]:
    """What deliver gave for each, all at once."""

    async def one(pair: Pair) -> Acknowledgement | CrossCityError:
        try:
            acknowledged: Acknowledgement = await adapter.deliver(*pair)
        except CrossCityError as error:
            return error
        return acknowledged

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(pair)) for pair in pairs]
    return [task.result() for task in tasks]


async def delivered(adapter: Any, pairs: Sequence[Pair]) -> list[Acknowledgement]:
    found = []
    for outcome in await outcomes(adapter, pairs):
        assert isinstance(outcome, Acknowledgement), repr(outcome)
        found.append(outcome)
    return found


async def soon(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def booked(city: SimulatedCity, pairs: Sequence[Pair]) -> list[int]:
    return [len(city.bookings(message.application_id)) for message, _ in pairs]


async def booked_once(city: SimulatedCity, pairs: Sequence[Pair]) -> None:
    await soon(lambda: sum(booked(city, pairs)) >= len(pairs))
    await asyncio.sleep(0.3)
    assert booked(city, pairs) == [1] * len(pairs)


def another(city: SimulatedCity, profile: CityProfile | None = None) -> SftpBatchAdapter:
    """A gateway that knows nothing of what was sent before."""
    adapter = build_adapter(profile or city.profile, city.context)
    assert isinstance(adapter, SftpBatchAdapter)
    return adapter


@asynccontextmanager
async def successor(city: SimulatedCity, profile: CityProfile | None = None) -> AsyncIterator[SftpBatchAdapter]:
    adapter = another(city, profile)
    try:
        yield adapter
    finally:
        await adapter.close()


def changed(city: SimulatedCity, **operations: Any) -> CityProfile:
    """The city's profile with other values in its sftp_batch section."""
    assert city.profile.sftp_batch is not None
    return city.profile.model_copy(update={"sftp_batch": city.profile.sftp_batch.model_copy(update=operations)})


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
    assert names(archive(city)) == [f"{number}.csv", f"{number}.json", f"{number}.zip"]
    manifest = json.loads((archive(city) / f"{number}.json").read_bytes())
    assert (manifest["PCH"], manifest["JLS"]) == (number, 3)
    for listed, kind, count in zip(manifest["WJQD"], ("SB", "FJ"), (3, 3), strict=True):
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


# ---- what comes back


async def reports_of(city: SimulatedCity, steps: int, adapter: Any = None) -> list[ProgressReport]:
    adapter, cursor = adapter or city.adapter, None
    found: list[ProgressReport] = []
    async with asyncio.timeout(20):
        while len(found) < steps:
            collected = await adapter.collect(cursor)
            assert collected.unreadable == ()
            await adapter.acknowledge(collected)
            cursor, found = collected.cursor, [*found, *collected.reports]
            await asyncio.sleep(0.05)
    return found


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


def leave(city: SimulatedCity, name: str, files: dict[str, tuple[str, bytes]]) -> None:
    """What a city would leave for us."""
    for file, (_, content) in files.items():
        (folder(city, "outbox") / file).write_bytes(content)
    listed = [
        {"WJLX": kind, "WJM": file, "WJDX": str(len(content)), "ZYZ": hashlib.new("sm3", content).hexdigest().upper()}
        for file, (kind, content) in files.items()
    ]
    (folder(city, "outbox") / f"{name}.json").write_text(json.dumps({"WJQD": listed}))


async def test_one_unreadable_row_does_not_hold_up_the_others(city: SimulatedCity) -> None:
    case = "019a0000-0000-7000-8000-0000000000a1"
    rows = ["YSBLSH,JG,SJ", f"{case},1,20261123T090203,one cell too many", "not ours,1,20261123T090203", "x"]
    leave(city, "A", {"A.csv": ("HZ", "\r\n".join(rows).encode())})
    collected = await city.adapter.collect(None)
    assert [one.step for one in collected.reports] == [Step.ARRIVED]
    assert [json.loads(row)["YSBLSH"] for row in collected.unreadable] == ["not ours", "x"]
