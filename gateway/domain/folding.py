"""进度归并: the state of a case from everything its deciding city reported, in whatever order that came.

Reports are put in the deciding city's own order (its sequence where every report has one, else its time of
occurrence) and led through the state table. A step that is impossible there is set aside and puts the case
before a person (待核); when a late report fills the gap, the same fold finds it possible. Nothing is dropped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.lifecycle import TRANSITIONS, Stage
from schemas.message import Outcome, Step

_RANK = {step: rank for rank, step in enumerate(Step)}


@dataclass(frozen=True, slots=True)
class Fact:
    """What folding needs of one report."""

    report_id: str
    step: Step
    occurred_at: datetime
    partner_sequence: int | None = None
    case_number: str | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Folded:
    """The state of a case; `set_aside` are the reports a person must look at (待核)."""

    stage: Stage
    case_number: str | None
    outcome: Outcome | None
    set_aside: tuple[str, ...]


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """The deciding city's own order: by its sequence if all have one, else by time, then by the usual course."""
    known = list(facts)
    if all(fact.partner_sequence is not None for fact in known):
        return sorted(known, key=lambda fact: (fact.partner_sequence, fact.occurred_at, fact.report_id))
    return sorted(known, key=lambda fact: (fact.occurred_at, _RANK[fact.step], fact.report_id))


def fold(facts: Iterable[Fact], *, start: Stage = Stage.PUSHED, case_number: str | None = None) -> Folded:
    """Lead the reports through the state table from `start`.

    The same fact reported under two ids (same step and time) counts once. A city that reports on a case has it:
    that is why the fold starts at PUSHED, whether or not our own note of the push is written yet.
    """
    stage, outcome = start, None
    set_aside: list[str] = []
    seen: set[tuple[Step, datetime]] = set()
    for fact in in_order(facts):
        case_number = fact.case_number or case_number
        if (fact.step, fact.occurred_at) in seen:
            continue
        seen.add((fact.step, fact.occurred_at))
        target = TRANSITIONS.get((stage, fact.step))
        if target is None:
            set_aside.append(fact.report_id)
            continue
        stage = target
        outcome = fact.outcome or outcome
    return Folded(stage, case_number, outcome, tuple(set_aside))
