"""对账差异: what differs between our cases and the deciding city's list of them.

A line of the list that says less than the city has told us already is no difference where lists may be old: they are
made at some moment, and reports overtake them. A peer's list is of the moment it is asked for: there it is one. What a
finding means and what to do is written down in docs/reconciliation.md.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.lifecycle import TRANSITIONS, Stage
from gateway.domain.reconciliation_digest import compared, state_word
from schemas.message import ListedCase, Outcome, Step


class Kind(StrEnum):
    """差异种类."""

    MISSING_THERE = "missing_there"
    """对方缺件: the city took it and does not list it."""
    MISSING_HERE = "missing_here"
    """我方缺件: the city lists a case we do not know as its own."""
    NOT_SENT = "not_sent"
    """未发出: it has waited here too long."""
    STATE_DIFFERS = "state_differs"
    """状态不符: the city is at another step, and never told us."""
    NUMBER_DIFFERS = "number_differs"
    """编号不符: the case has another number there."""
    DOUBLED = "doubled"
    """重复登记: the city has it twice."""
    RESULT_MISSING = "result_missing"
    """缺结果文件: the city decided and named files that are not here."""


LOCAL = frozenset({Kind.NOT_SENT, Kind.RESULT_MISSING})
"""Found in our own books, whether or not the city can be compared."""
DIGESTED = frozenset({Kind.MISSING_THERE, Kind.MISSING_HERE, Kind.STATE_DIFFERS})
"""Excluded by equal digests."""
_TARGETS: Mapping[Step, frozenset[Stage | None]] = {
    step: frozenset(compared(target) for (_, taken), target in TRANSITIONS.items() if taken is step) for step in Step
}
_BEFORE_ARRIVAL = frozenset({Step.SUBMITTED, Step.RECEIVED, Step.PUSHED, Step.ARRIVED})
"""A city that lists a case at one of these has it, and nothing has happened to it yet."""


class Sending(StrEnum):
    """在途情况 of the message with the application."""

    NONE = "none"
    READY = "ready"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class OurCase:
    """What comparing needs of one case of ours."""

    application_id: str
    stage: Stage
    outcome: Outcome | None = None
    case_number: str | None = None
    handed_over: bool = True
    """Whether the city took it once, as far as we know."""
    sending: Sending = Sending.NONE
    waited_s: float = 0.0
    """How long ago it was received here."""
    last_code: str | None = None
    """Why it waits."""
    moved: bool = False
    """Whether it changed here since the list was asked for."""
    files_named: int = 0
    """Result files the city told of."""
    files_here: int = 0
    fetching: bool = False
    """Whether a result file is on its way."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a case, as far as we know."""

    steps: frozenset[Step] = frozenset()
    waiting: bool = False
    """Whether the last of it is a supplement or a withdrawal, and no word of the city since."""
    unanswered: bool = False
    """Whether the city took that a long time ago."""


@dataclass(frozen=True, slots=True)
class Difference:
    """差异. `ours` and `theirs` are codes and numbers, never personal data; the same pair means the same difference."""

    kind: Kind
    application_id: str
    ours: str | None = None
    theirs: str | None = None
    unanswered: bool = False
    """状态不符 because our last message on the case had no effect."""


@dataclass(frozen=True, slots=True)
class Compared:
    """比对结果."""

    differences: tuple[Difference, ...] = ()
    behind: int = 0
    """Lines that say less than the city has told us already."""


@dataclass(slots=True)
class _Found:
    live: bool
    differences: list[Difference] = field(default_factory=list)
    behind: int = 0


def local_differences(cases: Iterable[OurCase], *, overdue_s: float) -> tuple[Difference, ...]:
    """What our own books show: cases that wait here longer than `overdue_s`, results that never came."""
    found: list[Difference] = []
    for case in cases:
        if not case.handed_over and case.stage is not Stage.WITHDRAWN and case.waited_s > overdue_s:
            why = case.sending.value if case.last_code is None else f"{case.sending} {case.last_code}"
            found.append(Difference(Kind.NOT_SENT, case.application_id, ours=why))
        if case.files_here < case.files_named and not case.fetching:
            found.append(
                Difference(Kind.RESULT_MISSING, case.application_id, str(case.files_here), str(case.files_named))
            )
    return tuple(found)


def odd_states(ours: Mapping[str, OurCase], lines: Iterable[ListedCase]) -> frozenset[str]:
    """The cases whose stage is not that of their line: their history is needed to judge them."""
    return frozenset(
        str(line.application_id)
        for line in lines
        if (case := ours.get(str(line.application_id))) is not None and not _same_stage(case.stage, line.step)
    )


def compare(
    ours: Mapping[str, OurCase],
    lines: Sequence[ListedCase],
    *,
    expected: Collection[str],
    histories: Mapping[str, History],
    live: bool = False,
) -> Compared:
    """Hold the city's lines against our cases.

    `ours` are all our cases of this city that the lines name, and those `expected` to be listed; a line of no case in
    `ours` is one we do not know. `histories` has an entry for each of `odd_states`. `live` = the list says how things
    stood when it was asked for, not before.
    """
    found = _Found(live)
    by_case: dict[str, list[ListedCase]] = {}
    for line in lines:
        by_case.setdefault(str(line.application_id), []).append(line)
    for application_id in expected:
        case = ours[application_id]
        if case.handed_over and application_id not in by_case:
            found.differences.append(
                Difference(Kind.MISSING_THERE, application_id, ours=state_word(case.stage, case.outcome))
            )
    for application_id, of_case in by_case.items():
        known = ours.get(application_id)
        if known is None:
            theirs = ", ".join(sorted({line.case_number or "-" for line in of_case}))
            found.differences.append(Difference(Kind.MISSING_HERE, application_id, theirs=theirs))
        else:
            _compare_case(known, of_case, histories.get(application_id, History()), found)
    return Compared(tuple(found.differences), found.behind)


def _compare_case(case: OurCase, lines: Sequence[ListedCase], history: History, found: _Found) -> None:
    numbers = sorted({line.case_number or "-" for line in lines})
    if len(numbers) > 1:
        found.differences.append(Difference(Kind.DOUBLED, case.application_id, case.case_number, ", ".join(numbers)))
        return
    if case.case_number is not None and numbers[0] not in {"-", case.case_number}:
        found.differences.append(Difference(Kind.NUMBER_DIFFERS, case.application_id, case.case_number, numbers[0]))
    difference = _state_difference(case, lines[-1], history, live=found.live)
    if difference is not None:
        found.differences.append(difference)
    elif not _same_stage(case.stage, lines[-1].step):
        found.behind += 1


def _state_difference(case: OurCase, line: ListedCase, history: History, *, live: bool) -> Difference | None:
    theirs = line.step.value if line.outcome is None else f"{line.step}/{line.outcome}"
    difference = Difference(
        Kind.STATE_DIFFERS, case.application_id, state_word(case.stage, case.outcome) or case.stage.value, theirs
    )
    if case.moved:
        return None
    if _same_stage(case.stage, line.step):
        both = case.outcome is not None and line.outcome is not None
        return difference if both and case.outcome is not line.outcome else None
    if line.step in history.steps or line.step in _BEFORE_ARRIVAL:
        if not history.unanswered:
            return difference if live and not history.waiting else None
        return Difference(difference.kind, case.application_id, difference.ours, theirs, unanswered=True)
    return difference


def _same_stage(stage: Stage, step: Step) -> bool:
    seen = compared(stage)
    if step in _BEFORE_ARRIVAL:
        return seen in {None, Stage.ARRIVED}
    return seen in _TARGETS[step]
