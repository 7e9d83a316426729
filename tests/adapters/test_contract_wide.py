"""契约, wider: large messages, clocks that differ, lost files, spoilt answers and storms, for every city.

How each way of talking holds a large message:
  REST           files are streamed one after the other; nothing of them is held
  SOAP           files are read and turned into base64 while the envelope is sent; nothing of them is held
  SFTP batches   files go through a zip on our disk in blocks; nothing of them is held
  exchange       a database takes a file as one value: one file is held whole, never two
  peer gateway   as REST
"""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from adapters.profile import Duplicates, Transport
from schemas.errors import (
    CrossCityError,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
    Unauthenticated,
)
from schemas.message import OutboundMessage, Step
from tests.adapters.cities import CITIES, SimulatedCity, simulated_city
from tests.adapters.conftest import Inbox
from tests.adapters.messages import MemoryFiles, message_to
from tests.adapters.outcomes import ORDINARY
from tests.adapters.test_contract import (
    CALLED,
    CALLING_BACK,
    LEFT_FOR_IT,
    PATIENCE_S,
    POLLED,
    Reporter,
    booked,
    settled,
    true_soon,
)

pytestmark = pytest.mark.slow

MIB = 1024**2
STREAMED_BYTES = 8 * MIB
"""What a delivery may hold at its peak, however large its files are."""
COPIES = 3
"""Of one file, where a file is one value: as chunks, as a whole, and what is left of the one before."""
HUGE_BYTES = 40 * MIB
"""What an answer of 50 MB may cost: the largest answer that is taken is 16 MiB."""


@pytest.fixture
def reporter(city: SimulatedCity, inbox: Inbox) -> Reporter:
    return Reporter(city, inbox)


class Peak:
    """What Python's allocator held at most, beyond what it held before."""

    held_bytes = 0


@contextmanager
def peak() -> Iterator[Peak]:
    measured = Peak()
    gc.collect()
    tracemalloc.start()
    try:
        yield measured
        measured.held_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# ---- large messages


@pytest.fixture
async def patient(code: str, inbox: Inbox, tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    """A city that is given time: machines are shared."""
    async with simulated_city(code, tmp_path, callback_url=inbox.url, settings={"timeout_s": "90"}) as running:
        yield running


def parts(count: int, size_bytes: int) -> dict[str, bytes]:
    return {f"{number}.pdf": bytes([number]) * size_bytes for number in range(1, count + 1)}


@pytest.mark.parametrize(("count", "size_mib"), [(1, 30), (5, 20)])
async def test_large_files_in_bounded_memory(patient: SimulatedCity, count: int, size_mib: int) -> None:
    contents = parts(count, size_mib * MIB)
    message, files = message_to(patient.code, contents)
    whole = patient.profile.transport is Transport.EXCHANGE_DATABASE
    with peak() as measured:
        await patient.adapter.deliver(message, files)
    assert measured.held_bytes <= STREAMED_BYTES + (COPIES * size_mib * MIB if whole else 0)
    async with asyncio.timeout(60):
        while not patient.bookings(message.application_id):
            await asyncio.sleep(0.1)
    found = patient.rows("select size, sha256 from files_in order by name")
    assert found == [(size_mib * MIB, one.file.sha256) for one in message.files]


# ---- clocks that differ by ten minutes


@pytest.mark.parametrize("code", CALLED, indirect=True)
@pytest.mark.parametrize("skew_s", [600.0, -600.0])
async def test_a_city_whose_clock_is_ten_minutes_off_refuses_our_credentials(
    city: SimulatedCity, skew_s: float
) -> None:
    """For a person: nothing is booked, and nothing is lost once the clock is right."""
    await city.control(skew_s=skew_s)
    message, files = message_to(city.code, {"a.pdf": b"hello"})
    with pytest.raises(PartnerProtocol):
        await city.adapter.deliver(message, files)
    with pytest.raises(PartnerProtocol):
        await city.adapter.probe()
    assert await settled(city, message) == []
    await city.control(skew_s=0.0)
    await city.adapter.deliver(message, files)
    assert len(await booked(city, message)) == 1


@pytest.mark.parametrize("code", [code for code in CITIES if code not in CALLED], indirect=True)
@pytest.mark.parametrize("skew_s", [600.0, -600.0])
async def test_a_city_without_signatures_takes_it_and_reports_by_its_own_clock(
    city: SimulatedCity, reporter: Reporter, skew_s: float
) -> None:
    assert city.profile.transport in LEFT_FOR_IT
    await city.control(skew_s=skew_s)
    began = time.time_ns() // 10**9 + skew_s
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    reports = await reporter.until(3)
    assert [report.step for report in reports] == ORDINARY
    assert all(began - 1 <= report.occurred_at.timestamp() <= began + PATIENCE_S for report in reports)


@pytest.mark.parametrize("code", [code for code in POLLED if code in CALLED], indirect=True)
async def test_reports_keep_the_citys_own_time(city: SimulatedCity, reporter: Reporter) -> None:
    """Within what its credentials allow."""
    await city.control(skew_s=100.0)
    began = time.time_ns() // 10**9 + 100
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    for report in await reporter.until(3):
        assert began - 1 <= report.occurred_at.timestamp() <= began + PATIENCE_S


@pytest.mark.parametrize("code", CALLING_BACK, indirect=True)
@pytest.mark.parametrize("skew_s", [600.0, -600.0])
async def test_callbacks_of_a_city_whose_clock_is_ten_minutes_off_are_refused(
    city: SimulatedCity, inbox: Inbox, skew_s: float
) -> None:
    await city.control(pace_s=0.5)
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    await city.control(skew_s=skew_s)
    await true_soon(lambda: len(inbox.calls) >= 2)
    for call in inbox.calls[:2]:
        with pytest.raises(Unauthenticated):
            city.adapter.read_callback(call)


# ---- later, please


@pytest.mark.parametrize("code", CALLED, indirect=True)
async def test_retry_after_as_a_date(city: SimulatedCity) -> None:
    await city.control(later_count=1, retry_after_s=60.0, retry_after_as_date=True)
    message, files = message_to(city.code)
    with pytest.raises(PartnerUnavailable) as caught:
        await city.adapter.deliver(message, files)
    assert caught.value.retry_after_s is not None
    assert 50 <= caught.value.retry_after_s <= 60  # a date has whole seconds, and it takes a while to get here


# ---- files the city lost


async def test_a_city_that_lost_a_file_has_no_application(city: SimulatedCity, reporter: Reporter) -> None:
    """It said it had the file: whether it says the truth shows when the application names it."""
    await city.control(lose_uploads=1)
    message, files = message_to(city.code, {"a.pdf": b"hello", "b.pdf": b"world"})
    if city.profile.transport in LEFT_FOR_IT:  # said later
        await city.adapter.deliver(message, files)
        (report,) = await reporter.until(1)
        assert report.step is Step.REJECTED
        assert report.reason == "材料文件缺失"
    else:
        peer = city.profile.transport is Transport.PEER_GATEWAY  # whose word for it is no business reason
        with pytest.raises(PartnerProtocol if peer else PartnerRefused):
            await city.adapter.deliver(message, files)
    assert await settled(city, message) == []
    assert city.rows("select name from files_in") == []


# ---- answers that are spoilt


SPOILT = ("wrong_charset", "truncated_answers", "huge_answers")
PEER = "350600"
"""Its receipts, and pages without words in them, are ASCII: there is no wrong charset for them."""


def spoilt_by(codes: Iterable[str]) -> list[tuple[str, str]]:
    return [(code, spoilt) for code in codes for spoilt in SPOILT if (code, spoilt) != (PEER, "wrong_charset")]


@pytest.mark.parametrize(
    ("code", "spoilt"),
    spoilt_by(CALLED),
    indirect=["code"],
)
async def test_a_spoilt_answer_to_an_application(city: SimulatedCity, spoilt: str) -> None:
    """It was booked, as one finds out by asking or by sending it once more, where that may be done."""
    await city.adapter.probe()  # what is asked once, before anything else
    await city.control(**{spoilt: 1})
    message, files = message_to(city.code)
    with peak() as measured, pytest.raises(PartnerAmbiguous):
        await city.adapter.deliver(message, files)
    assert measured.held_bytes <= HUGE_BYTES
    (number,) = await booked(city, message)
    if city.profile.duplicates is Duplicates.QUERY_FIRST:
        found = await city.adapter.find(message)
        assert found is not None
        assert found.case_number == number
    elif city.profile.duplicates is Duplicates.IDEMPOTENT:
        assert (await city.adapter.deliver(message, files)).duplicate
    assert await settled(city, message) == [number]


@pytest.mark.parametrize(("code", "spoilt"), spoilt_by(code for code in POLLED if code in CALLED), indirect=["code"])
async def test_a_spoilt_page_of_progress_loses_nothing(city: SimulatedCity, reporter: Reporter, spoilt: str) -> None:
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    await city.control(**{spoilt: 1})
    with peak() as measured, pytest.raises((PartnerProtocol, PartnerUnavailable)):
        await city.adapter.collect(None)
    assert measured.held_bytes <= HUGE_BYTES
    assert [report.step for report in await reporter.until(3)] == ORDINARY


# ---- storms


async def asked_first(city: SimulatedCity, message: OutboundMessage) -> bool:
    """As a lane does after an unclear try: whether the message is there already."""
    while True:
        with suppress(PartnerUnavailable):
            return await city.adapter.find(message) is not None


async def weathered(city: SimulatedCity, message: OutboundMessage, files: MemoryFiles) -> list[CrossCityError]:
    """What the tries met until one was taken; between them, what `duplicates` says."""
    met: list[CrossCityError] = []
    while True:
        try:
            await city.adapter.deliver(message, files)
        except (PartnerUnavailable, PartnerAmbiguous) as error:
            met.append(error)
            query = city.profile.duplicates is Duplicates.QUERY_FIRST
            if query and isinstance(error, PartnerAmbiguous) and await asked_first(city, message):
                return met
        else:
            return met


@pytest.mark.parametrize("code", CALLED, indirect=True)
async def test_a_storm_of_server_errors_books_once(city: SimulatedCity) -> None:
    """500, 502, 503 and 504 in turn, for files, applications and questions alike: all of it passes."""
    await city.control(storm=12)
    message, files = message_to(city.code, {"a.pdf": b"hello"})
    async with asyncio.timeout(PATIENCE_S):
        met = await weathered(city, message, files)
    assert met
    assert len(await booked(city, message)) == 1
    assert len(await settled(city, message)) == 1


# ---- codes nobody knows


async def test_an_unknown_code_is_a_report_for_a_person(city: SimulatedCity, reporter: Reporter) -> None:
    """Whose case it is, when it was and what was said is kept; what comes after it is not held up."""
    await city.control(outcome="unknown")
    began = time.time_ns() // 10**9
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    report = (await reporter.until(3))[-1]
    (number,) = city.bookings(message.application_id)
    assert (report.step, report.outcome) == (Step.UNKNOWN, None)
    assert report.application_id == message.application_id
    peer = city.profile.transport is Transport.PEER_GATEWAY
    assert report.case_number in ((None, number) if peer else (number,))  # a peer tells the number with 受理
    assert report.partner_code
    assert began <= report.occurred_at.timestamp() <= began + PATIENCE_S
    await city.control(outcome="granted")
    other, files = message_to(city.code)
    await city.adapter.deliver(other, files)
    later = [one for one in await reporter.until(6) if one.application_id == other.application_id]
    assert [one.step for one in later] == ORDINARY
