"""办件经过: what of a case's events matters when it is compared with the deciding city's list."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.reconciliation import History
from schemas.message import Step

_ACTS = frozenset({Step.SUPPLEMENT_GIVEN, Step.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class PastEvent:
    """One event of a case."""

    type: Step
    side: str
    recorded_at_ms: int


def history(events: Iterable[PastEvent], *, now_ms: int, unanswered_s: float) -> History:
    """The history of one case, from its events in order.

    A supplement is answered by any later word of the deciding city, a withdrawal by nothing but its own confirmation:
    what a city does before the withdrawal reaches it is no answer.
    """
    steps: set[Step] = set()
    waiting: Step | None = None
    sent_at_ms: int | None = None
    for event in events:
        steps.add(event.type)
        if event.side == "applicant" and event.type in _ACTS:
            waiting, sent_at_ms = event.type, None
        elif event.type is Step.FOLLOW_UP_SENT:
            sent_at_ms = event.recorded_at_ms
        elif event.side == "deciding" and waiting in {Step.SUPPLEMENT_GIVEN, event.type}:
            waiting = None
    late = sent_at_ms is not None and now_ms - sent_at_ms > unanswered_s * 1000
    return History(frozenset(steps), waiting=waiting is not None, unanswered=waiting is not None and late)
