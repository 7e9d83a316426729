"""对账双方: what our side of a city pair's day is: its digest, its list, and the cases themselves."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from uuid import UUID

from gateway.domain.case_history import PastEvent, history
from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation import History, OurCase, Sending
from gateway.domain.reconciliation_digest import LISTED, bucket_of, digest, numbers_of, state_word
from gateway.storage import compared_cases
from gateway.storage.compared_cases import ComparedCase
from gateway.storage.database import Database
from schemas.message import ListedCase, Outcome, Step
from schemas.reconciliation import CaseDigest

_NEVER_THERE = frozenset({Stage.SUBMITTED, Stage.RECEIVED, Stage.WITHDRAWN})
"""Where a case of ours can stand without the city ever having had it."""


def handed_over(case: ComparedCase) -> bool:
    """Whether the deciding city has the case, as far as we know: it took it, or it reported on it."""
    if case.pushed_at_ms is not None:
        return True
    return case.direction == "outbound" and Stage(case.state) not in _NEVER_THERE


def _outcome(case: ComparedCase) -> Outcome | None:
    return Outcome(case.outcome) if case.outcome else None


async def _pair(db: Database, collecting_city: str, deciding_city: str, day: date) -> list[tuple[ComparedCase, str]]:
    """The cases of a pair and day that both cities have, each with its state word."""
    found = []
    for case in await compared_cases.of_day(db, [deciding_city], numbers_of(day)):
        word = state_word(Stage(case.state), _outcome(case))
        there = case.direction == "inbound" or handed_over(case)
        if case.collecting_city == collecting_city and word is not None and there:
            found.append((case, word))
    return found


async def digest_of(db: Database, collecting_city: str, deciding_city: str, day: date) -> CaseDigest:
    """对账摘要 of our books, whichever of the two cities we are."""
    cases = await _pair(db, collecting_city, deciding_city, day)
    return digest(collecting_city, deciding_city, day, ((case.application_id, word) for case, word in cases))


async def listing_of(
    db: Database, collecting_city: str, deciding_city: str, day: date, buckets: Collection[int] | None = None
) -> tuple[ListedCase, ...]:
    """对账清单 of our books, in order of number; only these buckets, where some are named."""
    cases = await _pair(db, collecting_city, deciding_city, day)
    return tuple(
        ListedCase(
            application_id=UUID(case.application_id),
            case_number=case.case_number,
            step=LISTED[Stage(case.state)],
            outcome=_outcome(case),
        )
        for case, _ in sorted(cases, key=lambda one: one[0].application_id)
        if buckets is None or bucket_of(case.application_id) in buckets
    )


async def our_cases(
    db: Database, cases: Iterable[ComparedCase], *, asked_at_ms: int, now_ms: int
) -> dict[str, OurCase]:
    """Cases as the comparison takes them; `asked_at_ms` is when the city's list was asked for."""
    read = list(cases)
    decided = [case.application_id for case in read if case.state in {Stage.DECIDED, Stage.CLOSED}]
    named = await compared_cases.result_files(db, decided)
    fetching = await compared_cases.fetching(db, list(named))
    ours = {}
    for case in read:
        files = named.get(case.application_id, [])
        ours[case.application_id] = OurCase(
            application_id=case.application_id,
            stage=Stage(case.state),
            outcome=_outcome(case),
            case_number=case.case_number,
            handed_over=handed_over(case),
            sending=Sending(case.sending) if case.sending else Sending.NONE,
            waited_s=(now_ms - case.received_at_ms) / 1000,
            last_code=case.last_code,
            moved=case.updated_at_ms >= asked_at_ms,
            files_named=len({file.reference for file in files}),
            files_here=len({file.reference for file in files if file.here}),
            fetching=case.application_id in fetching,
        )
    return ours


async def histories(
    db: Database, application_ids: Collection[str], *, now_ms: int, unanswered_s: float
) -> Mapping[str, History]:
    """What happened to these cases."""
    events: dict[str, list[PastEvent]] = {}
    for application_id, kind, side, recorded_at_ms in await compared_cases.events(db, sorted(application_ids)):
        events.setdefault(application_id, []).append(PastEvent(Step(kind), side, recorded_at_ms))
    return {one: history(past, now_ms=now_ms, unanswered_s=unanswered_s) for one, past in events.items()}
