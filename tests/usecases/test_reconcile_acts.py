"""处理差异 on both databases: sending again, asking again, settling; what may not be done is refused."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from pydantic import ValidationError

from adapters.contract import Collected
from adapters.profile import Duplicates
from gateway.domain.access import Principal, Role
from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation_acts import Act
from gateway.evidence.chain import milliseconds
from gateway.evidence.recording import record
from gateway.storage import cases, follow_ups, outbox, reconciliation
from gateway.storage.database import Database
from gateway.storage.outbox import Entry
from gateway.storage.reconciliation import ActRow, Finding
from gateway.storage.sql import SQL
from gateway.usecases.reconcile import Reconciling, reconcile
from gateway.usecases.reconcile_acts import Acting, FindingAct, act_on
from gateway.usecases.take_progress import take_progress
from schemas.errors import NotFound, PartnerUnavailable, StepNotAllowed
from schemas.message import Acknowledgement, OutboundMessage, ProgressReport, RemoteFile, Step
from tests.adapters.messages import message_to
from tests.usecases.lists import (
    CITY,
    DAY,
    NEXT_NIGHT,
    NOON,
    Clock,
    ListedCity,
    profiles,
    put_case,
    put_message,
    reconciling,
)

ADMIN = Principal("admin@445200", Role.ADMIN, "445200")


async def load(entry: Entry) -> OutboundMessage:
    message, _ = message_to(entry.city)
    return message


async def only(db: Database) -> Finding:
    (finding,) = await reconciliation.page(db, "", "", "all", "", 10)
    return finding


async def do(given: Reconciling, what: Act, note: str | None = None) -> Finding:
    finding = await only(given.db)
    action = FindingAct.model_validate({"act": what, "note": note})
    await act_on(Acting(given, load), ADMIN, finding.finding_id, action)
    return await only(given.db)


async def acts(db: Database) -> list[ActRow]:
    finding = await only(db)
    return (await reconciliation.acts(db, [finding.finding_id])).get(finding.finding_id, [])


def city(duplicates: str | None = None, code: str = CITY) -> ListedCity:
    profile = profiles()[code]
    return ListedCity(
        profile if duplicates is None else profile.model_copy(update={"duplicates": Duplicates(duplicates)})
    )


async def found(db: Database, partner: ListedCity, clock: Clock | None = None) -> Reconciling:
    given = reconciling(db, partner, clock=clock)
    assert (await reconcile(given, partner.profile.code, DAY, by="x")).counts["found"] == 1
    return given


async def test_a_lost_case_is_sent_again_under_its_own_message_id(db: Database) -> None:
    number = await put_case(db, case_number="A")
    given = await found(db, city())
    await do(given, Act.RESEND, "电话确认对方无此件")
    (entry,) = await outbox.page(db, None, "", 10)
    assert (entry.message_id, entry.application_id, entry.city, entry.kind) == (f"m-{number}", number, CITY, "SUBMIT")
    assert (entry.state, entry.tries, entry.owner) == ("ready", 0, None)
    # marked as sent once: the lane asks the city before it sends again
    assert entry.send_started_ms == milliseconds(NOON)
    case = await cases.get(db, number)
    assert case is not None
    assert case.case_number is None  # the city has lost it; the number it gives now is the one that counts
    (act,) = await acts(db)
    assert (act.act, act.done_by, act.state, act.note) == ("RESEND", "admin@445200", "DONE", "电话确认对方无此件")
    assert (await only(db)).closed_at_ms is None
    await do(given, Act.RESEND)
    assert len(await outbox.page(db, None, "", 10)) == 1
    first, second = await acts(db)
    assert second.at_ms > first.at_ms


async def test_a_case_whose_push_was_never_noted_is_sent_under_the_id_that_was_tried(db: Database) -> None:
    number = await put_case(db, Stage.PUSHED, pushed=None)
    async with db.transaction() as tx:
        await tx.insert(outbox.INSERT_ATTEMPTS, [[f"t-{number}", number, 1, 2, "deferred", None, None]])
    given = await found(db, city())
    await do(given, Act.RESEND)
    (entry,) = await outbox.page(db, None, "", 10)
    assert entry.message_id == f"t-{number}"


async def test_what_waits_for_a_person_is_woken_and_the_city_asked_first(db: Database) -> None:
    number = await put_case(db, Stage.SUBMITTED, pushed=None)
    await put_message(db, number, state="held", code="partner.refused")
    given = await found(db, city(), Clock(NEXT_NIGHT + timedelta(days=1)))
    await do(given, Act.RESEND)
    (entry,) = await outbox.page(db, None, "", 10)
    assert (entry.message_id, entry.state, entry.send_started_ms) == (f"m-{number}", "ready", 5)


async def test_a_withdrawal_without_effect_is_sent_again(db: Database) -> None:
    partner = city("idempotent")
    number = await put_case(db, Stage.WITHDRAWN, told=(Step.ARRIVED,))
    partner.lists_on(DAY, number)
    at_ms = milliseconds(NOON) + 1
    async with db.transaction() as tx:
        case = await cases.lock(tx, number)
        assert case is not None
        for step, side in ((Step.WITHDRAWN, "applicant"), (Step.FOLLOW_UP_SENT, "transit")):
            data: dict[str, Any] = {"message_id": "w-1", "kind": "WITHDRAW"}
            await record(tx, case, step, occurred_at_ms=at_ms, recorded_at_ms=at_ms, side=side, data=data)
        await cases.update(tx, [case])
        row = follow_ups.FollowUpRow("w-1", number, "WITHDRAW", "w", "k", "0" * 64, at_ms, b"{}")
        await follow_ups.insert(tx, row)
    given = await found(db, partner, Clock(NEXT_NIGHT + timedelta(days=2)))
    assert (await only(db)).suggested == "RESEND"
    await do(given, Act.RESEND)
    (entry,) = await outbox.page(db, None, "", 10)
    assert (entry.message_id, entry.kind) == ("w-1", "WITHDRAW")


@pytest.mark.parametrize(
    ("duplicates", "stage", "act"),
    [
        ("unsafe", Stage.PUSHED, Act.RESEND),
        ("unsafe", Stage.PUSHED, Act.QUERY),
        ("idempotent", Stage.PUSHED, Act.QUERY),
        ("idempotent", Stage.DECIDED, Act.RESEND),
    ],
)
async def test_what_could_do_harm_or_cannot_help_is_refused(
    db: Database, duplicates: str, stage: Stage, act: Act
) -> None:
    await put_case(db, stage)
    given = await found(db, city(duplicates))
    with pytest.raises(StepNotAllowed) as refused:
        await do(given, act)
    assert act.value not in refused.value.facts["allowed"]
    assert await acts(db) == []
    assert await outbox.page(db, None, "", 10) == []


async def test_a_finding_is_closed_once_by_whom_and_why(db: Database) -> None:
    await put_case(db)
    given = await found(db, city("unsafe"))
    closed = await do(given, Act.SETTLE, "对方已补录")
    assert (closed.closed_how, closed.closed_by, closed.note) == ("SETTLED", "admin@445200", "对方已补录")
    assert closed.closed_at_ms == given.now_ms()
    with pytest.raises(StepNotAllowed):
        await do(given, Act.DISMISS)
    with pytest.raises(NotFound):
        await act_on(Acting(given, load), ADMIN, "nothing", FindingAct(act=Act.DISMISS))


async def test_letting_it_be_needs_no_reason_and_settling_does(db: Database) -> None:
    await put_case(db)
    given = await found(db, city("unsafe"))
    with pytest.raises(ValidationError, match="处理结果"):
        FindingAct(act=Act.SETTLE)
    assert (await do(given, Act.DISMISS)).closed_how == "DISMISSED"


# --- asking again


def report(number: str, step: Step, code: str = CITY, files: tuple[RemoteFile, ...] = ()) -> ProgressReport:
    return ProgressReport(
        report_id=f"{number}:{step}",
        application_id=UUID(number),
        deciding_city=code,
        step=step,
        occurred_at=NOON + timedelta(hours=5),
        files=files,
    )


async def ahead(db: Database, partner: ListedCity, clock: Clock | None = None) -> tuple[str, Reconciling]:
    number = await put_case(db, Stage.PUSHED)
    partner.lists_on(DAY, number, Step.ACCEPTED)
    return number, await found(db, partner, clock)


async def test_progress_is_asked_for_again_from_where_the_polling_stood(db: Database) -> None:
    partner, clock = city(), Clock()
    number, given = await ahead(db, partner, clock)
    partner.pages = [
        Collected((report("0193a000-0000-7000-8000-00000000dead", Step.ARRIVED),), "1", more=True),
        Collected((report(number, Step.ACCEPTED),), "1"),
    ]
    async with db.transaction() as tx:
        await tx.execute(
            SQL("INSERT INTO cursors (city, cursor, owner, lease_until_ms) VALUES (?, '0', NULL, 0)"), CITY
        )
        for day in ("2026-11-22", "2026-11-23"):
            await reconciliation.mark(tx, CITY, day)
            await tx.execute(SQL("UPDATE cursors SET cursor = '1' WHERE city = ?"), CITY)
    await do(given, Act.QUERY)
    assert partner.cursors == ["0", "1"]
    (act,) = await acts(db)
    assert (act.act, act.state, act.code) == ("QUERY", "DONE", "heard")
    case = await cases.get(db, number)
    assert case is not None
    assert case.state == "ACCEPTED"
    clock.moment += timedelta(minutes=1)
    assert (await reconcile(given, CITY, DAY, by="x")).counts["gone"] == 1


async def test_asking_goes_on_where_the_last_act_stopped(db: Database) -> None:
    partner, clock = city(), Clock()
    number, given = await ahead(db, partner, clock)

    class Slow(ListedCity):
        async def collect(self, cursor: str | None) -> Collected:
            clock.moment += timedelta(seconds=30)
            return await super().collect(cursor)

    slow = Slow(partner.profile, partner.lists, pages=[Collected((), "1", more=True), Collected((), "2")])
    given = reconciling(db, slow, clock=clock)
    await do(given, Act.QUERY)
    assert [(act.state, act.cursor) for act in await acts(db)] == [("PARTLY", "1")]
    await do(given, Act.QUERY)
    assert slow.cursors == [None, "1"]
    assert [(act.state, act.code) for act in await acts(db)] == [("PARTLY", None), ("DONE", "nothing_new")]
    assert number
    await reconcile(given, CITY, DAY, by="x")
    assert (await only(db)).suggested == "SETTLE"  # asking did not help


async def test_a_city_that_does_not_answer_is_noted(db: Database) -> None:
    partner = city()
    _, given = await ahead(db, partner)
    partner.failure = PartnerUnavailable("not now", "暂不可用")
    await do(given, Act.QUERY)
    assert [(act.state, act.code) for act in await acts(db)] == [("FAILED", "partner.unavailable")]
    await act_on(Acting(given, load), ADMIN, (await only(db)).finding_id, FindingAct(act=Act.QUERY))
    assert len(await acts(db)) == 2


@pytest.mark.parametrize(("answer", "code"), [(None, "absent"), (Acknowledgement(case_number="A"), "found")])
async def test_whether_the_city_has_the_message_after_all_can_be_asked(
    db: Database, answer: Acknowledgement | None, code: str
) -> None:
    partner = city()
    await put_case(db)
    given = await found(db, partner)
    partner.found = answer
    await do(given, Act.QUERY)
    assert [(act.state, act.code) for act in await acts(db)] == [("DONE", code)]


async def test_result_files_are_fetched_again(db: Database) -> None:
    partner = city()
    number = await put_case(db, Stage.ACCEPTED, told=(Step.ACCEPTED,))
    files = tuple(RemoteFile(reference=f"F{n}", name=f"{n}.pdf") for n in range(3))
    async with db.transaction() as tx:
        await tx.execute(
            SQL(
                "INSERT INTO progress (application_id, report_id, seq, step, occurred_at_ms, body, side) "
                "SELECT application_id, 'r', 2, 'ACCEPTED', 1, body, 'deciding' FROM applications"
            )
        )
        await take_progress(tx, report(number, Step.DECIDED, files=files), new_id="f", now=NEXT_NIGHT)
    partner.lists_on(DAY, number, Step.DECIDED)
    given = reconciling(db, partner)
    assert (await reconcile(given, CITY, DAY, by="x")).counts["found"] == 0  # they are on their way
    async with db.transaction() as tx:
        await tx.execute(SQL("UPDATE outbox SET state = 'held', last_code = 'partner.protocol'"))
        await outbox.delete(tx, ["f-0"])
    assert (await reconcile(given, CITY, DAY, by="x")).counts["found"] == 1
    finding = await only(db)
    assert (finding.kind, finding.ours, finding.theirs, finding.suggested) == ("result_missing", "0", "3", "QUERY")
    await do(given, Act.QUERY)
    entries = await outbox.page(db, None, "", 10)
    assert sorted(orjson.loads(entry.content or b"")["reference"] for entry in entries) == ["F0", "F1", "F2"]
    assert {(entry.kind, entry.state) for entry in entries} == {("FETCH", "ready")}
    assert len({entry.message_id for entry in entries}) == 3
