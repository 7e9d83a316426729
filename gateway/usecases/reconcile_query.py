"""再次查询: ask a city once more: for its progress from an earlier point on, for a message, for result files."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from adapters.contract import Adapter
from gateway.storage import cases, compared_cases, outbox, reconciliation
from gateway.storage.outbox import Entry
from gateway.storage.reconciliation import Finding
from gateway.usecases.reconcile import Reconciling
from gateway.usecases.take_progress import Taken, take_progress
from schemas.message import MessageKind, OutboundMessage, ProgressReport, Step

_LONGEST = timedelta(seconds=20)
"""One act asks no longer than this; the next one goes on where it stopped."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What asking came to. `state`: DONE, PARTLY (more is left, from `cursor` on) or FAILED."""

    state: str = "DONE"
    code: str | None = None
    cursor: str | None = None


async def ask_for_progress(given: Reconciling, adapter: Adapter, finding: Finding, told: frozenset[str]) -> Answered:
    """Read the city's progress again, from where its polling stood before the day of the case.

    The polling itself goes on undisturbed: what is known is passed over, and its cursor is not moved.
    """
    cursor = await _beginning(given, finding)
    until = given.now() + _LONGEST
    while True:
        collected = await adapter.collect(cursor)
        taken = await _take(given, collected.reports, told)
        if not collected.more or collected.cursor == cursor:
            return Answered(code="heard" if finding.application_id in taken else "nothing_new")
        cursor = collected.cursor
        if given.now() > until:
            return Answered("PARTLY", cursor=cursor)


async def _beginning(given: Reconciling, finding: Finding) -> str | None:
    done = (await reconciliation.acts(given.db, [finding.finding_id])).get(finding.finding_id, [])
    if done and done[-1].state == "PARTLY":
        return done[-1].cursor
    return await reconciliation.mark_before(given.db, finding.city, finding.day)


async def _take(given: Reconciling, reports: Sequence[ProgressReport], told: frozenset[str]) -> set[str]:
    """The cases on which something new was said."""
    new: set[str] = set()
    async with given.db.transaction() as tx:
        for report in reports:
            async with tx.savepoint():
                taken = await take_progress(tx, report, new_id=given.new_id(), now=given.now(), told=told)
            if taken in {Taken.FOLDED, Taken.SET_ASIDE}:
                new.add(str(report.application_id))
    return new


async def ask_for_message(
    given: Reconciling, adapter: Adapter, finding: Finding, load: Callable[[Entry], Awaitable[Any]]
) -> Answered:
    """Ask whether the city has the message after all: `found` or `absent`."""
    async with given.db.transaction() as tx:
        taken = await compared_cases.last_message(tx, finding.application_id, Step.PUSHED.value)
    message_id = taken[0] if taken else given.new_id()
    entry = Entry(
        message_id=message_id,
        application_id=finding.application_id,
        sequence=1,
        city=finding.city,
        kind=MessageKind.SUBMIT.value,
        content=None,
        state="ready",
        owner=None,
        available_at_ms=0,
        created_at_ms=0,
    )
    message = await load(entry)
    assert isinstance(message, OutboundMessage)  # noqa: S101 - what a SUBMIT is built into
    return Answered(code="absent" if await adapter.find(message) is None else "found")


async def ask_for_results(given: Reconciling, finding: Finding) -> Answered:
    """Put the fetching of every result file that is not here into the outbox again."""
    now_ms = given.now_ms()
    async with given.db.transaction() as tx:
        case = await cases.lock(tx, finding.application_id)
        named = (await compared_cases.result_files(tx, [finding.application_id])).get(finding.application_id, [])
        if case is None:
            return Answered("FAILED", "request.not_found")
        waiting = await compared_cases.fetches(tx, finding.application_id)
        new: list[Entry] = []
        seed = given.new_id()
        for number, file in enumerate(file for file in named if not file.here):
            if file.reference in waiting:
                await compared_cases.wake(tx, waiting[file.reference], now_ms)
                continue
            new.append(
                _fetch(case, f"{seed}-{number}", case.last_seq * 100 + number, orjson.dumps(file.remote), now_ms)
            )
        if new:
            await tx.insert(outbox.INSERT_OUTBOX, [entry.values() for entry in new])
    return Answered()


def _fetch(case: cases.Case, message_id: str, sequence: int, content: bytes, now_ms: int) -> Entry:
    return Entry(
        message_id=message_id,
        application_id=case.application_id,
        sequence=sequence,
        city=case.deciding_city,
        kind=MessageKind.FETCH.value,
        content=content,
        state="ready",
        owner=None,
        available_at_ms=now_ms,
        created_at_ms=now_ms,
    )
