"""A run of 对账 on both databases: what is compared with what, and which rows come of it."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.days import BEIJING
from gateway.domain.lifecycle import Stage
from gateway.storage import reconciliation
from gateway.storage.database import Database
from gateway.storage.reconciliation import Finding
from gateway.usecases.reconcile import Reconciling, reconcile
from gateway.usecases.reconcile_sides import digest_of, listing_of
from schemas.errors import PartnerUnavailable
from schemas.message import Outcome, Step
from tests.usecases.lists import (
    CITY,
    DAY,
    NEXT_NIGHT,
    NOON,
    OWN,
    Clock,
    DigestingCity,
    ListedCity,
    number_at,
    profiles,
    put_case,
    put_message,
    reconciling,
)


def city(code: str = CITY) -> ListedCity:
    return ListedCity(profiles()[code])


async def findings(db: Database, state: str = "open") -> list[Finding]:
    return await reconciliation.page(db, "", "", state, "", 100)


async def run(given: Reconciling, code: str = CITY, day: date = DAY) -> reconciliation.Run:
    return await reconcile(given, code, day, by="somebody")


def facts(found: list[Finding]) -> set[tuple[Any, ...]]:
    return {(one.application_id, one.kind, one.ours, one.theirs, one.suggested) for one in found}


async def test_books_that_agree_are_clean(db: Database) -> None:
    partner = city()
    partner.lists_on(DAY, await put_case(db, Stage.PUSHED))
    done = await put_case(db, Stage.DECIDED, outcome=Outcome.GRANTED, case_number="A")
    partner.lists_on(DAY, done, Step.DECIDED, outcome=Outcome.GRANTED, case_number="A")
    ended = await run(reconciling(db, partner))
    assert (ended.state, ended.compared, ended.code) == ("CLEAN", "listing", None)
    assert ended.counts == {"theirs": 2, "ours": 2, "behind": 0, "found": 0, "new": 0, "gone": 0}
    assert partner.asked == [DAY]
    (stored,) = await reconciliation.runs(db, CITY, DAY.isoformat(), 10)
    assert stored == ended
    assert stored.started_by == "somebody"


async def test_every_kind_of_difference(db: Database) -> None:
    partner = city()
    lost = await put_case(db, Stage.PUSHED)
    stray = number_at(NOON)
    partner.lists_on(DAY, stray, case_number="S")
    late = await put_case(db, Stage.SUBMITTED, pushed=None)
    await put_message(db, late, state="held", code="partner.refused")
    ahead = await put_case(db, told=(Step.ARRIVED,))
    partner.lists_on(DAY, ahead, Step.ACCEPTED)
    renamed = await put_case(db, case_number="A")
    partner.lists_on(DAY, renamed, case_number="B")
    twice = await put_case(db, case_number="A")
    partner.lists_on(DAY, twice, case_number="A")
    partner.lists_on(DAY, twice, case_number="C")
    ended = await run(reconciling(db, partner, clock=Clock(NEXT_NIGHT + timedelta(days=1))))
    assert (ended.state, ended.counts["found"], ended.counts["new"]) == ("DIFFERENT", 6, 6)
    assert facts(await findings(db)) == {
        (lost, "missing_there", "ARRIVED", None, "RESEND"),
        (stray, "missing_here", None, "S", "SETTLE"),
        (late, "not_sent", "held partner.refused", None, "RESEND"),
        (ahead, "state_differs", "ARRIVED", "ACCEPTED", "QUERY"),
        (renamed, "number_differs", "A", "B", "SETTLE"),
        (twice, "doubled", "A", "A, C", "SETTLE"),
    }


async def test_a_case_of_another_city_or_day_is_not_asked_for(db: Database) -> None:
    await put_case(db, city="441300")
    await put_case(db, received=NOON - timedelta(days=1), pushed=NOON - timedelta(days=1))
    await put_case(db, Stage.RECEIVED, pushed=None)
    ended = await run(reconciling(db, city()))
    assert (ended.state, ended.counts["ours"]) == ("CLEAN", 0)


async def test_a_line_of_a_case_of_another_day_is_no_stray(db: Database) -> None:
    partner = city()
    midnight = datetime(2026, 11, 23, 0, 0, 1, tzinfo=BEIJING)
    partner.lists_on(DAY, await put_case(db, received=midnight - timedelta(seconds=2), pushed=midnight))
    assert (await run(reconciling(db, partner))).state == "CLEAN"
    other = await put_case(db, city="441300")
    partner.lists_on(DAY, other)
    assert (await run(reconciling(db, partner))).state == "DIFFERENT"
    assert [(one.application_id, one.kind) for one in await findings(db)] == [(other, "missing_here")]


async def test_a_case_the_city_took_on_a_later_day_is_found_there(db: Database) -> None:
    partner = city()
    two_days_on = NOON + timedelta(days=2)
    for _ in range(3):
        number = await put_case(db, received=NOON, pushed=two_days_on)
        partner.lists_on(two_days_on.date(), number)
    clock = Clock(NOON + timedelta(days=5))
    assert (await run(reconciling(db, partner, clock=clock))).state == "CLEAN"
    assert partner.asked == [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
    lost = await put_case(db, received=NOON, pushed=two_days_on)
    assert (await run(reconciling(db, partner, clock=clock))).state == "DIFFERENT"
    assert [(one.application_id, one.kind) for one in await findings(db)] == [(lost, "missing_there")]


async def test_close_to_midnight_both_days_are_looked_at(db: Database) -> None:
    partner = city()
    late = datetime(2026, 11, 23, 23, 55, tzinfo=BEIJING)
    partner.lists_on(DAY + timedelta(days=1), await put_case(db, received=late, pushed=late))
    assert (await run(reconciling(db, partner))).state == "CLEAN"
    assert partner.asked == [DAY, DAY + timedelta(days=1)]


async def test_no_day_that_has_not_come_is_asked_for(db: Database) -> None:
    partner = city()
    late = datetime(2026, 11, 23, 23, 55, tzinfo=BEIJING)
    await put_case(db, received=late, pushed=late)
    assert (await run(reconciling(db, partner, clock=Clock(late + timedelta(minutes=1))))).state == "DIFFERENT"
    assert partner.asked == [DAY]


async def test_the_same_finding_is_one_row_and_closes_itself(db: Database) -> None:
    partner = city()
    number = await put_case(db)
    clock = Clock()
    given = reconciling(db, partner, clock=clock)
    await run(given)
    (first,) = await findings(db)
    clock.moment += timedelta(days=1)
    again = await run(given)
    (second,) = await findings(db)
    assert (second.finding_id, second.first_seen_ms) == (first.finding_id, first.first_seen_ms)
    assert second.last_seen_ms - first.last_seen_ms == 86_400_000
    assert (again.counts["found"], again.counts["new"]) == (1, 0)
    partner.lists_on(DAY, number)
    cleared = await run(given)
    assert (cleared.state, cleared.counts["gone"]) == ("CLEAN", 1)
    assert await findings(db) == []
    (closed,) = await findings(db, "closed")
    assert (closed.closed_how, closed.closed_by, closed.closed_at_ms) == ("GONE", None, cleared.ended_at_ms)
    partner.lists.clear()
    await run(given)
    (reopened,) = await findings(db)
    assert reopened.finding_id != first.finding_id


@pytest.mark.parametrize("failure", [True, False])
async def test_a_city_that_cannot_be_compared_closes_nothing(db: Database, failure: bool) -> None:
    partner = city()
    late = await put_case(db, Stage.SUBMITTED, pushed=None)
    await put_message(db, late)
    await put_case(db)
    clock = Clock(NEXT_NIGHT + timedelta(days=1))
    assert (await run(reconciling(db, partner, clock=clock))).state == "DIFFERENT"
    before = facts(await findings(db))
    assert len(before) == 2
    if failure:
        partner.failure = PartnerUnavailable("not now", "暂不可用")
    given = reconciling(db, *([partner] if failure else []), clock=clock)
    ended = await run(given)
    expected = ("FAILED", "partner.unavailable") if failure else ("SKIPPED", "not_connected")
    assert (ended.state, ended.code, ended.compared) == (*expected, None)
    assert {one[:4] for one in facts(await findings(db))} == {one[:4] for one in before}


async def test_a_city_without_a_list_is_skipped_but_our_own_books_are_looked_at(db: Database) -> None:
    partner = city("360700")
    number = await put_case(db, Stage.SUBMITTED, pushed=None, city="360700")
    ended = await run(reconciling(db, partner, clock=Clock(NEXT_NIGHT + timedelta(days=1))), "360700")
    assert (ended.state, ended.code) == ("SKIPPED", "no_listing")
    assert partner.asked == []
    assert [(one.application_id, one.kind, one.ours) for one in await findings(db)] == [(number, "not_sent", "none")]


async def test_a_fault_of_ours_is_written_down_and_breaks_nothing(db: Database) -> None:
    partner = city()
    partner.lists = None  # type: ignore[assignment]
    ended = await run(reconciling(db, partner))
    assert (ended.state, ended.code) == ("FAILED", "gateway.internal")
    assert ended.ended_at_ms is not None


async def test_what_a_person_closed_stays_closed_as_long_as_it_is_the_same(db: Database) -> None:
    partner = city()
    number = await put_case(db, case_number="A")
    partner.lists_on(DAY, number, case_number="B")
    given = reconciling(db, partner)
    await run(given)
    (finding,) = await findings(db)
    finding.closed_at_ms, finding.closed_how, finding.closed_by, finding.note = 7, "SETTLED", "admin", "已核对"
    async with db.transaction() as tx:
        await reconciliation.close(tx, [finding])
    ended = await run(given)
    assert (ended.state, ended.counts["new"]) == ("CLEAN", 0)
    assert await findings(db) == []
    partner.lists.clear()
    partner.lists_on(DAY, number, case_number="C")
    assert (await run(given)).state == "DIFFERENT"
    assert [one.theirs for one in await findings(db)] == ["C"]


async def test_a_case_on_its_way_once_more_is_neither_missing_nor_found(db: Database) -> None:
    partner = city()
    number = await put_case(db)
    given = reconciling(db, partner)
    await run(given)
    await put_message(db, number)
    ended = await run(given)
    assert (ended.state, ended.counts["gone"]) == ("CLEAN", 0)
    assert [one.kind for one in await findings(db)] == ["missing_there"]


async def test_a_run_that_never_ended_is_marked_when_the_next_begins(db: Database) -> None:
    given = reconciling(db, city())
    run_id = given.new_id()
    async with db.transaction() as tx:
        await reconciliation.begin_run(tx, reconciliation.Run(run_id, CITY, OWN, DAY.isoformat(), 5, "x"))
    await run(given)
    states = {one.run_id: one.state for one in await reconciliation.runs(db, "", "", 10)}
    assert states.pop(run_id) == "INTERRUPTED"
    assert list(states.values()) == ["CLEAN"]


# --- by digest


def peer() -> DigestingCity:
    return DigestingCity(profiles()["350600"])


async def test_equal_digests_need_no_list(db: Database) -> None:
    partner = peer()
    for _ in range(20):
        partner.lists_on(DAY, await put_case(db, city="350600"))
    ended = await run(reconciling(db, partner), "350600")
    assert (ended.state, ended.compared) == ("CLEAN", "digest")
    assert (ended.counts["theirs"], ended.counts["buckets"]) == (20, 0)
    assert ended.digests["ours"] == ended.digests["theirs"]
    assert partner.asked == []


async def test_only_the_buckets_that_differ_are_listed(db: Database) -> None:
    partner = peer()
    for _ in range(40):
        partner.lists_on(DAY, await put_case(db, city="350600"))
    lost = await put_case(db, city="350600")
    given = reconciling(db, partner)
    ended = await run(given, "350600")
    assert (ended.state, ended.counts["buckets"]) == ("DIFFERENT", 1)
    assert ended.counts["ours"] < 20
    assert [(one.application_id, one.kind, one.suggested) for one in await findings(db)] == [
        (lost, "missing_there", "RESEND")
    ]
    partner.lists_on(DAY, lost)
    assert (await run(given, "350600")).counts["gone"] == 1


async def test_a_peer_that_stands_behind_what_it_told_us_has_lost_something(db: Database) -> None:
    partner = peer()
    number = await put_case(db, Stage.ACCEPTED, city="350600", told=(Step.ARRIVED, Step.ACCEPTED))
    partner.lists_on(DAY, number)
    await run(reconciling(db, partner), "350600")
    assert facts(await findings(db)) == {(number, "state_differs", "ACCEPTED", "ARRIVED", "QUERY")}


async def test_a_peer_without_digests_is_compared_by_its_list(db: Database) -> None:
    partner = peer()
    partner.makes_digests = False
    number = await put_case(db, Stage.ACCEPTED, city="350600", told=(Step.ARRIVED, Step.ACCEPTED))
    partner.lists_on(DAY, number)
    ended = await run(reconciling(db, partner), "350600")
    assert (ended.state, ended.compared) == ("DIFFERENT", "listing")


async def test_a_digest_of_another_day_is_refused(db: Database) -> None:
    partner = peer()
    partner.spoilt = await digest_of(db, OWN, "350600", DAY - timedelta(days=1))
    ended = await run(reconciling(db, partner), "350600")
    assert (ended.state, ended.code) == ("FAILED", "partner.protocol")


async def test_both_sides_of_a_pair_make_the_same_digest_and_list(db: Database) -> None:
    """The same gateway plays both: as collecting city, and as deciding city of another."""
    out = await put_case(db, Stage.PUSHED, city="350600")
    await put_case(db, Stage.RECEIVED, city="350600", pushed=None)
    await put_case(db, Stage.WITHDRAWN, city="350600", pushed=None)
    await put_case(db, Stage.PUSHED, city="350600", collecting="441300")
    assert (await digest_of(db, OWN, "350600", DAY)).count == 1
    (line,) = await listing_of(db, OWN, "350600", DAY)
    assert (str(line.application_id), line.step) == (out, Step.ARRIVED)
    settled = await put_case(
        db, Stage.DECIDED, city=OWN, collecting="350600", direction="inbound", pushed=None, outcome=Outcome.GRANTED
    )
    await put_case(db, Stage.WITHDRAWN, city=OWN, collecting="350600", direction="inbound", pushed=None)
    assert (await digest_of(db, "350600", OWN, DAY)).count == 2
    listed = {str(one.application_id): one for one in await listing_of(db, "350600", OWN, DAY)}
    assert (listed[settled].step, listed[settled].outcome) == (Step.DECIDED, Outcome.GRANTED)
    assert await listing_of(db, "350600", OWN, DAY, buckets=()) == ()
    assert await listing_of(db, "350600", OWN, DAY - timedelta(days=1)) == ()


# --- behind a hub, and our own office


async def test_a_hub_is_compared_once_for_all_its_cities(db: Database) -> None:
    hub = city()
    behind = ListedCity(profiles()["441300"].model_copy(update={"via": CITY}))
    number = await put_case(db, city="441300")
    hub.lists_on(DAY, number)
    given = reconciling(db, hub, behind, serves={CITY: frozenset({CITY, "441300"})})
    assert (await run(given)).state == "CLEAN"
    skipped = await run(given, "441300")
    assert (skipped.state, skipped.code, behind.asked) == ("SKIPPED", "by_hub", [])


async def test_cases_worked_at_our_own_console_are_not_looked_for_elsewhere(db: Database) -> None:
    office = ListedCity(profiles()[OWN])
    await put_case(db, city=OWN, collecting="441300", direction="inbound", pushed=None)
    given = reconciling(db, office, clock=Clock(NEXT_NIGHT + timedelta(days=2)))
    assert (await run(given, OWN)).state == "CLEAN"
    handed = await put_case(db, city=OWN, collecting="441300", direction="inbound")
    assert (await run(given, OWN)).state == "DIFFERENT"
    assert [(one.application_id, one.collecting_city) for one in await findings(db)] == [(handed, "441300")]
