"""对账摘要: held to an implementation written from docs/reconciliation.md alone, and to a vector."""

import hashlib
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.days import BEIJING
from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation_digest import (
    LISTED,
    bucket_of,
    comparable,
    compared,
    differing,
    digest,
    numbers_of,
    state_word,
)
from schemas.message import Outcome
from schemas.reconciliation import CaseDigest

DAY = date(2026, 11, 23)
WORDS = ("ARRIVED", "ACCEPTED", "SUPPLEMENT", "DECIDED/GRANTED", "DECIDED/REFUSED", "WITHDRAWN")
NUMBERS = st.uuids(version=4).map(str)
CASES = st.dictionaries(NUMBERS, st.sampled_from(WORDS), max_size=40)


def made(cases: dict[str, str], day: date = DAY) -> CaseDigest:
    return digest("445200", "350600", day, cases.items())


def by_the_paragraph(cases: dict[str, str]) -> tuple[str, list[str]]:
    """docs/reconciliation.md, "The digest", read by somebody who has seen none of our code."""
    sums = []
    lines = "tongban-reconciliation-day-v1\n445200 350600 2026-11-23\n"
    for bucket in "0123456789abcdef":
        mine = sorted(f"{n} {w}\n" for n, w in cases.items() if hashlib.sha256(n.encode()).hexdigest()[0] == bucket)
        text = f"tongban-reconciliation-bucket-v1\n445200 350600 2026-11-23 {bucket}\n" + "".join(mine)
        sums.append(hashlib.sha256(text.encode()).hexdigest())
        lines += f"{bucket} {len(mine)} {sums[-1]}\n"
    return hashlib.sha256(lines.encode()).hexdigest(), sums


@given(CASES)
def test_it_is_what_the_paragraph_says(cases: dict[str, str]) -> None:
    ours = made(cases)
    assert (ours.sha256, [bucket.sha256 for bucket in ours.buckets]) == by_the_paragraph(cases)
    assert ours.count == len(cases)


def test_the_vector_of_the_documents() -> None:
    cases = {
        "0193a000-0000-7000-8000-000000000001": "ARRIVED",
        "0193a000-0000-7000-8000-000000000002": "DECIDED/GRANTED",
    }
    assert made(cases).sha256 == by_the_paragraph(cases)[0]
    assert made(cases).sha256 == "11bac94762d25d9bf6caab14d465a8bdcbbdabb171c4573b68a9e64ebe600ef2"


@given(CASES, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(cases: dict[str, str], random: object) -> None:
    shuffled = list(cases.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest("445200", "350600", DAY, shuffled) == made(cases)


@given(CASES, CASES)
def test_two_sides_differ_exactly_in_the_buckets_of_the_cases_that_differ(
    ours: dict[str, str], theirs: dict[str, str]
) -> None:
    odd = {n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n)}
    assert differing(made(ours), made(theirs)) == {bucket_of(number) for number in odd}
    assert (made(ours).sha256 == made(theirs).sha256) == (ours == theirs)


def test_a_pair_or_a_day_or_a_direction_has_a_digest_of_its_own() -> None:
    one = {"0193a000-0000-7000-8000-000000000001": "ARRIVED"}
    others = {
        digest("445200", "350600", DAY, one.items()).sha256,
        digest("350600", "445200", DAY, one.items()).sha256,
        digest("445200", "350600", DAY + timedelta(days=1), one.items()).sha256,
        digest("445200", "350600", DAY, []).sha256,
    }
    assert len(others) == 4


def test_an_answer_to_another_question_is_noticed() -> None:
    ours, empty = made({"0193a000-0000-7000-8000-000000000001": "ARRIVED"}), made({})
    assert comparable(ours, empty)
    assert not comparable(ours, made({}, DAY - timedelta(days=1)))
    assert not comparable(ours, digest("441300", "350600", DAY, []))
    assert not comparable(ours, empty.model_copy(update={"sha256": ours.sha256}))
    assert not comparable(ours, empty.model_copy(update={"buckets": ours.buckets}))


def test_counts_that_do_not_add_up_are_refused() -> None:
    whole = made({"0193a000-0000-7000-8000-000000000001": "ARRIVED"}).model_dump()
    with pytest.raises(ValidationError, match="总数"):
        CaseDigest.model_validate(whole | {"count": 2})
    with pytest.raises(ValidationError):
        CaseDigest.model_validate(whole | {"buckets": whole["buckets"][:15]})


def number_at(moment: datetime, tail: int = 1) -> str:
    """A UUIDv7 with this time in it."""
    whole = (int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | tail
    return str(UUID(int=whole))


MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2099, 12, 30), timezones=st.just(BEIJING))  # noqa: DTZ001


@given(MOMENTS, st.integers(0, 2**62 - 1))
def test_the_day_of_a_case_is_the_beijing_day_in_its_number(moment: datetime, tail: int) -> None:
    number = number_at(moment, tail)
    first, end = numbers_of(moment.date())
    assert first <= number < end
    before, after = numbers_of(moment.date() - timedelta(days=1)), numbers_of(moment.date() + timedelta(days=1))
    assert not before[0] <= number < before[1]
    assert not after[0] <= number < after[1]


def test_midnight_in_beijing_parts_the_days() -> None:
    midnight = datetime(2026, 11, 24, tzinfo=BEIJING)
    first, end = numbers_of(DAY)
    assert not number_at(midnight) < end
    assert first <= number_at(midnight - timedelta(milliseconds=1), 2**62 - 1) < end


@pytest.mark.parametrize("stage", list(Stage))
def test_a_stage_is_listed_exactly_if_the_deciding_city_has_the_case(stage: Stage) -> None:
    assert (stage in LISTED) == (compared(stage) is not None)
    assert (state_word(stage, None) is None) == (compared(stage) is None)


def test_what_only_one_side_can_know_makes_no_difference() -> None:
    assert state_word(Stage.PUSHED, None) == state_word(Stage.ARRIVED, None) == "ARRIVED"
    assert state_word(Stage.CLOSED, Outcome.GRANTED) == state_word(Stage.DECIDED, Outcome.GRANTED) == "DECIDED/GRANTED"
    assert state_word(Stage.DECIDED, None) == "DECIDED"
    assert state_word(Stage.ACCEPTED, Outcome.GRANTED) == "ACCEPTED"
