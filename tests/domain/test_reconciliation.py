"""对账差异: what is a difference and what is not, and what may be done about it."""

import itertools
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.case_history import PastEvent, history
from gateway.domain.lifecycle import ENDED, Stage
from gateway.domain.reconciliation import (
    Compared,
    Difference,
    History,
    Kind,
    OurCase,
    Sending,
    compare,
    local_differences,
    odd_states,
)
from gateway.domain.reconciliation_acts import Act, CityWays, possible, suggest
from gateway.domain.reconciliation_digest import LISTED, compared
from schemas.message import ListedCase, Outcome, Step

ONE = "0193a000-0000-7000-8000-000000000001"
TWO = "0193a000-0000-7000-8000-000000000002"
IDEMPOTENT, QUERY_FIRST, UNSAFE = CityWays("idempotent"), CityWays("query_first", told_again=True), CityWays("unsafe")
THERE = sorted(stage for stage in Stage if compared(stage) is not None)


def line(
    step: Step = Step.ARRIVED, outcome: Outcome | None = None, number: str | None = None, of: str = ONE
) -> ListedCase:
    return ListedCase(application_id=UUID(of), case_number=number, step=step, outcome=outcome)


def held_against(*ours: OurCase, lines: tuple[ListedCase, ...] = (), past: History | None = None) -> Compared:
    cases = {case.application_id: case for case in ours}
    return compare(cases, lines, expected=list(cases), histories={} if past is None else {ONE: past})


def kinds(found: Compared) -> list[Kind]:
    return [difference.kind for difference in found.differences]


@given(st.sampled_from(THERE), st.sampled_from([None, *Outcome]))
def test_a_case_listed_as_we_have_it_is_no_difference(stage: Stage, outcome: Outcome | None) -> None:
    found = held_against(OurCase(ONE, stage, outcome), lines=(line(LISTED[stage], outcome),))
    assert found == Compared()
    assert odd_states({ONE: OurCase(ONE, stage)}, [line(LISTED[stage])]) == frozenset()


def test_a_case_the_city_took_and_does_not_list_is_missing_there() -> None:
    found = held_against(OurCase(ONE, Stage.ACCEPTED), OurCase(TWO, Stage.RECEIVED, handed_over=False))
    assert found.differences == (Difference(Kind.MISSING_THERE, ONE, ours="ACCEPTED"),)


def test_a_case_we_do_not_know_is_missing_here() -> None:
    found = held_against(lines=(line(number="B"), line(number="A"), line(of=TWO)))
    assert found.differences == (
        Difference(Kind.MISSING_HERE, ONE, theirs="A, B"),
        Difference(Kind.MISSING_HERE, TWO, theirs="-"),
    )


def test_a_case_the_city_has_although_its_answer_never_came_is_no_difference() -> None:
    waiting = OurCase(ONE, Stage.SUBMITTED, handed_over=False, sending=Sending.READY)
    assert held_against(waiting, lines=(line(),)) == Compared()


def test_the_same_line_twice_is_one_case_but_two_numbers_are_two() -> None:
    case = OurCase(ONE, Stage.ARRIVED, case_number="A")
    assert held_against(case, lines=(line(number="A"), line(number="A"))) == Compared()
    found = held_against(case, lines=(line(number="A"), line(number="B")))
    assert found.differences == (Difference(Kind.DOUBLED, ONE, "A", "A, B"),)
    assert kinds(held_against(case, lines=(line(number="A"), line()))) == [Kind.DOUBLED]


def test_another_number_is_a_difference_an_unknown_one_is_not() -> None:
    case = OurCase(ONE, Stage.ARRIVED, case_number="A")
    assert held_against(case, lines=(line(number="B"),)).differences == (
        Difference(Kind.NUMBER_DIFFERS, ONE, "A", "B"),
    )
    assert held_against(case, lines=(line(),)) == Compared()
    assert held_against(OurCase(ONE, Stage.ARRIVED), lines=(line(number="B"),)) == Compared()


def test_a_step_we_were_never_told_is_a_difference() -> None:
    case = OurCase(ONE, Stage.ARRIVED)
    past = History(frozenset({Step.PUSHED, Step.ARRIVED}))
    found = held_against(case, lines=(line(Step.DECIDED, Outcome.GRANTED),), past=past)
    assert found.differences == (Difference(Kind.STATE_DIFFERS, ONE, "ARRIVED", "DECIDED/GRANTED"),)
    assert kinds(held_against(case, lines=(line(Step.UNKNOWN),), past=past)) == [Kind.STATE_DIFFERS]
    assert odd_states({ONE: case}, [line(Step.DECIDED), line(of=TWO)]) == {ONE}


def test_a_line_that_says_less_than_the_city_told_us_is_no_difference() -> None:
    case = OurCase(ONE, Stage.DECIDED, Outcome.GRANTED)
    past = History(frozenset({Step.PUSHED, Step.ACCEPTED, Step.DECIDED}))
    assert held_against(case, lines=(line(Step.ACCEPTED),), past=past) == Compared(behind=1)
    assert held_against(case, lines=(line(Step.ARRIVED),), past=past) == Compared(behind=1)


def test_a_line_of_this_moment_that_says_less_is_a_difference() -> None:
    def live(past: History) -> Compared:
        cases = {ONE: OurCase(ONE, Stage.ACCEPTED)}
        return compare(cases, [line()], expected=[ONE], histories={ONE: past}, live=True)

    steps = frozenset({Step.PUSHED, Step.ARRIVED, Step.ACCEPTED})
    assert live(History(steps)).differences == (Difference(Kind.STATE_DIFFERS, ONE, "ACCEPTED", "ARRIVED"),)
    assert live(History(steps, waiting=True)) == Compared(behind=1)


def test_a_case_that_changed_since_the_list_was_asked_for_is_not_judged() -> None:
    case = OurCase(ONE, Stage.ARRIVED, moved=True)
    assert held_against(case, lines=(line(Step.DECIDED),), past=History()).differences == ()


def test_two_outcomes_are_a_difference_where_both_are_known() -> None:
    case = OurCase(ONE, Stage.DECIDED, Outcome.GRANTED)
    found = held_against(case, lines=(line(Step.DECIDED, Outcome.REFUSED),))
    assert found.differences == (Difference(Kind.STATE_DIFFERS, ONE, "DECIDED/GRANTED", "DECIDED/REFUSED"),)
    assert held_against(case, lines=(line(Step.DECIDED),)) == Compared()
    assert held_against(OurCase(ONE, Stage.CLOSED), lines=(line(Step.DECIDED, Outcome.REFUSED),)) == Compared()


def test_a_supplement_or_withdrawal_without_effect_is_a_difference() -> None:
    case = OurCase(ONE, Stage.WITHDRAWN)
    steps = frozenset({Step.PUSHED, Step.ACCEPTED, Step.WITHDRAWN})
    assert held_against(case, lines=(line(Step.ACCEPTED),), past=History(steps)) == Compared(behind=1)
    found = held_against(case, lines=(line(Step.ACCEPTED),), past=History(steps, unanswered=True))
    assert found.differences == (Difference(Kind.STATE_DIFFERS, ONE, "WITHDRAWN", "ACCEPTED", unanswered=True),)


def test_our_own_books_show_what_waits_too_long_and_what_never_came() -> None:
    cases = [
        OurCase(
            "a", Stage.SUBMITTED, handed_over=False, sending=Sending.HELD, waited_s=101, last_code="partner.refused"
        ),
        OurCase("b", Stage.RECEIVED, handed_over=False, sending=Sending.READY, waited_s=101),
        OurCase("c", Stage.SUBMITTED, handed_over=False, sending=Sending.READY, waited_s=99),
        OurCase("d", Stage.WITHDRAWN, handed_over=False, waited_s=101),
        OurCase("e", Stage.DECIDED, files_named=2, files_here=1),
        OurCase("f", Stage.DECIDED, files_named=2, files_here=1, fetching=True),
        OurCase("g", Stage.DECIDED, files_named=1, files_here=1),
    ]
    assert local_differences(cases, overdue_s=100) == (
        Difference(Kind.NOT_SENT, "a", ours="held partner.refused"),
        Difference(Kind.NOT_SENT, "b", ours="ready"),
        Difference(Kind.RESULT_MISSING, "e", "1", "2"),
    )


def past(*events: tuple[Step, str, int]) -> History:
    return history((PastEvent(*event) for event in events), now_ms=100_000, unanswered_s=50)


def test_history_waits_for_an_answer_to_what_the_applicant_did() -> None:
    asked = (Step.SUPPLEMENT_ASKED, "deciding", 1_000)
    given_ = (Step.SUPPLEMENT_GIVEN, "applicant", 2_000)
    sent, late = (Step.FOLLOW_UP_SENT, "transit", 3_000), (Step.FOLLOW_UP_SENT, "transit", 60_000)
    assert past(asked, given_, sent).unanswered
    assert past(asked, given_, sent).steps == {Step.SUPPLEMENT_ASKED, Step.SUPPLEMENT_GIVEN, Step.FOLLOW_UP_SENT}
    assert not past(asked, given_).unanswered
    assert past(asked, given_).waiting
    assert not past(asked).waiting
    assert not past(asked, given_, late).unanswered
    assert not past(asked, given_, sent, late).unanswered
    assert not past(asked, given_, sent, (Step.ACCEPTED, "deciding", 4_000)).unanswered
    assert not past(asked, (Step.SUPPLEMENT_GIVEN, "deciding", 2_000), sent).unanswered


def test_a_withdrawal_is_answered_by_its_own_confirmation_alone() -> None:
    taken, sent = (Step.WITHDRAWN, "applicant", 2_000), (Step.FOLLOW_UP_SENT, "transit", 3_000)
    assert past(taken, sent, (Step.ACCEPTED, "deciding", 4_000)).unanswered
    assert not past(taken, sent, (Step.WITHDRAWN, "deciding", 4_000)).unanswered


EVERY = [
    Difference(kind, ONE, ours, None, unanswered=unanswered)
    for kind, ours, unanswered in itertools.product(Kind, ("ready", "held partner.refused"), (False, True))
]
WAYS = [CityWays(duplicates, told) for duplicates in ("idempotent", "query_first", "unsafe") for told in (False, True)]


@pytest.mark.parametrize("stage", [None, *Stage])
@pytest.mark.parametrize("ways", WAYS)
def test_what_is_suggested_is_possible_and_nothing_is_sent_that_could_do_harm(
    ways: CityWays, stage: Stage | None
) -> None:
    for difference in EVERY:
        acts = possible(difference, ways, stage=stage)
        assert acts[-2:] == (Act.SETTLE, Act.DISMISS)
        for count in range(len(acts) + 1):
            act = suggest(difference, ways, stage=stage, done=acts[:count])
            assert act in {*acts, Act.NONE} - {Act.DISMISS}
        if ways.duplicates == "unsafe":
            assert Act.RESEND not in acts
        if difference.kind in {Kind.MISSING_THERE, Kind.NOT_SENT} and (stage is None or stage in ENDED):
            assert Act.RESEND not in acts
        if difference.kind in {Kind.MISSING_HERE, Kind.DOUBLED, Kind.NUMBER_DIFFERS}:
            assert acts == (Act.SETTLE, Act.DISMISS)


def test_what_is_suggested_first() -> None:
    def first(
        kind: Kind, ways: CityWays, stage: Stage | None = Stage.PUSHED, ours: str = "", unanswered: bool = False
    ) -> Act:
        return suggest(Difference(kind, ONE, ours, unanswered=unanswered), ways, stage=stage)

    assert first(Kind.MISSING_THERE, IDEMPOTENT) is Act.RESEND
    assert first(Kind.MISSING_THERE, QUERY_FIRST) is Act.RESEND  # the lane asks first
    assert first(Kind.MISSING_THERE, UNSAFE) is Act.SETTLE
    assert first(Kind.MISSING_THERE, IDEMPOTENT, Stage.ACCEPTED) is Act.SETTLE  # the city worked on it and lost it
    assert first(Kind.NOT_SENT, IDEMPOTENT, Stage.SUBMITTED, "held partner.refused") is Act.RESEND
    assert first(Kind.NOT_SENT, IDEMPOTENT, Stage.SUBMITTED, "ready") is Act.NONE
    assert first(Kind.NOT_SENT, UNSAFE, Stage.SUBMITTED, "held partner.ambiguous") is Act.SETTLE
    assert first(Kind.STATE_DIFFERS, QUERY_FIRST) is Act.QUERY
    assert first(Kind.STATE_DIFFERS, IDEMPOTENT) is Act.SETTLE
    assert first(Kind.STATE_DIFFERS, IDEMPOTENT, unanswered=True) is Act.RESEND
    assert first(Kind.STATE_DIFFERS, QUERY_FIRST, unanswered=True) is Act.QUERY
    assert first(Kind.RESULT_MISSING, UNSAFE, Stage.DECIDED) is Act.QUERY
    assert first(Kind.MISSING_HERE, IDEMPOTENT, None) is Act.SETTLE


def test_what_did_not_help_is_not_suggested_again() -> None:
    difference = Difference(Kind.STATE_DIFFERS, ONE)
    assert suggest(difference, QUERY_FIRST, stage=Stage.PUSHED, done=[Act.QUERY]) is Act.SETTLE
