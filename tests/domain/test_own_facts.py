"""What the applicant did here, among what the deciding city reports: our clock and its clock need not agree."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.folding import Fact, fold, in_order, start_of
from gateway.domain.lifecycle import Stage
from schemas.message import Step
from tests.domain.test_folding import START, course

ASKED = (Step.ARRIVED, Step.SUPPLEMENT_ASKED)


def told(*steps: Step, first: int = 1, sequenced: bool = False) -> list[Fact]:
    """Reports as they became known, `recorded` counting from `first`."""
    facts = course(*steps, sequenced=sequenced)
    return [replace(fact, recorded=first + number) for number, fact in enumerate(facts)]


def own(step: Step, *, recorded: int, minutes: int = 0) -> Fact:
    return Fact(f"own-{step}-{recorded}", step, START + timedelta(minutes=minutes), ours=True, recorded=recorded)


@given(st.integers(-600, 600), st.booleans())
def test_a_supplement_stands_where_it_was_given_whatever_the_clocks_say(minutes: int, sequenced: bool) -> None:
    facts = told(*ASKED, sequenced=sequenced)
    later = [replace(one, recorded=4 + n) for n, one in enumerate(course(*ASKED, Step.ACCEPTED, Step.DECIDED)[2:])]
    if not sequenced:
        later = [replace(one, partner_sequence=None) for one in later]
    folded = fold([*facts, own(Step.SUPPLEMENT_GIVEN, recorded=3, minutes=minutes), *later])
    assert (folded.stage, folded.set_aside) == (Stage.DECIDED, ())


def test_a_late_report_from_before_the_supplement_is_led_through_first() -> None:
    arrived, asked = told(*ASKED)
    given_here = own(Step.SUPPLEMENT_GIVEN, recorded=2)
    late = replace(arrived, recorded=3)
    assert [fact.step for fact in in_order([replace(asked, recorded=1), given_here, late])] == [
        Step.ARRIVED,
        Step.SUPPLEMENT_ASKED,
        Step.SUPPLEMENT_GIVEN,
    ]


def test_a_city_that_confirms_the_supplement_is_no_matter_for_a_person() -> None:
    echo = Fact("echo", Step.SUPPLEMENT_GIVEN, START + timedelta(minutes=9), recorded=4)
    facts = [*told(*ASKED), own(Step.SUPPLEMENT_GIVEN, recorded=3), echo]
    assert fold(facts) == fold(facts[:-1])
    alone = fold([*told(*ASKED)[:1], echo])
    assert alone.set_aside == ("echo",)


def test_a_second_supplement_needs_a_second_request() -> None:
    first, second = own(Step.SUPPLEMENT_GIVEN, recorded=3), own(Step.SUPPLEMENT_GIVEN, recorded=5, minutes=5)
    asked_again = Fact("again", Step.SUPPLEMENT_ASKED, START + timedelta(minutes=7), recorded=4)
    folded = fold([*told(*ASKED), first, asked_again, second])
    assert (folded.stage, folded.set_aside) == (Stage.ARRIVED, ())


@pytest.mark.parametrize("step", [Step.ARRIVED, Step.ACCEPTED, Step.SUPPLEMENT_ASKED, Step.WITHDRAWN])
def test_a_city_that_went_on_until_the_withdrawal_reached_it(step: Step) -> None:
    after = Fact("after", step, START + timedelta(minutes=5), recorded=2)
    folded = fold([own(Step.WITHDRAWN, recorded=1), after])
    assert (folded.stage, folded.set_aside) == (Stage.WITHDRAWN, ())


@pytest.mark.parametrize("step", [Step.DECIDED, Step.REJECTED, Step.UNKNOWN])
def test_a_city_that_decided_in_spite_of_the_withdrawal_is_put_before_a_person(step: Step) -> None:
    after = Fact("after", step, START + timedelta(minutes=5), recorded=2)
    folded = fold([own(Step.WITHDRAWN, recorded=1), after])
    assert (folded.stage, folded.set_aside) == (Stage.WITHDRAWN, ("after",))


def test_a_withdrawal_reported_by_the_city_itself_excuses_nothing() -> None:
    withdrawn, after = told(Step.WITHDRAWN, Step.ACCEPTED)
    assert fold([withdrawn, after]).set_aside == (after.report_id,)


def test_our_own_office_may_confirm_the_arrival_once_the_case_is_there() -> None:
    start = start_of("inbound")
    assert fold(told(Step.ARRIVED, Step.ACCEPTED), start=start).set_aside == ()
    late = fold(told(Step.ACCEPTED, Step.ARRIVED), start=start)
    assert (late.stage, len(late.set_aside)) == (Stage.ACCEPTED, 1)
    assert start_of("outbound") is Stage.PUSHED
