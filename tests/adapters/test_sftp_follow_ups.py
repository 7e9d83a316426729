"""What follows an application in batches, and the city's list of a day: beside what the contract suite says of both."""

import asyncio
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from adapters.registry import build_adapter
from schemas.errors import PartnerAmbiguous, PartnerProtocol, PartnerRefused, PartnerUnavailable
from schemas.message import Outcome, ProgressReport, Step
from tests.adapters.batch_city import (
    CODE,
    archive,
    booked_once,
    changed,
    delivered,
    folder,
    names,
    some,
    soon,
    successor,
)
from tests.adapters.cities import SimulatedCity, simulated_city
from tests.adapters.follow_ups import supplement_to, withdrawal_of

DAY = date(2026, 11, 23)


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    settings = {"timeout_s": "8"}
    config = {"pace_s": 0.02, "outcome": "asks"}
    async with simulated_city(CODE, tmp_path, config=config, settings=settings) as running:
        yield running


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("gb18030"), newline="")))


async def test_what_follows_goes_in_the_same_batch_as_applications(city: SimulatedCity) -> None:
    first = some(2)
    await delivered(city.adapter, first)
    await booked_once(city, first)
    later = some(1)
    supplement, files = supplement_to(first[0][0], {"补.pdf": b"more"})
    withdrawal = withdrawal_of(first[1][0])
    async with asyncio.TaskGroup() as group:
        acknowledged = [
            group.create_task(city.adapter.deliver(*later[0])),
            group.create_task(city.adapter.follow_up(supplement, files)),
            group.create_task(city.adapter.follow_up(withdrawal, files)),
        ]
    (number,) = {task.result().partner_reference for task in acknowledged}
    await booked_once(city, later)
    await soon(lambda: len(city.rows("select 1 from follow_ups")) == 2)
    manifest = json.loads((archive(city) / f"{number}.json").read_bytes())
    assert manifest["JLS"] == 1
    assert [(one["WJLX"], one["TS"]) for one in manifest["WJQD"]] == [("SB", 1), ("HX", 2), ("FJ", 2)]
    rows = rows_of(archive(city) / f"{number}.follow.csv")
    assert {row["HXLSH"]: row["HXLX"] for row in rows} == {
        str(supplement.message_id): "1",
        str(withdrawal.message_id): "2",
    }
    with zipfile.ZipFile(archive(city) / f"{number}.zip") as packed:
        assert packed.read(str(supplement.files[0].file.file_id)) == b"more"


async def test_another_gateway_finds_what_was_sent(city: SimulatedCity) -> None:
    pairs = some(1)
    await delivered(city.adapter, pairs)
    await booked_once(city, pairs)
    supplement, files = supplement_to(pairs[0][0], {"补.pdf": b"more"})
    first = await city.adapter.follow_up(supplement, files)
    async with successor(city) as adapter:
        again = await adapter.follow_up(supplement, files)
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.partner_reference == first.partner_reference


async def test_a_batch_of_follow_ups_that_was_placed_unseen(city: SimulatedCity) -> None:
    pairs = some(1)
    await delivered(city.adapter, pairs)
    await booked_once(city, pairs)
    withdrawal = withdrawal_of(pairs[0][0])
    await city.control(cut_count=1, cut_after_booking=True)
    with pytest.raises(PartnerAmbiguous):
        await city.adapter.follow_up(withdrawal, pairs[0][1])
    await city.adapter.follow_up(withdrawal, pairs[0][1])  # the city may have taken the batch away: sent once more
    await soon(lambda: city.rows("select 1 from follow_ups"))
    await asyncio.sleep(0.3)
    assert city.rows("select kind, reason from follow_ups") == [("WITHDRAW", "不再需要 𠮷㐂")]


async def test_the_city_refuses_a_bad_row_alone(city: SimulatedCity) -> None:
    """A follow-up of a case it does not have; the other one is taken."""
    pairs = some(1)
    await delivered(city.adapter, pairs)
    await booked_once(city, pairs)
    good, stray = withdrawal_of(pairs[0][0]), withdrawal_of(some(1)[0][0])
    async with asyncio.TaskGroup() as group:
        for one in (good, stray):
            group.create_task(city.adapter.follow_up(one, pairs[0][1]))
    found: list[ProgressReport] = []
    cursor: str | None = None
    async with asyncio.timeout(20):
        while not any(report.partner_code == "2:3" for report in found):
            collected = await city.adapter.collect(cursor)
            await city.adapter.acknowledge(collected)
            cursor, found = collected.cursor, [*found, *collected.reports]
            await asyncio.sleep(0.05)
    (refused,) = [report for report in found if report.step is Step.UNKNOWN]
    assert (refused.application_id, refused.reason) == (stray.application_id, "未查询到办件")
    assert city.rows("select message_id from follow_ups") == [(str(good.message_id),)]


async def test_a_file_that_is_too_large(city: SimulatedCity) -> None:
    profile = city.profile.model_copy(
        update={"limits": city.profile.limits.model_copy(update={"max_file_bytes": 1024})}
    )
    supplement, files = supplement_to(some(1)[0][0], {"补.pdf": bytes(2000)})
    async with successor(city, profile) as adapter:
        with pytest.raises(PartnerRefused):
            await adapter.follow_up(supplement, files)


async def test_a_profile_without_them(city: SimulatedCity) -> None:
    assert city.profile.sftp_batch is not None
    outgoing = city.profile.sftp_batch.outgoing.model_copy(update={"follow_ups": None})
    profile = changed(city, outgoing=outgoing, listing=None)
    pairs = some(1)
    async with successor(city, profile) as adapter:
        with pytest.raises(PartnerProtocol):
            await adapter.follow_up(withdrawal_of(pairs[0][0]), pairs[0][1])
        with pytest.raises(PartnerProtocol):
            await adapter.listing(DAY)
        (sent,) = await delivered(adapter, pairs)
    await booked_once(city, pairs)
    assert names(archive(city)) == [f"{sent.partner_reference}{ending}" for ending in (".csv", ".json", ".zip")]


# ---- the city's list of a day

ID = "019a0000-0000-7000-8000-0000000000a5"
LIST = f"YSBLSH,SBLSH,ZT\r\n{ID},CZ1,41\r\n"


def leave(city: SimulatedCity, text: str, digest: str | None = None) -> None:
    content = text.encode("gb18030")
    (folder(city, "outbox/duizhang") / "duizhang-20261123.csv").write_bytes(content)
    digest = hashlib.new("sm3", content).hexdigest() if digest is None else digest
    (folder(city, "outbox/duizhang") / "duizhang-20261123.csv.sm3").write_text(digest)


@pytest.mark.parametrize("as_written", ["{}", "{}  duizhang-20261123.csv\n"])
async def test_a_list_and_its_digest(city: SimulatedCity, as_written: str) -> None:
    leave(city, LIST, as_written.format(hashlib.new("sm3", LIST.encode()).hexdigest().upper()))
    (case,) = await city.adapter.listing(DAY)
    assert (str(case.application_id), case.case_number) == (ID, "CZ1")
    assert (case.step, case.outcome) == (Step.DECIDED, Outcome.REFUSED)


async def test_a_code_that_is_in_no_table(city: SimulatedCity) -> None:
    leave(city, LIST.replace("41", "77"))
    assert [case.step for case in await city.adapter.listing(DAY)] == [Step.UNKNOWN]


async def test_a_day_without_cases(city: SimulatedCity) -> None:
    leave(city, "YSBLSH,SBLSH,ZT\r\n")
    assert await city.adapter.listing(DAY) == ()


async def test_a_list_that_is_not_there_or_not_whole_yet(city: SimulatedCity) -> None:
    with pytest.raises(PartnerUnavailable):
        await city.adapter.listing(DAY)
    for digest in ("0" * 64, "", "half"):
        leave(city, LIST, digest)
        with pytest.raises(PartnerUnavailable):
            await city.adapter.listing(DAY)


@pytest.mark.parametrize("text", ["", f"YSBLSH,SBLSH,ZT\r\n{ID},CZ1,41\r\nno-id,CZ2,41\r\n", 'YSBLSH,"'])
async def test_a_list_that_cannot_be_read_is_for_a_person(city: SimulatedCity, text: str) -> None:
    leave(city, text)
    with pytest.raises(PartnerProtocol):
        await city.adapter.listing(DAY)


async def test_a_list_that_is_too_long(city: SimulatedCity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.sftp_listing.MOST_ROWS", 1)
    leave(city, LIST + f"{ID},CZ2,41\r\n")
    with pytest.raises(PartnerProtocol):
        await city.adapter.listing(DAY)


async def test_a_folder_that_is_not_there(city: SimulatedCity) -> None:
    assert city.profile.sftp_batch is not None
    assert city.profile.sftp_batch.listing is not None
    elsewhere = city.profile.sftp_batch.listing.model_copy(update={"folder": "nowhere"})
    async with successor(city, changed(city, listing=elsewhere)) as adapter:
        with pytest.raises(PartnerProtocol):
            await adapter.listing(DAY)


async def test_a_name_that_leads_elsewhere(city: SimulatedCity) -> None:
    assert city.profile.sftp_batch is not None
    assert city.profile.sftp_batch.listing is not None
    astray = city.profile.sftp_batch.listing.model_copy(update={"name": "'../host_key'"})
    async with successor(city, changed(city, listing=astray)) as adapter:
        with pytest.raises(PartnerProtocol):
            await adapter.listing(DAY)


async def test_a_city_that_is_gone(city: SimulatedCity) -> None:
    city.process.terminate()
    await city.process.wait()
    adapter = build_adapter(city.profile, city.context)
    try:
        with pytest.raises(PartnerUnavailable):
            await adapter.listing(DAY)
    finally:
        await adapter.close()
