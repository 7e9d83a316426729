"""契约: supplements, withdrawals, forwarding and listings, for every city of FOLLOWED as test_contract.py does.

A city is added to FOLLOWED when its profile and its simulator have them. The simulator's outcomes: "asks" stops at
SUPPLEMENT_ASKED until a supplement comes; "forwarded" sends the case on to an authority that its reason names.
"""

import asyncio
import hashlib
from contextlib import suppress
from datetime import date, datetime
from uuid import UUID

import pytest

from adapters.expression_functions import CHINA
from schemas.errors import PartnerAmbiguous, PartnerRefused, PartnerUnavailable
from schemas.message import FollowUp, ListedCase, OutboundMessage, Outcome, Step
from tests.adapters.cities import SOAP12, UNSAFE, SimulatedCity
from tests.adapters.conftest import PACE_S, Inbox
from tests.adapters.follow_ups import supplement_to, withdrawal_of
from tests.adapters.messages import message_to
from tests.adapters.outcomes import ORDINARY, OUTCOMES
from tests.adapters.test_contract import CALLED, LEFT_FOR_IT, PATIENCE_S, Reporter, booked, true_soon

FOLLOWED = ("441300", "441500", "445200", "441400", UNSAFE, "440500", SOAP12, "445100", "350600")
"""Cities that take supplements and withdrawals and list a day's cases."""
CUT = tuple(code for code in FOLLOWED if code in (*CALLED, "445100"))
"""Cities whose answer can be cut off."""
FORWARDED = [Step.ARRIVED, Step.FORWARDED, Step.ARRIVED, Step.ACCEPTED, Step.DECIDED]


@pytest.fixture(params=FOLLOWED)
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def reporter(city: SimulatedCity, inbox: Inbox) -> Reporter:
    return Reporter(city, inbox)


def follow_ups(city: SimulatedCity) -> list[tuple[str, str, str, str, int]]:
    return city.rows("select message_id, our_ref, kind, reason, files from follow_ups order by rowid")


async def under_way(city: SimulatedCity, reporter: Reporter) -> tuple[OutboundMessage, str]:
    """A case that waits for a supplement, and its number."""
    await city.control(outcome="asks")
    message, files = message_to(city.code, {"a.pdf": b"hello"})
    await city.adapter.deliver(message, files)
    (number,) = await booked(city, message)
    reports = await reporter.until(2)
    assert [report.step for report in reports] == [Step.ARRIVED, Step.SUPPLEMENT_ASKED]
    return message, number


async def handed_over(city: SimulatedCity, message: FollowUp) -> None:
    """Once the city has it (what is left for it is read a moment later)."""
    await true_soon(lambda: str(message.message_id) in [row[0] for row in follow_ups(city)])


async def test_a_supplement_goes_round(city: SimulatedCity, reporter: Reporter) -> None:
    message, number = await under_way(city, reporter)
    content = bytes(range(256)) * 4096
    supplement, files = supplement_to(message, {"补正 𠮷&=.pdf": content}, number)
    first = await city.adapter.follow_up(supplement, files)
    await handed_over(city, supplement)
    second = await city.adapter.follow_up(supplement, files)
    if city.profile.transport not in LEFT_FOR_IT:
        assert (first.duplicate, second.duplicate) == (False, True)
    wanted = OUTCOMES[city.code]["supplement"]
    reports = await reporter.until(len(wanted))
    assert [report.step for report in reports] == wanted
    assert reports[-1].outcome is Outcome.GRANTED
    ids = (str(supplement.message_id), str(message.application_id))
    assert follow_ups(city) == [(*ids, "SUPPLEMENT", "已补齐 𠮷", 1)]
    (row,) = city.rows("select size, sha256 from files_in where name = ?", "补正 𠮷&=.pdf")
    assert row == (len(content), hashlib.sha256(content).hexdigest())


async def test_a_note_alone_is_a_supplement(city: SimulatedCity, reporter: Reporter) -> None:
    message, number = await under_way(city, reporter)
    supplement, files = supplement_to(message, {}, number)
    await city.adapter.follow_up(supplement.model_copy(update={"materials": ()}), files)
    await handed_over(city, supplement)
    assert (await reporter.until(len(OUTCOMES[city.code]["supplement"])))[-1].step is Step.DECIDED


async def test_a_withdrawal_ends_the_case(city: SimulatedCity, reporter: Reporter) -> None:
    message, number = await under_way(city, reporter)
    withdrawal = withdrawal_of(message, number)
    _, files = message_to(city.code)
    first = await city.adapter.follow_up(withdrawal, files)
    await handed_over(city, withdrawal)
    second = await city.adapter.follow_up(withdrawal, files)
    if city.profile.transport not in LEFT_FOR_IT:
        assert (first.duplicate, second.duplicate) == (False, True)
        assert first.case_number == second.case_number
    await reporter.until(3)
    await asyncio.sleep(6 * PACE_S)
    reports = await reporter.until(3)
    assert [report.step for report in reports] == [Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.WITHDRAWN]
    assert reports[-1].application_id == message.application_id
    ids = (str(withdrawal.message_id), str(message.application_id))
    assert follow_ups(city) == [(*ids, "WITHDRAW", "不再需要 𠮷㐂", 0)]


async def test_a_decided_case_cannot_be_withdrawn(city: SimulatedCity, reporter: Reporter) -> None:
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    (number,) = await booked(city, message)
    assert [report.step for report in await reporter.until(3)] == ORDINARY
    withdrawal = withdrawal_of(message, number)
    if city.profile.transport not in LEFT_FOR_IT:
        with pytest.raises(PartnerRefused):
            await city.adapter.follow_up(withdrawal, files)
    else:  # said later: the case stays as it is, and a person looks
        await city.adapter.follow_up(withdrawal, files)
        (refusal,) = [report for report in await reporter.until(4) if report.step is Step.UNKNOWN]
        assert refusal.application_id == message.application_id
        assert refusal.reason == "办件已办结"
    assert follow_ups(city) == []
    assert Step.WITHDRAWN not in {report.step for report in await reporter.until(3)}


async def test_a_case_that_is_forwarded(city: SimulatedCity, reporter: Reporter) -> None:
    await city.control(outcome="forwarded")
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    reports = await reporter.until(len(FORWARDED))
    assert [report.step for report in reports] == FORWARDED
    assert len({report.report_id for report in reports}) == len(FORWARDED)
    assert "住房公积金管理部" in (reports[1].reason or "")


async def test_a_returned_case_says_why(city: SimulatedCity, reporter: Reporter) -> None:
    await city.control(outcome="returned")
    message, files = message_to(city.code)
    await city.adapter.deliver(message, files)
    last = (await reporter.until(3))[-1]
    assert last.step is OUTCOMES[city.code]["returned"][-1]
    assert last.reason


async def listed(city: SimulatedCity, day: date, ids: set[UUID]) -> dict[UUID, ListedCase]:
    """The listing, once it has these cases and no others (a file is written a moment later)."""
    found: dict[UUID, ListedCase] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while found.keys() != ids:
                await asyncio.sleep(0.05)
                with suppress(PartnerUnavailable):
                    found = {case.application_id: case for case in await city.adapter.listing(day)}
    assert found.keys() == ids
    return found


async def test_the_listing_of_a_day(city: SimulatedCity, reporter: Reporter) -> None:
    waiting, number = await under_way(city, reporter)
    await city.control(outcome="granted")
    done, files = message_to(city.code)
    await city.adapter.deliver(done, files)
    (other,) = await booked(city, done)
    await reporter.until(5)
    ((booked_at,),) = city.rows("select max(booked_at) from bookings")
    day = datetime.fromtimestamp(booked_at, CHINA).date()
    cases = await listed(city, day, {waiting.application_id, done.application_id})
    first, second = cases[waiting.application_id], cases[done.application_id]
    assert (first.step, first.outcome, first.case_number) == (Step.SUPPLEMENT_ASKED, None, number)
    assert (second.step, second.outcome, second.case_number) == (Step.DECIDED, Outcome.GRANTED, other)


@pytest.mark.parametrize("code", CUT, indirect=True)
@pytest.mark.parametrize("after_booking", [False, True])
async def test_a_cut_follow_up_is_ambiguous(city: SimulatedCity, reporter: Reporter, after_booking: bool) -> None:
    message, number = await under_way(city, reporter)
    supplement, files = supplement_to(message, {"b.pdf": b"more"}, number)
    await city.control(cut_count=1, cut_after_booking=after_booking)
    with pytest.raises(PartnerAmbiguous):
        await city.adapter.follow_up(supplement, files)
    await asyncio.sleep(0.3)
    assert len(follow_ups(city)) == (1 if after_booking else 0)
    await city.adapter.follow_up(supplement, files)
    await handed_over(city, supplement)
    assert len(follow_ups(city)) == 1
