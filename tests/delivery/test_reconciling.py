"""每日对账: when it runs, what it compares, that one process does it, and that it goes on where another stopped."""

import asyncio
from datetime import date, datetime, time, timedelta

import pytest

from gateway.delivery.reconciling import SCHEDULE, Reconciler
from gateway.domain.days import BEIJING
from gateway.domain.lifecycle import Stage
from gateway.evidence.chain import milliseconds
from gateway.storage import outbox, reconciliation
from gateway.storage.database import Database
from gateway.storage.sql import SQL
from schemas.errors import PartnerUnavailable
from schemas.message import ListedCase
from tests.usecases.lists import CITY, DAY, NEXT_NIGHT, NOON, OWN, Clock, ListedCity, profiles, put_case, reconciling

AT = time(2, 30)


def city(code: str = CITY) -> ListedCity:
    return ListedCity(profiles()[code])


def job(db: Database, clock: Clock, *cities: ListedCity, at: time | None = AT, owner: str = "me") -> Reconciler:
    return Reconciler(reconciling(db, *cities, clock=clock), lambda: owner, at, days=5, look_s=0.01)


async def runs(db: Database) -> list[tuple[str, str, str]]:
    return [(one.city, one.day, one.state) for one in await reconciliation.runs(db, "", "", 100)]


async def alive(db: Database, owner: str, clock: Clock) -> None:
    now_ms = milliseconds(clock.now())
    async with db.transaction() as tx:
        await outbox.keep_alive(tx, owner, owner, now_ms + 3_600_000, now_ms)


async def test_yesterday_is_compared_once_after_the_set_time(db: Database) -> None:
    partner, clock = city(), Clock(NEXT_NIGHT - timedelta(seconds=1))
    number = await put_case(db, Stage.DECIDED)
    partner.lists_on(DAY, number)
    nightly = job(db, clock, partner)
    assert await nightly.work() == 0
    clock.moment = NEXT_NIGHT
    assert await nightly.work() == 1
    assert await runs(db) == [(CITY, DAY.isoformat(), "CLEAN")]
    assert await nightly.work() == 0
    (newest, *_) = await reconciliation.runs(db, CITY, DAY.isoformat(), 1)
    assert newest.started_by == SCHEDULE


async def test_days_with_open_cases_or_open_findings_are_compared_again(db: Database) -> None:
    partner, clock = city(), Clock()
    for back, stage in ((1, Stage.DECIDED), (2, Stage.ACCEPTED), (3, Stage.WITHDRAWN), (4, Stage.REJECTED)):
        await put_case(db, stage, received=NOON - timedelta(days=back), pushed=NOON - timedelta(days=back))
    await put_case(db, Stage.ACCEPTED, received=NOON - timedelta(days=9), pushed=NOON - timedelta(days=9))
    await put_case(db, Stage.ACCEPTED, received=NOON + timedelta(days=1))  # today is not yet to be compared
    assert await job(db, clock, partner).work() == 2
    assert {day for _, day, _ in await runs(db)} == {"2026-11-23", "2026-11-21"}
    clock.moment += timedelta(days=1)
    await job(db, clock, partner).work()
    # 2026-11-21 has a finding now: the city does not list its case
    assert (CITY, "2026-11-21", "DIFFERENT") in await runs(db)


async def test_a_gateway_without_cases_asks_nobody(db: Database) -> None:
    partner = city()
    assert await job(db, Clock(), partner).work() == 0
    assert partner.asked == []


async def test_switched_off_it_does_nothing(db: Database) -> None:
    await put_case(db)
    nightly = job(db, Clock(), city(), at=None)
    assert await nightly.work() == 0
    await nightly.run(asyncio.Event())


async def test_cases_of_our_own_console_and_of_cities_that_are_not_connected(db: Database) -> None:
    await put_case(db, Stage.ACCEPTED, city=OWN, collecting="441300", direction="inbound", pushed=None)
    await put_case(db, Stage.SUBMITTED, city="360700", pushed=None)
    await job(db, Clock(NEXT_NIGHT + timedelta(days=1)), city()).work()
    assert set(await runs(db)) == {
        (CITY, "2026-11-24", "CLEAN"),
        ("360700", "2026-11-23", "SKIPPED"),
    }
    assert [(one.kind, one.city) for one in await reconciliation.page(db, "", "", "open", "", 9)] == [
        ("not_sent", "360700")
    ]


async def test_what_fails_is_tried_again_later_and_not_for_ever(db: Database) -> None:
    partner, clock = city(), Clock()
    await put_case(db, Stage.DECIDED)
    partner.failure = PartnerUnavailable("not now", "暂不可用")
    nightly = job(db, clock, partner)
    assert await nightly.work() == 1
    assert await nightly.work() == 0
    for _ in range(20):
        clock.moment += timedelta(minutes=15)
        await nightly.work()
    assert len(await runs(db)) == 8
    partner.failure = None
    clock.moment = NEXT_NIGHT + timedelta(days=1)
    await nightly.work()
    assert (CITY, "2026-11-24", "CLEAN") in await runs(db)


async def test_another_process_goes_on_where_the_first_one_stopped(db: Database) -> None:
    clock = Clock()
    cities = [city(code) for code in ("440500", "441300", CITY)]
    await put_case(db, Stage.DECIDED)
    first = job(db, clock, *cities, owner="first")
    await alive(db, "first", clock)
    second = job(db, clock, *cities, owner="second")
    stop = asyncio.Event()

    async def stops(day: date) -> tuple[ListedCase, ...]:
        stop.set()
        return ()

    cities[1].listing = stops  # type: ignore[method-assign]
    await first.work(stop)
    assert {code for code, _, _ in await runs(db)} == {"440500", "441300"}
    assert await second.work() == 0  # the first one lives
    async with db.transaction() as tx:
        await outbox.retire(tx, "first")
    cities[1] = city("441300")
    await job(db, clock, *cities, owner="second").work()
    states = await runs(db)
    assert (CITY, DAY.isoformat(), "DIFFERENT") in states
    assert ("441300", DAY.isoformat(), "CLEAN") in states
    assert sum(code == "440500" for code, _, _ in states) == 1


async def test_a_city_that_hangs_does_not_keep_the_process_from_stopping(db: Database) -> None:
    partner, clock = city(), Clock()
    await put_case(db, Stage.DECIDED)
    asked = asyncio.Event()

    async def hangs(day: date) -> tuple[ListedCase, ...]:
        asked.set()
        await asyncio.sleep(3600)
        return ()

    partner.listing = hangs  # type: ignore[method-assign]
    nightly, stop = job(db, clock, partner), asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(nightly.run(stop))
        await asked.wait()
        stop.set()
    assert await runs(db) == [(CITY, DAY.isoformat(), "RUNNING")]
    partner = city()
    assert await job(db, clock, partner).work() == 1  # begun anew at once
    assert [state for _, _, state in await runs(db)] == ["DIFFERENT", "INTERRUPTED"]


async def test_it_looks_again_after_a_fault(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    partner, stop = city(), asyncio.Event()
    await put_case(db, Stage.DECIDED)
    nightly = job(db, Clock(), partner)
    failed = []

    async def broken() -> bool:
        failed.append(1)
        if len(failed) > 2:
            stop.set()
        raise RuntimeError

    monkeypatch.setattr(Reconciler, "_mine", lambda _self: broken())
    async with asyncio.timeout(20):
        await nightly.run(stop)
    assert len(failed) == 3


async def test_where_the_polling_stands_is_kept_for_asking_again(db: Database) -> None:
    clock = Clock()
    await put_case(db, Stage.DECIDED)
    async with db.transaction() as tx:
        await tx.execute(
            SQL("INSERT INTO cursors (city, cursor, owner, lease_until_ms) VALUES (?, '17', NULL, 0)"), CITY
        )
        await reconciliation.mark(tx, CITY, "2026-01-01")
    await job(db, clock, city(), city("441300")).work()
    assert await reconciliation.mark_before(db, CITY, "2026-11-25") == "17"
    assert await reconciliation.mark_before(db, CITY, "2026-11-24") is None  # an old mark is forgotten


async def test_a_case_behind_a_hub_is_asked_for_at_the_hub(db: Database) -> None:
    hub = city()
    behind = ListedCity(profiles()["441300"].model_copy(update={"via": CITY}))
    await put_case(db, Stage.ACCEPTED, city="441300")
    nightly = job(db, Clock(), hub, behind)
    assert await nightly.work() == 1
    assert hub.asked[0] == DAY
    assert behind.asked == []


def test_the_turn_is_beijing_time(tmp_path: object) -> None:
    clock = Clock(datetime(2026, 11, 24, 18, 29, tzinfo=BEIJING).astimezone())
    nightly = Reconciler(reconciling(None, clock=clock), lambda: "me", time(18, 30), days=1)  # type: ignore[arg-type]
    assert nightly._slot() == datetime(2026, 11, 23, 18, 30, tzinfo=BEIJING)
    clock.moment += timedelta(minutes=1)
    assert nightly._slot() == datetime(2026, 11, 24, 18, 30, tzinfo=BEIJING)
