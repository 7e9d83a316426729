"""Worked examples of supplements, withdrawals and listings: a wrong one is told, a missing one too."""

from typing import Any

import pytest

from adapters.profile import CityProfile, load_profile
from adapters.profile_check import check_examples
from tests.adapters.cities import profile_path

CITIES = ("440500", "441400", "445100")


@pytest.fixture(params=CITIES)
def profile(request: pytest.FixtureRequest) -> CityProfile:
    return load_profile(profile_path(request.param))


def checked(profile: CityProfile, **examples: Any) -> list[str]:
    changed = profile.examples.model_copy(update=examples)
    return check_examples(profile.model_copy(update={"examples": changed}))


def test_what_the_profile_shows_is_right(profile: CityProfile) -> None:
    assert check_examples(profile) == []


def test_what_a_profile_can_do_it_must_show(profile: CityProfile) -> None:
    assert checked(profile, follow_ups=(), listing=()) == [
        "examples.follow_ups: there is no example of kind SUPPLEMENT",
        "examples.follow_ups: there is no example of kind WITHDRAW",
        "examples.listing: there is no example",
    ]
    (supplement, _) = profile.examples.follow_ups
    assert checked(profile, follow_ups=(supplement,)) == ["examples.follow_ups: there is no example of kind WITHDRAW"]


def test_a_wrong_expectation_is_told(profile: CityProfile) -> None:
    supplement, withdrawal = profile.examples.follow_ups
    wrong = withdrawal.model_copy(update={"expect": supplement.expect})
    faults = checked(profile, follow_ups=(supplement, wrong))
    assert faults
    assert all(fault.startswith(f"{withdrawal.name}: ") for fault in faults)
    (row,) = profile.examples.listing
    (fault,) = checked(profile, listing=(row.model_copy(update={"expect": {"step": "RETURNED"}}),))
    assert fault.startswith(f"{row.name}: step: expected 'RETURNED', found ")


def test_a_message_that_is_none_is_told(profile: CityProfile) -> None:
    supplement, withdrawal = profile.examples.follow_ups
    unreasonable = withdrawal.model_copy(update={"message": withdrawal.message | {"reason": None}})
    (fault,) = checked(profile, follow_ups=(supplement, unreasonable))
    assert "撤回须有理由" in fault


def test_a_row_that_cannot_be_read_is_told(profile: CityProfile) -> None:
    (row,) = profile.examples.listing
    assert checked(profile, listing=(row.model_copy(update={"received": {}}),)) == [
        f"{row.name}: the row cannot be read"
    ]


def test_a_message_without_words_is_told() -> None:
    """A kind the city has no code for."""
    profile = load_profile(profile_path("445100"))
    tables = profile.dialect.tables | {"follow_up": {"SUPPLEMENT": "1"}}
    profile = profile.model_copy(update={"dialect": profile.dialect.model_copy(update={"tables": tables})})
    (fault,) = check_examples(profile)
    assert fault.startswith(f"{profile.examples.follow_ups[1].name}: ")


def test_examples_of_what_a_profile_cannot_do() -> None:
    profile = load_profile(profile_path("440500"))
    assert profile.soap is not None
    bare = profile.soap.model_copy(update={"withdraw": None, "listing": None})
    supplement, withdrawal = profile.examples.follow_ups
    (row,) = profile.examples.listing
    assert supplement.message["kind"] == "SUPPLEMENT"
    assert check_examples(profile.model_copy(update={"soap": bare})) == [
        f"{withdrawal.name}: the profile has no such operation",
        f"{row.name}: the profile has no listing",
    ]
