"""The kit against every simulator: independent witnesses, so what it takes for right is not just our own reading."""

from pathlib import Path

import pytest

from gateway.conformance.checks import CHECKS
from gateway.conformance.rules import Level
from tests.adapters.cities import SOAP12, UNSAFE
from tests.conformance.kit_runs import RULES, TRIALS, failed, judged_simulator, statuses
from tests.conformance.test_seeded_faults import FAULTS

pytestmark = pytest.mark.slow

GOLD = ("441300", "441500", "441400", "440500", "445100", "445200", "350600")


def test_every_rule_has_a_check_and_every_check_a_rule() -> None:
    assert [rule.id for rule in RULES if rule.id not in CHECKS] == []
    assert set(CHECKS) == {rule.id for rule in RULES}
    assert {rule.level for rule in RULES} == {Level.BRONZE, Level.SILVER, Level.GOLD}


@pytest.mark.parametrize("code", GOLD)
async def test_a_simulator_reaches_gold(code: str, tmp_path: Path) -> None:
    report = await judged_simulator(code, tmp_path)
    assert failed(report) == set()
    assert [one.rule.id for one in report.results if one.verdict.untested] == []
    assert report.level is Level.GOLD
    assert report.passed
    found = statuses(report)
    assert {rule for city, _, rule in FAULTS if city == code and found[rule] != "pass"} <= {"later"}
    assert sum(status == "pass" for status in found.values()) >= 24


@pytest.mark.parametrize(
    ("code", "inapplicable"),
    [(UNSAFE, {"same_once", "absent"}), (SOAP12, {"absent"})],
)
async def test_profiles_of_tests_lack_examples_and_nothing_else(
    code: str, inapplicable: set[str], tmp_path: Path
) -> None:
    """999900 may never be sent a message twice; 999800 takes files in the record."""
    report = await judged_simulator(code, tmp_path)
    found = statuses(report)
    assert failed(report) == {"examples"}
    assert {rule for rule in inapplicable if found[rule] != "skipped"} == set()
    assert report.level is Level.NONE


async def test_a_city_that_says_later_and_means_it(tmp_path: Path) -> None:
    config = {"later_count": 2, "retry_after_s": 0.2}
    report = await judged_simulator("441300", tmp_path, config, only=["accepted", "later"])
    assert statuses(report) == {"accepted": "pass", "later": "pass"}


async def test_what_is_not_said_in_the_profile_is_untested_and_no_level_is_given_for_it(tmp_path: Path) -> None:
    trials = TRIALS.model_copy(update={"refused": None, "asks": None})
    report = await judged_simulator("441500", tmp_path, trials=trials)
    untested = [one.rule.id for one in report.results if one.verdict.untested]
    assert untested == ["refusal", "supplement", "withdrawal"]
    assert failed(report) == set()
    assert report.level is Level.BRONZE
    assert not report.passed
