"""梅州's exchange database on PostgreSQL: the same adapter and profile, another SQLAlchemy URL."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from adapters.expression_functions import CHINA
from adapters.registry import build_adapter
from schemas.errors import PartnerProtocol, PartnerUnavailable
from schemas.message import ListedCase, Step
from tests import postgres
from tests.adapters.cities import SimulatedCity, simulated_city
from tests.adapters.follow_ups import supplement_to
from tests.adapters.messages import message_to


@pytest.fixture
def exchange_url(postgres_server: str) -> Iterator[str]:
    url = postgres.create_database(postgres_server)
    yield url.replace("postgresql://", "postgresql+pg8000://")
    postgres.drop_database(postgres_server, url)


@pytest.fixture
async def meizhou(exchange_url: str, tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    async with simulated_city("441400", tmp_path, config={"pace_s": 0.05}, exchange_url=exchange_url) as city:
        yield city


async def test_a_case_from_delivery_to_result_file(meizhou: SimulatedCity) -> None:
    message, files = message_to("441400", {"身份证𠮷.pdf": bytes(range(256)) * 4000})
    outcomes: list[bool] = []

    async def once() -> None:
        outcomes.append((await meizhou.adapter.deliver(message, files)).duplicate)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(once())
    assert sorted(outcomes) == [False, True, True, True]
    steps: list[Step] = []
    async with asyncio.timeout(20):
        while Step.DECIDED not in steps:
            collected = await meizhou.adapter.collect(None)
            await meizhou.adapter.acknowledge(collected)
            steps += [report.step for report in collected.reports]
            for file in [file for report in collected.reports for file in report.files]:
                content = b"".join([chunk async for chunk in meizhou.adapter.fetch(file)])
                assert hashlib.sha256(content).hexdigest() == file.sha256
            await asyncio.sleep(0.05)
    assert steps == [Step.ARRIVED, Step.ACCEPTED, Step.DECIDED]
    assert len(meizhou.bookings(message.application_id)) == 1
    assert (await meizhou.adapter.collect(None)).reports == ()


async def test_a_supplement_and_the_list_of_the_day(meizhou: SimulatedCity) -> None:
    await meizhou.control(outcome="asks")
    message, files = message_to("441400")
    await meizhou.adapter.deliver(message, files)
    supplement, more = supplement_to(message, {"补𠮷.pdf": bytes(range(256)) * 4000})
    found = [await meizhou.adapter.follow_up(supplement, more) for _ in range(2)]
    assert [one.duplicate for one in found] == [False, True]
    cases: tuple[ListedCase, ...] = ()
    async with asyncio.timeout(20):
        while [case.step for case in cases] != [Step.DECIDED]:
            await asyncio.sleep(0.05)
            cases = await meizhou.adapter.listing(datetime.now(CHINA).date())
    assert [str(case.case_number) for case in cases] == meizhou.bookings(message.application_id)
    assert meizhou.rows("select kind, files from follow_ups") == [("SUPPLEMENT", 1)]


async def test_a_view_that_is_not_there(meizhou: SimulatedCity) -> None:
    section = meizhou.profile.exchange_database
    assert section is not None
    assert section.listing is not None
    astray = section.model_copy(update={"listing": section.listing.model_copy(update={"table": "v_none"})})
    adapter = build_adapter(meizhou.profile.model_copy(update={"exchange_database": astray}), meizhou.context)
    try:
        with pytest.raises(PartnerProtocol):
            await adapter.listing(datetime.now(CHINA).date())
    finally:
        await adapter.close()


async def test_a_database_that_is_not_there(meizhou: SimulatedCity) -> None:
    await meizhou.adapter.probe()
    meizhou.secrets["441400.database_url"] = "postgresql+pg8000://postgres@127.0.0.1:1/none"
    message, files = message_to("441400")
    with pytest.raises(PartnerUnavailable):
        await meizhou.adapter.deliver(message, files)
