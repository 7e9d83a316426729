"""Supplements, withdrawals and listings through an exchange database: rows as they lie in it."""

import re
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from adapters.exchange_database import ExchangeDatabaseAdapter
from adapters.profile import load_profile
from schemas.errors import Internal, PartnerAmbiguous, PartnerProtocol, PartnerRefused, PartnerUnavailable
from schemas.message import Outcome, Step
from tests.adapters.cities import ROOT
from tests.adapters.follow_ups import supplement_to, withdrawal_of
from tests.adapters.messages import message_to
from tests.adapters.test_exchange_database import Exchange
from tests.simulators.exchange_tables import open_exchange

DAY = date(2026, 11, 23)
ID = "019a0000-0000-7000-8000-0000000000a4"


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    path = tmp_path / "exchange.sqlite3"
    open_exchange(f"sqlite:///{path}").dispose()
    opened = Exchange(path)
    yield opened
    await opened.adapter.close()


async def test_a_supplement_and_a_withdrawal_are_rows(exchange: Exchange) -> None:
    message, _ = message_to("441400")
    supplement, files = supplement_to(message, {"补.pdf": b"hello"}, "N1")
    withdrawal = withdrawal_of(message)
    for follow_up in (supplement, withdrawal):
        acknowledged = await exchange.adapter.follow_up(follow_up, files)
        assert (acknowledged.duplicate, acknowledged.case_number) == (False, None)
        assert acknowledged.partner_reference == str(follow_up.message_id)
    rows = exchange.sql(
        "select row_guid, outer_no, project_no, follow_type, follow_time, follow_reason, material_count, ack_time"
        " from up_pro_follow order by follow_type"
    )
    case = str(message.application_id)
    assert rows == [
        (str(supplement.message_id), case, "N1", "1", "20261124T090203", "已补齐 𠮷", 2, None),
        (str(withdrawal.message_id), case, None, "2", "20261124T090203", "不再需要 𠮷㐂", 0, None),
    ]
    materials = exchange.sql(
        "select follow_guid, outer_no, material_code, attach_name, attach from up_pro_follow_material"
        " order by material_code"
    )
    ids = (str(supplement.message_id), case)
    assert materials == [(*ids, "S01", "补.pdf", b"hello"), (*ids, "SP1", None, None)]


async def test_a_repeat_is_one_row(exchange: Exchange) -> None:
    message, _ = message_to("441400")
    supplement, files = supplement_to(message, {"补.pdf": b"hello"})
    found = [await exchange.adapter.follow_up(supplement, files) for _ in range(3)]
    assert [one.duplicate for one in found] == [False, True, True]
    assert exchange.sql("select count(*) from up_pro_follow") == [(1,)]
    assert exchange.sql("select count(*) from up_pro_follow_material") == [(2,)]


async def test_a_follow_up_before_its_application_is_a_row_all_the_same(exchange: Exchange) -> None:
    """The key is the message's own: a supplement is no repeat of its application."""
    message, files = message_to("441400")
    await exchange.adapter.follow_up(withdrawal_of(message), files)
    assert not (await exchange.adapter.deliver(message, files)).duplicate


async def test_a_commit_that_fails_may_have_booked(exchange: Exchange) -> None:
    with exchange.city() as db:
        db.execute("pragma journal_mode=delete")
    message, files = message_to("441400")
    with exchange.city() as reader:
        reader.execute("begin")
        reader.execute("select * from up_pro_follow").fetchall()
        with pytest.raises(PartnerAmbiguous):
            await exchange.adapter.follow_up(withdrawal_of(message), files)
        reader.execute("rollback")
    assert exchange.sql("select count(*) from up_pro_follow") == [(0,)]


async def test_a_file_that_is_too_large(exchange: Exchange) -> None:
    message, _ = message_to("441400")
    supplement, files = supplement_to(message, {"补.pdf": bytes(2048)})
    limits = exchange.adapter.profile.limits.model_copy(update={"max_file_bytes": 1024})
    small = ExchangeDatabaseAdapter(
        exchange.adapter.profile.model_copy(update={"limits": limits}), exchange.adapter._context
    )
    try:
        with pytest.raises(PartnerRefused):
            await small.follow_up(supplement, files)
    finally:
        await small.close()
    assert exchange.sql("select count(*) from up_pro_follow") == [(0,)]


async def test_a_file_of_ours_that_cannot_be_read(exchange: Exchange) -> None:
    """Files are read while the rows are written: what was written before is taken back."""
    message, _ = message_to("441400")
    supplement, files = supplement_to(message, {"a.pdf": b"hello", "b.pdf": b"world"})
    files.contents[supplement.files[1].file.sha256] = b"shorter"[:3]
    with pytest.raises(Internal):
        await exchange.adapter.follow_up(supplement, files)
    assert exchange.sql("select count(*) from up_pro_follow") == [(0,)]
    assert exchange.sql("select count(*) from up_pro_follow_material") == [(0,)]


async def test_a_profile_without_them(exchange: Exchange) -> None:
    section = exchange.adapter.profile.exchange_database
    assert section is not None
    bare = section.model_copy(update={"follow_up": None, "listing": None})
    profile = exchange.adapter.profile.model_copy(update={"exchange_database": bare})
    without = ExchangeDatabaseAdapter(profile, exchange.adapter._context)
    message, files = message_to("441400")
    try:
        with pytest.raises(PartnerProtocol):
            await without.follow_up(withdrawal_of(message), files)
        with pytest.raises(PartnerProtocol):
            await without.listing(DAY)
    finally:
        await without.close()


def test_the_profile_in_the_guide_is_whole(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "adding-a-city" / "exchange_database.md").read_text("utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    path = tmp_path / "441400.yaml"
    path.write_text(text, "utf-8")
    section = load_profile(path).exchange_database
    assert section is not None
    assert section.follow_up is not None
    assert section.listing is not None


# ---- the city's view of a day


def accept(exchange: Exchange, number: str, at: str, source: str = "445200", case: str = ID) -> None:
    exchange.sql(
        "insert into up_pro_accept(row_guid, data_source, outer_no, project_no, ack_time, ack_code)"
        " values (?, ?, ?, ?, ?, '00')",
        f"guid-{number}-{at}", source, case, number, at,
    )  # fmt: skip


async def test_the_day_is_a_beijing_day_and_only_ours(exchange: Exchange) -> None:
    accept(exchange, "N1", "20261122T235959")
    accept(exchange, "N2", "20261123T000000")
    accept(exchange, "N3", "20261123T235959")
    accept(exchange, "N4", "20261124T000000")
    accept(exchange, "N5", "20261123T120000", source="440100")
    cases = await exchange.adapter.listing(DAY)
    assert [case.case_number for case in cases] == ["N2", "N3"]
    assert {case.step for case in cases} == {Step.ARRIVED}


@pytest.mark.parametrize(
    ("events", "result", "wanted"),
    [
        ([("03", 1), ("10", 2)], None, (Step.SUPPLEMENT_ASKED, None)),
        ([("10", 2), ("03", 1)], None, (Step.SUPPLEMENT_ASKED, None)),
        ([("03", 1), ("16", 5)], None, (Step.WITHDRAWN, None)),
        ([("03", 1), ("88", 2)], None, (Step.UNKNOWN, None)),
        ([("03", 1)], "0", (Step.DECIDED, Outcome.GRANTED)),
        ([("03", 1)], "3", (Step.UNKNOWN, None)),
    ],
)
async def test_the_last_thing_that_happened(
    exchange: Exchange, events: list[tuple[str, int]], result: str | None, wanted: tuple[Step, Outcome | None]
) -> None:
    accept(exchange, "N1", "20261123T120000")
    for code, number in events:
        exchange.sql(
            "insert into up_pro_process(row_guid, outer_no, process_no, event_code) values (?, ?, ?, ?)",
            code, ID, number, code,
        )  # fmt: skip
    if result is not None:
        exchange.sql("insert into up_pro_result(row_guid, outer_no, result_type) values ('r', ?, ?)", ID, result)
    (case,) = await exchange.adapter.listing(DAY)
    assert (case.step, case.outcome) == wanted


async def test_a_row_that_cannot_be_read_is_for_a_person(exchange: Exchange) -> None:
    accept(exchange, "N1", "20261123T120000", case="no id")
    with pytest.raises(PartnerProtocol):
        await exchange.adapter.listing(DAY)


async def test_a_listing_that_is_too_long(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.exchange_database.MOST_ROWS", 1)
    accept(exchange, "N1", "20261123T120000")
    assert len(await exchange.adapter.listing(DAY)) == 1
    accept(exchange, "N2", "20261123T120000")
    with pytest.raises(PartnerProtocol):
        await exchange.adapter.listing(DAY)


async def test_a_database_that_is_gone(exchange: Exchange, tmp_path: Path) -> None:
    exchange.secrets["441400.database_url"] = f"sqlite:///{tmp_path}/no/such/folder.sqlite3"
    with pytest.raises(PartnerUnavailable):
        await exchange.adapter.listing(DAY)
