"""处理差异: what a person does about a finding: send again, ask again, settle it, or let it be.

Sending again puts the same message, under the same id, into the outbox: the city's lane does the rest, and asks first
where the city would book it twice. That the message went out again is told by the event of its delivery. A finding
stays open until a run no longer sees it, or a person closes it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import model_validator

from gateway.domain.access import Principal, not_found
from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation import Kind
from gateway.domain.reconciliation_acts import Act, CityWays, possible
from gateway.storage import cases, compared_cases, follow_ups, outbox, reconciliation
from gateway.storage.database import Transaction
from gateway.storage.outbox import Entry
from gateway.storage.reconciliation import ActRow, Finding
from gateway.usecases.reconcile import Reconciling
from gateway.usecases.reconcile_findings import difference_of, ways_of
from gateway.usecases.reconcile_query import Answered, ask_for_message, ask_for_progress, ask_for_results
from schemas.errors import CrossCityError, StepNotAllowed
from schemas.message import MessageKind, Step
from schemas.model import LongText, Model

_CLOSES = {Act.SETTLE: "SETTLED", Act.DISMISS: "DISMISSED"}


class FindingAct(Model):
    """处理动作: what a person does about a finding."""

    act: Literal[Act.RESEND, Act.QUERY, Act.SETTLE, Act.DISMISS]
    note: LongText | None = None
    """With SETTLE: how it was settled. No names and no ID numbers."""

    @model_validator(mode="after")
    def _a_settlement_says_how(self) -> Self:
        if self.act is Act.SETTLE and self.note is None:
            raise ValueError("人工处理须注明处理结果 / SETTLE needs a note")
        return self


@dataclass(frozen=True, slots=True)
class Acting:
    """What acting is given besides."""

    given: Reconciling
    load: Callable[[Entry], Awaitable[Any]]
    """Builds a message again."""
    told: frozenset[str] = frozenset()
    """Cities whose gateways are told what happens here."""


async def act_on(acting: Acting, who: Principal, finding_id: str, action: FindingAct) -> Finding:
    """Do it and note it. NotFound; StepNotAllowed where the finding is closed or the act cannot help."""
    given = acting.given
    async with given.db.transaction() as tx:
        finding = await reconciliation.lock(tx, finding_id)
        if finding is None:
            raise not_found()
        await _require_possible(tx, finding, action.act, ways_of(given.adapters.get(finding.city)))
        if action.act is not Act.QUERY:
            if action.act is Act.RESEND:
                await _resend(tx, finding, given)
            else:
                await _close(tx, finding, who, action, given.now_ms())
            await _note(tx, finding, who, action, given.now_ms(), Answered())
            return finding
    answered = await _query(acting, finding)
    async with given.db.transaction() as tx:
        await reconciliation.lock(tx, finding_id)
        await _note(tx, finding, who, action, given.now_ms(), answered)
    return finding


async def _require_possible(tx: Transaction, finding: Finding, act: Act, ways: CityWays) -> None:
    state = (await compared_cases.stages(tx, [finding.application_id])).get(finding.application_id)
    acts = possible(difference_of(finding), ways, stage=None if state is None else Stage(state))
    if finding.closed_at_ms is not None:
        raise StepNotAllowed("This finding is closed.", "该差异已关闭。", allowed=[])
    if act not in acts:
        raise StepNotAllowed(
            f"{act} cannot help here, or would do harm.",
            "该处理办法不适用于此差异，或可能造成重复登记。",
            allowed=[one.value for one in acts],
        )


async def _close(tx: Transaction, finding: Finding, who: Principal, action: FindingAct, now_ms: int) -> None:
    finding.closed_at_ms, finding.closed_how = now_ms, _CLOSES[action.act]
    finding.closed_by, finding.note = who.caller, action.note
    await reconciliation.close(tx, [finding])


async def _note(
    tx: Transaction, finding: Finding, who: Principal, action: FindingAct, now_ms: int, answered: Answered
) -> None:
    before = (await reconciliation.acts(tx, [finding.finding_id])).get(finding.finding_id, [])
    at_ms = max(now_ms, before[-1].at_ms + 1) if before else now_ms
    row = ActRow(
        finding.finding_id,
        at_ms,
        action.act.value,
        who.caller,
        answered.state,
        answered.code,
        action.note,
        answered.cursor,
    )
    await reconciliation.add_act(tx, row)


async def _resend(tx: Transaction, finding: Finding, given: Reconciling) -> None:
    """Put the message into the outbox once more, or wake the one that waits there."""
    now_ms = given.now_ms()
    case = await cases.lock(tx, finding.application_id)
    if case is None:
        raise not_found()
    waiting = await compared_cases.waiting_message(tx, case.application_id)
    if waiting is not None and finding.kind != Kind.STATE_DIFFERS.value:
        await compared_cases.wake(tx, waiting, now_ms)
        return
    entry = await _message(tx, case, finding, given, now_ms)
    await tx.insert(outbox.INSERT_OUTBOX, [entry.values()])
    await compared_cases.wake(tx, entry.message_id, now_ms)


async def _message(tx: Transaction, case: cases.Case, finding: Finding, given: Reconciling, now_ms: int) -> Entry:
    follows = finding.kind == Kind.STATE_DIFFERS.value
    event = Step.FOLLOW_UP_SENT if follows else Step.PUSHED
    taken = await compared_cases.last_message(tx, case.application_id, event.value)
    if taken is not None:
        message_id, sent_at_ms, number = taken
    else:
        tried = await compared_cases.tried_message(tx, case.application_id)
        message_id, sent_at_ms, number = tried or given.new_id(), now_ms - 1, None
    kind, sequence = MessageKind.SUBMIT.value, 1
    if follows:
        row = await follow_ups.get(tx, message_id)
        kind, sequence = (row.kind if row else MessageKind.WITHDRAW.value), case.last_seq * 100
    elif number is not None:
        case.case_number = None  # the city does not have it: the number it gives now is the one that counts
        await cases.update(tx, [case])
    return Entry(
        message_id=message_id,
        application_id=case.application_id,
        sequence=sequence,
        city=case.deciding_city,
        kind=kind,
        content=None,
        state="ready",
        owner=None,
        available_at_ms=now_ms,
        created_at_ms=now_ms,
        send_started_ms=sent_at_ms,
    )


async def _query(acting: Acting, finding: Finding) -> Answered:
    """Ask the city; a city that does not answer is noted, and may be asked again."""
    given, kind = acting.given, Kind(finding.kind)
    adapter = given.adapters.get(finding.city)
    try:
        if kind is Kind.RESULT_MISSING:
            return await ask_for_results(given, finding)
        if adapter is None:
            return Answered("FAILED", "not_connected")
        if kind is Kind.MISSING_THERE:
            return await ask_for_message(given, adapter, finding, acting.load)
        return await ask_for_progress(given, adapter, finding, acting.told)
    except CrossCityError as error:
        return Answered("FAILED", error.code)
