"""The exchange database without a city: tables made here, the city's side played by plain SQL."""

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import AdapterContext
from adapters.exchange_database import ExchangeDatabaseAdapter
from adapters.profile import load_profile
from schemas.errors import (
    CrossCityError,
    Internal,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
)
from schemas.message import RemoteFile, Step
from tests.adapters.cities import profile_path
from tests.adapters.messages import message_to
from tests.simulators.exchange_tables import open_exchange

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
CASE = "019a0000-0000-7000-8000-0000000000a1"


class Exchange:
    """The database file, and the adapter on it."""

    def __init__(self, path: Path, *, wait_s: float = 0.1, timeout_s: float = 5) -> None:
        self.path = path
        self.secrets = {"441400.database_url": f"sqlite:///{path}?timeout={wait_s}"}
        context = AdapterContext(lambda: NOW, lambda name: self.secrets[name], lambda: "nonce")
        profile = load_profile(profile_path("441400"), {"timeout_s": str(timeout_s)})
        self.adapter = ExchangeDatabaseAdapter(profile, context)

    @contextmanager
    def city(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            yield db

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        with self.city() as db:
            return list(db.execute(text, values))


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    path = tmp_path / "exchange.sqlite3"
    engine = open_exchange(f"sqlite:///{path}")
    engine.dispose()
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma journal_mode=delete")  # so that a reader can hold up a commit
    opened = Exchange(path)
    yield opened
    await opened.adapter.close()


def insert_process(exchange: Exchange, guid: str, **changes: Any) -> None:
    row = {"outer_no": CASE, "project_no": "N1", "process_no": 1, "event_code": "03", "event_time": "20261123T090203"}
    row |= {"row_guid": guid, "cd_time": "20261123T090203", **changes}
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    exchange.sql(f"insert into up_pro_process({names}) values ({marks})", *row.values())


async def test_rows_as_the_wire_says(exchange: Exchange) -> None:
    message, files = message_to("441400", {"甲.pdf": b"hello"})
    acknowledgement = await exchange.adapter.deliver(message, files)
    assert not acknowledgement.duplicate
    (row,) = exchange.sql(
        "select row_guid, cd_operation, cd_time, cd_batch, data_source, outer_no, applyer_name, form_json,"
        " material_count, ack_time from up_pro_accept"
    )
    assert row == (
        str(message.message_id),
        "I",
        "20261123T090203",
        "20261123090001",
        "445200",
        str(message.application_id),
        "陈𠮷㐂",
        '{"account":"0001","remark":"𠮷㐂"}',
        2,
        None,
    )
    materials = exchange.sql("select material_code, get_type, attach_name, attach from up_pro_material order by 1")
    assert materials == [("M01", "2", "甲.pdf", b"hello"), ("P01", "1", None, None)]
    assert len(exchange.sql("select distinct row_guid from up_pro_material")) == 2


async def test_the_same_message_at_the_same_time_is_one_row(exchange: Exchange) -> None:
    exchange.secrets["441400.database_url"] = f"sqlite:///{exchange.path}?timeout=5"
    message, files = message_to("441400", {"a.pdf": b"hello"})
    results: list[bool] = []

    async def once() -> None:
        results.append((await exchange.adapter.deliver(message, files)).duplicate)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(once())
    assert sorted(results) == [False] + [True] * 7
    assert exchange.sql("select count(*) from up_pro_accept") == [(1,)]
    assert exchange.sql("select count(*) from up_pro_material") == [(2,)]


async def test_a_locked_database_has_booked_nothing(exchange: Exchange) -> None:
    message, files = message_to("441400")
    with exchange.city() as db:
        db.execute("begin exclusive")
        with pytest.raises(PartnerUnavailable):
            await exchange.adapter.deliver(message, files)
        db.execute("rollback")
    assert exchange.sql("select count(*) from up_pro_accept") == [(0,)]
    assert not (await exchange.adapter.deliver(message, files)).duplicate


async def test_a_commit_that_fails_may_have_booked(exchange: Exchange) -> None:
    message, files = message_to("441400")
    with exchange.city() as db:
        db.execute("begin")
        db.execute("select * from up_pro_accept").fetchall()  # a reader: inserts are taken, the commit is not
        with pytest.raises(PartnerAmbiguous):
            await exchange.adapter.deliver(message, files)
        db.execute("rollback")
    assert not (await exchange.adapter.deliver(message, files)).duplicate  # nothing was left half done
    assert exchange.sql("select count(*) from up_pro_accept") == [(1,)]


async def test_after_the_time_limit_nothing_is_committed(tmp_path: Path, exchange: Exchange) -> None:
    slow = Exchange(exchange.path, wait_s=1.0, timeout_s=0.3)
    message, files = message_to("441400")
    try:
        with exchange.city() as db:
            db.execute("begin immediate")  # the insert waits for this
            with pytest.raises(PartnerUnavailable):
                await slow.adapter.deliver(message, files)
            db.execute("rollback")
        await asyncio.sleep(1.0)  # the thread has its lock by now, and gives up
        assert exchange.sql("select count(*) from up_pro_accept") == [(0,)]
    finally:
        await slow.adapter.close()


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("sqlite:////no/such/folder/x.sqlite3", PartnerUnavailable),
        ("not a url", PartnerUnavailable),
        ("mssql+pyodbc://host/db", Internal),
        ("postgresql+pg8000://u:p@127.0.0.1:1/db", PartnerUnavailable),
        (None, PartnerUnavailable),
    ],
)
async def test_a_database_that_cannot_be_opened(
    exchange: Exchange, url: str | None, wanted: type[CrossCityError]
) -> None:
    exchange.secrets = {} if url is None else {"441400.database_url": url}
    message, files = message_to("441400")
    with pytest.raises(CrossCityError) as caught:
        await exchange.adapter.deliver(message, files)
    assert type(caught.value) is wanted
    with pytest.raises(CrossCityError) as caught:
        await exchange.adapter.probe()
    assert type(caught.value) is wanted
    assert "u:p" not in caught.value.detail


async def test_a_rotated_url_is_used_without_a_restart(exchange: Exchange, tmp_path: Path) -> None:
    await exchange.adapter.probe()
    other = tmp_path / "other.sqlite3"
    open_exchange(f"sqlite:///{other}").dispose()
    exchange.secrets["441400.database_url"] = f"sqlite:///{other}"
    message, files = message_to("441400")
    await exchange.adapter.deliver(message, files)
    with closing(sqlite3.connect(other)) as db:
        assert db.execute("select count(*) from up_pro_accept").fetchone() == (1,)


async def test_a_file_that_is_too_large(exchange: Exchange) -> None:
    message, files = message_to("441400", {"a.pdf": b"x"})
    big = message.files[0].model_copy(update={"file": message.files[0].file.model_copy(update={"size_bytes": 10**9})})
    with pytest.raises(PartnerRefused):
        await exchange.adapter.deliver(message.model_copy(update={"files": (big,)}), files)


async def test_collect_is_repeated_until_acknowledged(exchange: Exchange) -> None:
    insert_process(exchange, "g1")
    first = await exchange.adapter.collect(None)
    again = await exchange.adapter.collect(None)
    assert [one.report_id for one in first.reports] == [one.report_id for one in again.reports]
    await exchange.adapter.acknowledge(first)
    await exchange.adapter.acknowledge(first)
    assert (await exchange.adapter.collect(None)).reports == ()
    assert exchange.sql("select ack_time from up_pro_process") == [("20261123T090203",)]


async def test_what_came_after_the_poll_is_not_marked(exchange: Exchange) -> None:
    insert_process(exchange, "g1")
    collected = await exchange.adapter.collect(None)
    insert_process(exchange, "g2", process_no=2, event_code="12", event_time="20261123T090204")
    await exchange.adapter.acknowledge(collected)
    (report,) = (await exchange.adapter.collect(None)).reports
    assert report.step is Step.RETURNED


async def test_the_same_fact_in_another_row_is_the_same_report(exchange: Exchange) -> None:
    insert_process(exchange, "g1")
    insert_process(exchange, "g2")
    reports = (await exchange.adapter.collect(None)).reports
    assert len(reports) == 2
    assert len({one.report_id for one in reports}) == 1


async def test_one_unreadable_row_does_not_hold_up_the_others(exchange: Exchange) -> None:
    insert_process(exchange, "g1", outer_no="not ours", cd_time="20261123T000000")
    insert_process(exchange, "g2")
    collected = await exchange.adapter.collect(None)
    assert [one.step for one in collected.reports] == [Step.ACCEPTED]
    assert len(collected.unreadable) == 1
    assert b"not ours" in collected.unreadable[0]
    await exchange.adapter.acknowledge(collected)
    assert (await exchange.adapter.collect(None)).unreadable == ()


async def test_a_long_backlog_comes_in_pages_oldest_first(exchange: Exchange) -> None:
    for number in range(1, 451):
        insert_process(
            exchange, f"g{number}", process_no=number, cd_time=f"20261123T09{number // 60:02}{number % 60:02}"
        )
    seen: list[int | None] = []
    more = True
    while more:
        collected = await exchange.adapter.collect(None)
        seen += [one.partner_sequence for one in collected.reports]
        await exchange.adapter.acknowledge(collected)
        more = collected.more
    assert seen == list(range(1, 451))


async def test_rows_of_other_senders_are_left_alone(exchange: Exchange) -> None:
    for guid, source in (("ours", "445200"), ("theirs", "445100")):
        exchange.sql(
            "insert into up_pro_accept(row_guid, cd_operation, data_source, outer_no, ack_time, ack_code)"
            " values (?, 'I', ?, ?, '20261123T090203', '00')",
            guid,
            source,
            CASE,
        )
    collected = await exchange.adapter.collect(None)
    assert [one.step for one in collected.reports] == [Step.ARRIVED]
    await exchange.adapter.acknowledge(collected)
    assert exchange.sql("select row_guid, cd_operation from up_pro_accept order by 1") == [
        ("ours", "A"),
        ("theirs", "I"),
    ]


async def test_result_files(exchange: Exchange) -> None:
    content = bytes(range(256)) * 3000
    digest = hashlib.sha256(content).hexdigest()
    exchange.sql(
        "insert into up_pro_result(row_guid, cd_time, outer_no, project_no, result_date, result_type, file_count)"
        " values ('r1', '20261123T090203', ?, 'N1', '20261123T090203', '0', 1)",
        CASE,
    )
    exchange.sql(
        "insert into up_pro_result_file"
        "(row_guid, result_guid, outer_no, attach_name, attach_size, attach_sha256, attach)"
        " values ('f1', 'r1', ?, '结果.pdf', ?, ?, ?)",
        CASE,
        len(content),
        digest,
        content,
    )
    (report,) = (await exchange.adapter.collect(None)).reports
    (file,) = report.files
    assert (file.reference, file.name, file.sha256) == ("f1", "结果.pdf", digest)
    chunks = [chunk async for chunk in exchange.adapter.fetch(file)]
    assert max(map(len, chunks)) <= 256 * 1024
    assert hashlib.sha256(b"".join(chunks)).hexdigest() == digest
    with pytest.raises(PartnerProtocol):
        async for _ in exchange.adapter.fetch(RemoteFile(reference="nothing", name="x")):
            pass


async def test_the_loop_is_not_held_up(exchange: Exchange) -> None:
    waiting = Exchange(exchange.path, wait_s=0.5)
    message, files = message_to("441400")
    with exchange.city() as db:
        db.execute("begin exclusive")
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            delivery = group.create_task(_outcome(waiting, message, files))
            await asyncio.sleep(0.02)
            assert time.monotonic() - began < 0.3
        assert delivery.result() is PartnerUnavailable
    await waiting.adapter.close()


async def _outcome(exchange: Exchange, message: Any, files: Any) -> type[CrossCityError] | None:
    try:
        await exchange.adapter.deliver(message, files)
    except CrossCityError as error:
        return type(error)
    return None
