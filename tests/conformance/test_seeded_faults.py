"""Faults of the simulators, each of which must make the kit fail with the right rule named.

That the same simulator passes the rule without the fault is asserted in test_simulators_pass.py.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.kit_runs import ASKS, failed, judged_simulator

pytestmark = pytest.mark.slow

FAULTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("441300", {"fault": "open_door"}, "credentials_refused"),
    ("441300", {"fault": "upload_digest"}, "file_whole"),
    ("441300", {"fault": "double_booking"}, "same_once"),
    ("445100", {"fault": "double_booking"}, "same_once"),
    ("441500", {"fault": "query_forgets"}, "same_once"),
    ("441500", {"fault": "query_lies"}, "absent"),
    ("441300", {"truncated_answers": 999}, "readable"),
    ("441300", {"wrong_charset": 999}, "readable"),
    ("440500", {"wrong_charset": 999}, "readable"),
    ("441300", {"cut_count": 1, "cut_after_booking": True}, "clear_answers"),
    ("441500", {"fail_count": 1, "fail_status": 500}, "clear_answers"),
    ("441300", {"silent": True}, "progress"),
    ("441400", {"silent": True}, "progress"),
    ("441500", {"outcome": "refused"}, "progress"),
    ("441500", {"fault": "same_number"}, "case_number"),
    ("441500", {"fault": "same_number"}, "many_at_once"),
    ("441300", {"outcome": "unknown"}, "known_codes"),
    ("445100", {"outcome": "unknown"}, "known_codes"),
    ("441300", {"fault": "swapped_codes"}, "order"),
    ("441500", {"fault": "swapped_codes", "pace_s": 1.1}, "order"),
    ("440500", {"fault": "swapped_codes", "pace_s": 1.1}, "order"),
    ("441300", {"fault": "foreign_report"}, "own_cases"),
    ("441500", {"fault": "future_times"}, "times"),
    ("441400", {"fault": "future_times"}, "times"),
    ("441300", {"bad_signature": 1}, "callback_signed"),
    ("441300", {"fault": "same_nonce"}, "callback_once"),
    ("441300", {"wrong_digest": True}, "result_file"),
    ("441400", {"wrong_digest": True}, "result_file"),
    ("445100", {"wrong_digest": True}, "result_file"),
    ("441500", {"lose_files": True}, "result_file"),
    ("441300", {"fault": "no_result_file"}, "licence"),
    ("441300", {"by_item": {ASKS: "asks"}}, "refusal"),
    ("441500", {"fault": "changing_reports"}, "stable_reports"),
    ("441500", {"fault": "cursor_skips", "pace_s": 0.7}, "cursor"),
    ("441300", {"later_count": 9, "retry_after_s": 0.2}, "later"),
    ("441300", {"later_count": 1, "retry_after_s": 3000.0}, "later"),
    ("441300", {"fault": "garbled", "outcome": "asks"}, "text_readable"),
    ("441300", {"fault": "ignored_supplement"}, "supplement"),
    ("441300", {"fault": "ignored_withdrawal"}, "withdrawal"),
    ("441300", {"fault": "unlisted"}, "listing"),
)
"""City, settings of its simulator, rule. No rule of theirs depends on how the others came out."""

_WAIT_S = {"order": 8, "cursor": 8}
"""Rules for which something must come before the fault shows; for the others nothing is waited for but silence."""


@pytest.mark.parametrize(("code", "config", "rule"), FAULTS, ids=str)
async def test_a_fault_fails_the_rule_that_is_about_it(
    code: str, config: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    report = await judged_simulator(code, tmp_path, config, only=["accepted", rule], wait_s=_WAIT_S.get(rule, 2))
    assert rule in failed(report), [(one.rule.id, one.verdict) for one in report.results]
    (verdict,) = [one.verdict for one in report.results if one.rule.id == rule]
    assert verdict.reason
    assert "本检查自身" not in verdict.reason
    assert not report.passed
