"""契约: what every city's adapter must do, each judged against its simulator in a process of its own.

441300 REST with callbacks, 441500 REST polled and asked first, 441400 exchange database, 999900 REST that can
neither be sent a message twice nor be asked, 440500 SOAP 1.1 asked first with files by an operation, 999800 SOAP 1.2
that books once with files in the record, 445100 batches over SFTP, 445200 our own city's back office: REST in our own
words with callbacks.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.profile import Duplicates, Transport
from schemas.errors import (
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
    Unauthenticated,
)
from schemas.message import OutboundMessage, Outcome, ProgressReport, Step
from tests.adapters.cities import SOAP12, UNSAFE, SimulatedCity, simulated_city
from tests.adapters.conftest import PACE_S, Inbox
from tests.adapters.messages import message_to
from tests.adapters.outcomes import ORDINARY, OUTCOMES

CALLED = ("441300", "441500", UNSAFE, "440500", SOAP12, "445200", "350600")
CALLING_BACK = ("441300", "445200")
POLLED = ("441500", "441400", UNSAFE, "440500", SOAP12, "445100", "350600")
LEFT_FOR_IT = (Transport.EXCHANGE_DATABASE, Transport.SFTP_BATCH)
"""What is delivered is read later: numbers and refusals come as progress."""
NUMBERED_LATER = (*LEFT_FOR_IT, Transport.PEER_GATEWAY)
"""A peer answers with a receipt; the case's number comes with its acceptance."""
LAST = {Step.DECIDED, Step.REJECTED, Step.RETURNED, Step.UNKNOWN}
PATIENCE_S = 20
RANK = {step: number for number, step in enumerate(Step)}


class Reporter:
    """Everything a city has reported so far, however it reports."""

    def __init__(self, city: SimulatedCity, inbox: Inbox) -> None:
        self.city, self.inbox = city, inbox
        self.reports: list[ProgressReport] = []
        self._cursor: str | None = None
        self._read = 0

    async def look(self) -> None:
        adapter = self.city.adapter
        if adapter.profile.collection is None:
            for call in self.inbox.calls[self._read :]:
                self._read += 1
                self.reports += adapter.read_callback(call).reports
            return
        collected = await adapter.collect(self._cursor)
        assert collected.unreadable == ()
        await adapter.acknowledge(collected)
        self._cursor = collected.cursor
        self.reports += collected.reports

    async def until(self, steps: int) -> list[ProgressReport]:
        """At least that many reports and, after one more look, their repeats; in the order the fold gives them."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.reports) < steps:
                await asyncio.sleep(0.05)
                await self.look()
        await asyncio.sleep(4 * PACE_S)
        await self.look()
        return sorted(self.reports, key=lambda report: (report.occurred_at, RANK[report.step]))


@pytest.fixture
def reporter(city: SimulatedCity, inbox: Inbox) -> Reporter:
    return Reporter(city, inbox)


async def true_soon(condition: Callable[[], bool]) -> None:
    """Another process makes it true: it can only be looked at."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


async def booked(city: SimulatedCity, message: OutboundMessage, count: int = 1) -> list[str]:
    """The case numbers, once there are `count` (an exchange database is read a moment later)."""
    await true_soon(lambda: len(city.bookings(message.application_id)) >= count)
    return city.bookings(message.application_id)


async def settled(city: SimulatedCity, message: OutboundMessage) -> list[str]:
    await asyncio.sleep(0.3)
    return city.bookings(message.application_id)


async def test_one_delivery_is_one_booking(city: SimulatedCity) -> None:
    message, files = message_to(city.code)
    acknowledgement = await city.adapter.deliver(message, files)
    (number,) = await booked(city, message)
    assert not acknowledgement.duplicate
    assert acknowledgement.case_number in (number, None)
    assert (acknowledgement.case_number is None) is (city.profile.transport in NUMBERED_LATER)
    assert await settled(city, message) == [number]
    (row,) = city.rows("select mode, task_code from bookings")
    assert row == ("1", message.task_code)


async def test_files_arrive_whole_under_their_names(city: SimulatedCity) -> None:
    contents = {"身份证 𠮷㐂&=?.pdf": b"hello", "b.pdf": bytes(range(256)) * 4000, "空.pdf": b""}
    message, files = message_to(city.code, contents)
    await city.adapter.deliver(message, files)
    await booked(city, message)
    found = {(name, size, sha256) for name, size, sha256 in city.rows("select name, size, sha256 from files_in")}
    assert found == {(name, len(text), hashlib.sha256(text).hexdigest()) for name, text in contents.items()}


async def test_rare_characters_and_large_forms_survive(city: SimulatedCity) -> None:
    form: dict[str, object] = {f"field_{number}": "𠮷㐂\n\t\"'<&😀" * 20 for number in range(50)} | {"n": 10**30}
    message, files = message_to(city.code, name="𠮷㐂·买买提", form=form)
    await city.adapter.deliver(message, files)
    assert await booked(city, message)


async def test_the_same_message_twice(city: SimulatedCity) -> None:
    message, files = message_to(city.code, {"a.pdf": b"hello"})
    first = await city.adapter.deliver(message, files)
    if city.profile.duplicates is Duplicates.QUERY_FIRST:
        found = await city.adapter.find(message)
        assert found is not None
        assert found.case_number == first.case_number
        return
    second = await city.adapter.deliver(message, files)
    if city.profile.duplicates is Duplicates.IDEMPOTENT:
        assert second.duplicate
        assert second.case_number == first.case_number
        await booked(city, message)
        assert len(await settled(city, message)) == 1
    else:
        assert len(await settled(city, message)) == 2  # why it may not be sent twice


async def test_asked_about_a_message_that_never_came(city: SimulatedCity) -> None:
    message, _ = message_to(city.code)
    asked = (Transport.SFTP_BATCH, Transport.PEER_GATEWAY)
    if city.profile.duplicates is Duplicates.QUERY_FIRST or city.profile.transport in asked:
        assert await city.adapter.find(message) is None
    else:
        with pytest.raises(PartnerProtocol):
            await city.adapter.find(message)


async def test_a_refusal(city: SimulatedCity, reporter: Reporter) -> None:
    await city.control(refuse_count=1)
    message, files = message_to(city.code)
    if city.profile.transport not in LEFT_FOR_IT:
        with pytest.raises(PartnerRefused) as caught:
            await city.adapter.deliver(message, files)
        assert "不符合" not in caught.value.detail_zh
    else:  # said later
        await city.adapter.deliver(message, files)
        (report,) = await reporter.until(1)
        assert report.step is Step.REJECTED
        assert report.application_id == message.application_id
    assert await settled(city, message) == []


@pytest.mark.parametrize("code", CALLED, indirect=True)
async def test_later_please(city: SimulatedCity) -> None:
    await city.control(later_count=2, retry_after_s=7)
    message, files = message_to(city.code)
    with pytest.raises(PartnerUnavailable) as caught:
        await city.adapter.deliver(message, files)
    assert caught.value.retry_after_s == 7
    await city.control(retry_after_s=0)
    with pytest.raises(PartnerUnavailable) as caught:
        await city.adapter.deliver(message, files)
    assert caught.value.retry_after_s is None
    assert city.bookings(message.application_id) == []
    await city.adapter.deliver(message, files)


@pytest.mark.parametrize("code", [*CALLED, "445100"], indirect=True)
@pytest.mark.parametrize("after_booking", [False, True])
async def test_a_cut_is_ambiguous(city: SimulatedCity, after_booking: bool) -> None:
    await city.control(cut_count=1, cut_after_booking=after_booking)
    message, files = message_to(city.code, {"a.pdf": b"hello"})
    with pytest.raises(PartnerAmbiguous):
        await city.adapter.deliver(message, files)
    assert len(await settled(city, message)) == (1 if after_booking else 0)
    if city.profile.duplicates is Duplicates.QUERY_FIRST:
        assert (await city.adapter.find(message) is not None) is after_booking


@pytest.mark.parametrize("code", CALLED, indirect=True)
@pytest.mark.parametrize(
    ("status", "wanted"), [(503, PartnerUnavailable), (429, PartnerUnavailable), (500, PartnerAmbiguous)]
)
async def test_a_failing_city(
    city: SimulatedCity, status: int, wanted: type[PartnerUnavailable | PartnerAmbiguous]
) -> None:
    await city.control(fail_count=1, fail_status=status)
    message, files = message_to(city.code)
    with pytest.raises(wanted):
        await city.adapter.deliver(message, files)


@pytest.mark.parametrize("code", [*CALLED, "445100"], indirect=True)
async def test_a_slow_city_is_ambiguous(code: str, tmp_path: Path) -> None:
    config = {"slow_after_s": 3.0}
    async with simulated_city(code, tmp_path, config=config, settings={"timeout_s": "0.5"}) as city:
        message, files = message_to(city.code)
        began = time.monotonic()
        with pytest.raises(PartnerAmbiguous):
            await city.adapter.deliver(message, files)
        assert time.monotonic() - began < 1.5
        assert len(city.bookings(message.application_id)) == 1


@pytest.mark.parametrize("code", [*CALLED, "445100"], indirect=True)
async def test_a_city_that_is_gone(city: SimulatedCity) -> None:
    await city.adapter.probe()
    city.process.terminate()
    await city.process.wait()
    message, files = message_to(city.code, {"a.pdf": b"hello"})
    with pytest.raises(PartnerUnavailable):
        await city.adapter.probe()
    with pytest.raises(PartnerUnavailable):
        await city.adapter.deliver(message, files)
    if city.profile.duplicates is Duplicates.QUERY_FIRST:
        with pytest.raises(PartnerUnavailable):
            await city.adapter.find(message)


@pytest.mark.parametrize("code", POLLED, indirect=True)
async def test_a_poll_of_a_city_that_is_gone(city: SimulatedCity, tmp_path: Path) -> None:
    await city.adapter.collect(None)
    city.process.terminate()
    await city.process.wait()
    if city.code == "441400":
        city.secrets["441400.database_url"] = f"sqlite:///{tmp_path}/no/such/folder.sqlite3"
    with pytest.raises(PartnerUnavailable):
        await city.adapter.collect(None)


@pytest.mark.parametrize("code", ["441400"], indirect=True)
async def test_a_city_that_sleeps_finds_the_message_when_it_wakes(city: SimulatedCity) -> None:
    await city.control(down=True)
    message, files = message_to(city.code, {"a.pdf": b"hello"})
    await city.adapter.deliver(message, files)
    assert await settled(city, message) == []
    await city.control(down=False)
    await booked(city, message)


async def test_progress_of_a_granted_case(city: SimulatedCity, reporter: Reporter) -> None:
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    reports = await reporter.until(3)
    (number,) = city.bookings(message.application_id)
    assert [report.step for report in reports] == ORDINARY
    assert {report.application_id for report in reports} == {message.application_id}
    assert {report.case_number for report in reports} == {number}
    assert {report.deciding_city for report in reports} == {city.code}
    assert reports[-1].outcome is Outcome.GRANTED
    (file,) = reports[-1].files
    chunks = [chunk async for chunk in city.adapter.fetch(file)]
    content = b"".join(chunks)
    digest = hashlib.sha256(content).hexdigest()
    assert city.rows("select name, size, sha256 from files_out") == [(file.name, file.size_bytes, digest)]
    if city.profile.transport is Transport.SFTP_BATCH:
        assert file.sm3 == hashlib.new("sm3", content).hexdigest()
    else:
        assert file.sha256 == digest


@pytest.mark.parametrize("outcome", ["refused", "returned", "rejected", "unknown", "supplement"])
async def test_every_way_a_case_can_go(city: SimulatedCity, reporter: Reporter, outcome: str) -> None:
    await city.control(outcome=outcome)
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    wanted = OUTCOMES[city.code][outcome]
    reports = await reporter.until(len(wanted))
    assert [report.step for report in reports] == wanted
    assert {step for (step,) in city.rows("select distinct step from steps")} == {step.value for step in wanted}
    last = reports[-1]
    assert last.outcome is not Outcome.GRANTED or outcome == "supplement"
    if last.step is Step.UNKNOWN:
        assert last.partner_code
        assert last.outcome is None


async def test_a_repeated_report_is_the_same_report(city: SimulatedCity, reporter: Reporter) -> None:
    await city.control(repeat=1)
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    once = 1 if city.profile.transport in LEFT_FOR_IT else 0  # the acknowledgement is one row, whatever is repeated
    reports = await reporter.until(6 - once)
    assert len(reports) == 6 - once
    assert len({report.report_id for report in reports}) == 3
    assert {report.step for report in reports} == set(ORDINARY)


async def test_reports_out_of_order_keep_their_true_order(city: SimulatedCity, reporter: Reporter) -> None:
    await city.control(reorder=True, outcome="supplement")
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    wanted = OUTCOMES[city.code]["supplement"]
    reports = await reporter.until(len(wanted))
    assert [report.step for report in reports] == wanted
    numbered = [report.partner_sequence for report in reports if report.partner_sequence is not None]
    assert numbered == sorted(numbered)


async def test_a_report_is_signed_by_its_time(city: SimulatedCity, reporter: Reporter) -> None:
    """What happened is told with the time at which it happened, not that of its telling."""
    began = int(time.time_ns() / 1e9)
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    for report in await reporter.until(3):
        assert began <= report.occurred_at.timestamp() <= began + PATIENCE_S


@pytest.mark.parametrize("code", CALLED, indirect=True)
@pytest.mark.parametrize(("skew_s", "taken"), [(100, True), (-100, True), (400, False), (-400, False)])
async def test_clocks_that_differ(city: SimulatedCity, skew_s: int, taken: bool) -> None:
    await city.control(skew_s=float(skew_s))
    message, files = message_to(city.code)
    if taken:
        acknowledgement = await city.adapter.deliver(message, files)
        assert acknowledgement.case_number or acknowledgement.receipt
    else:
        with pytest.raises(PartnerProtocol, match="credentials"):
            await city.adapter.deliver(message, files)
        assert city.bookings(message.application_id) == []


@pytest.mark.parametrize("code", CALLED, indirect=True)
async def test_a_rotated_secret_needs_no_restart(city: SimulatedCity) -> None:
    right = dict(city.secrets)
    city.secrets.update(dict.fromkeys(right, "wrong"))
    with pytest.raises(PartnerProtocol, match="credentials"):
        await city.adapter.probe()
    city.secrets.update(right)
    await city.adapter.probe()


@pytest.mark.parametrize("code", CALLING_BACK, indirect=True)
async def test_a_callback_with_a_wrong_signature(city: SimulatedCity, inbox: Inbox) -> None:
    await city.control(bad_signature=1)
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    await true_soon(lambda: len(inbox.calls) >= 3)
    with pytest.raises(Unauthenticated):
        city.adapter.read_callback(inbox.calls[0])
    callbacks = [city.adapter.read_callback(call) for call in inbox.calls[1:]]
    assert all(callback.reports for callback in callbacks)
    assert len({callback.nonce for callback in callbacks}) == len(callbacks)
    city.ahead_s = 1000
    with pytest.raises(Unauthenticated):
        city.adapter.read_callback(inbox.calls[1])


async def test_a_probe(city: SimulatedCity) -> None:
    await city.adapter.probe()


async def test_many_at_once(city: SimulatedCity) -> None:
    count = 3 * city.profile.limits.in_flight
    messages = [message_to(city.code, {"a.pdf": b"%d" % number}) for number in range(count)]
    async with asyncio.TaskGroup() as group:
        for message, files in messages:
            group.create_task(city.adapter.deliver(message, files))
    for message, _ in messages:
        assert len(await booked(city, message)) == 1
    assert city.rows("select count(*) from files_in") == [(count,)]


async def test_a_large_file_is_streamed(city: SimulatedCity) -> None:
    content = bytes(30 * 1024**2)
    message, files = message_to(city.code, {"大.pdf": content})
    await city.adapter.deliver(message, files)
    await booked(city, message)
    assert city.rows("select size, sha256 from files_in") == [(len(content), hashlib.sha256(content).hexdigest())]
