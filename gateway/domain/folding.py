"""进度归并: the state of a case from everything its deciding city reported, in whatever order that came.

Reports are put in the deciding city's own order (its sequence where every report has one, else its time of
occurrence) and led through the state table. A step that is impossible there is set aside and puts the case
before a person (待核); when a late report fills the gap, the same fold finds it possible. Nothing is dropped.

What the applicant did here (a supplement given, a withdrawal) is a fact of ours: it stands right after what was known
when it was recorded, because our clock and the deciding city's need not agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.lifecycle import TRANSITIONS, Stage
from schemas.message import Outcome, Step

_RANK = {step: rank for rank, step in enumerate(Step)}
_OVERTAKEN = frozenset(
    {Step.ARRIVED, Step.ACCEPTED, Step.SUPPLEMENT_ASKED, Step.SPECIAL_STARTED, Step.SPECIAL_ENDED, Step.EXTENDED}
)
"""What a city may still report after a withdrawal that has not reached it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What folding needs of one report."""

    report_id: str
    step: Step
    occurred_at: datetime
    partner_sequence: int | None = None
    case_number: str | None = None
    outcome: Outcome | None = None
    ours: bool = False
    """Recorded here for the applicant, not reported by the deciding city."""
    recorded: int = 0
    """Its place in the order in which facts became known here; only the order matters."""


@dataclass(frozen=True, slots=True)
class Folded:
    """The state of a case; `set_aside` are the reports a person must look at (待核)."""

    stage: Stage
    case_number: str | None
    outcome: Outcome | None
    set_aside: tuple[str, ...]


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """The deciding city's own order: by its sequence if all have one, else by time, then by the usual course.

    Facts of ours stand after the last report that was known before them.
    """
    known = list(facts)
    theirs = [fact for fact in known if not fact.ours]
    if all(fact.partner_sequence is not None for fact in theirs):
        ordered = sorted(theirs, key=lambda fact: (fact.partner_sequence, fact.occurred_at, fact.report_id))
    else:
        ordered = sorted(theirs, key=lambda fact: (fact.occurred_at, _RANK[fact.step], fact.report_id))
    for own in sorted((fact for fact in known if fact.ours), key=lambda fact: fact.recorded):
        earlier = [place for place, fact in enumerate(ordered) if fact.recorded < own.recorded]
        ordered.insert(earlier[-1] + 1 if earlier else 0, own)
    return ordered


def start_of(direction: str) -> Stage:
    """Where the fold of a case begins: an inbound one had arrived when we took it."""
    return Stage.ARRIVED if direction == "inbound" else Stage.PUSHED


def fold(facts: Iterable[Fact], *, start: Stage = Stage.PUSHED, case_number: str | None = None) -> Folded:
    """Lead the reports through the state table from `start`.

    The same fact reported under two ids (same step and time) counts once. A city that reports on a case has it:
    that is why the fold starts at PUSHED, whether or not our own note of the push is written yet. A case of our own
    city starts at ARRIVED: it arrived when the gateway took it.
    """
    stage, outcome = start, None
    set_aside: list[str] = []
    seen: set[tuple[Step, datetime]] = set()
    given: set[Step] = set()
    for fact in in_order(facts):
        case_number = fact.case_number or case_number
        if (fact.step, fact.occurred_at) in seen:
            continue
        seen.add((fact.step, fact.occurred_at))
        target = TRANSITIONS.get((stage, fact.step))
        if target is not None:
            stage = target
            outcome = fact.outcome or outcome
        elif not _expected(fact, stage, start, given):
            set_aside.append(fact.report_id)
        if fact.ours:
            given.add(fact.step)
    return Folded(stage, case_number, outcome, tuple(set_aside))


def _expected(fact: Fact, stage: Stage, start: Stage, given: set[Step]) -> bool:
    """Whether a report that changes nothing is what one would expect, and no matter for a person.

    A city that confirms a supplement or a withdrawal of ours; one that went on until our withdrawal reached it; our
    own office, confirming that the case arrived.
    """
    if fact.step in given:
        return True
    if stage is Stage.WITHDRAWN and Step.WITHDRAWN in given:
        return fact.step in _OVERTAKEN
    return fact.step is Step.ARRIVED and start is Stage.ARRIVED and stage is Stage.ARRIVED
