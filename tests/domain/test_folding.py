"""The state of a case follows from what was reported, not from the order in which it came."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.folding import Fact, fold
from gateway.domain.lifecycle import ENDED, TERMINAL, TRANSITIONS, Stage, allowed, table_markdown
from schemas.message import Outcome, Step

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def course(*steps: Step, sequenced: bool = True) -> list[Fact]:
    return [
        Fact(
            report_id=f"r{number}",
            step=step,
            occurred_at=START + timedelta(minutes=number),
            partner_sequence=number if sequenced else None,
            outcome=Outcome.GRANTED if step is Step.DECIDED else None,
            case_number="N1",
        )
        for number, step in enumerate(steps, 1)
    ]


USUAL = (Step.ARRIVED, Step.ACCEPTED, Step.DECIDED)
WITH_SUPPLEMENT = (Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.SUPPLEMENT_GIVEN, Step.ACCEPTED, Step.DECIDED)
SPECIAL = (Step.ARRIVED, Step.ACCEPTED, Step.SPECIAL_STARTED, Step.SPECIAL_ENDED, Step.DECIDED, Step.DELIVERED)


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        ((), Stage.PUSHED),
        (USUAL, Stage.DECIDED),
        (WITH_SUPPLEMENT, Stage.DECIDED),
        (SPECIAL, Stage.CLOSED),
        ((Step.ACCEPTED, Step.DECIDED), Stage.DECIDED),
        ((Step.ARRIVED, Step.REJECTED), Stage.REJECTED),
        ((Step.ARRIVED, Step.RETURNED), Stage.RETURNED),
        ((Step.ARRIVED, Step.FORWARDED, Step.ARRIVED, Step.ACCEPTED), Stage.ACCEPTED),
        ((Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.DECIDED), Stage.DECIDED),
        ((Step.ARRIVED, Step.WITHDRAWN), Stage.WITHDRAWN),
    ],
)
def test_a_course_ends_where_the_table_says(steps: Sequence[Step], stage: Stage) -> None:
    folded = fold(course(*steps))
    assert folded.stage is stage
    assert folded.set_aside == ()


@given(st.sampled_from([USUAL, WITH_SUPPLEMENT, SPECIAL]), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(steps: Sequence[Step], sequenced: bool, random: object) -> None:
    facts = course(*steps, sequenced=sequenced)
    shuffled = list(facts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(shuffled) == fold(facts)


@given(st.sampled_from([USUAL, WITH_SUPPLEMENT, SPECIAL]), st.data())
def test_a_missing_step_is_a_review_until_it_comes(steps: Sequence[Step], data: st.DataObject) -> None:
    facts = course(*steps)
    held_back = data.draw(st.sampled_from(facts))
    early = fold([fact for fact in facts if fact is not held_back])
    late = fold(facts)
    assert late.set_aside == ()
    assert set(early.set_aside) <= {fact.report_id for fact in facts}
    assert fold(facts).stage is late.stage


@given(st.lists(st.sampled_from(list(Step)), max_size=12), st.booleans())
def test_any_reports_fold_and_nothing_is_dropped(steps: list[Step], sequenced: bool) -> None:
    facts = course(*steps, sequenced=sequenced)
    folded = fold(facts)
    taken = [fact for fact in facts if fact.report_id not in folded.set_aside]
    stage = Stage.PUSHED
    for fact in taken:
        stage = TRANSITIONS[(stage, fact.step)]
    assert stage is folded.stage


def test_decided_before_accepted_waits_for_a_person_and_is_mended_by_the_late_report() -> None:
    arrived, accepted, decided = course(*USUAL)
    early = fold([arrived, decided])
    assert early.stage is Stage.ARRIVED
    assert early.set_aside == (decided.report_id,)
    late = fold([arrived, decided, accepted])
    assert late.stage is Stage.DECIDED
    assert late.outcome is Outcome.GRANTED
    assert late.set_aside == ()


def test_the_same_fact_under_two_ids_counts_once() -> None:
    facts = course(*USUAL)
    again = [Fact(f"x{fact.report_id}", fact.step, fact.occurred_at, None) for fact in facts]
    assert fold([*facts, *again]).set_aside == ()


def test_steps_within_one_second_follow_the_usual_course() -> None:
    facts = [Fact(f"r{step}", step, START) for step in (Step.DECIDED, Step.ACCEPTED, Step.ARRIVED)]
    assert fold(facts).stage is Stage.DECIDED


def test_an_unknown_code_is_set_aside_and_spoils_nothing() -> None:
    facts = [*course(*USUAL), Fact("odd", Step.UNKNOWN, START + timedelta(seconds=90), 99)]
    folded = fold(facts)
    assert folded.stage is Stage.DECIDED
    assert folded.set_aside == ("odd",)
    assert folded.case_number == "N1"


def test_terminal_states_have_no_next_step_and_the_table_prints_every_transition() -> None:
    assert {stage for stage in Stage if not allowed(stage)} == TERMINAL
    assert Stage.DECIDED in ENDED
    assert len(table_markdown().splitlines()) == len(TRANSITIONS) + 2
