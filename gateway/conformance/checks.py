"""规则与判定: which function judges which rule of seeds/conformance.yaml."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from gateway.conformance import (
    judging_access,
    judging_follow_ups,
    judging_load,
    judging_messages,
    judging_progress,
    judging_results,
)
from gateway.conformance.run import Run
from gateway.conformance.verdict import Verdict

Check = Callable[[Run], Awaitable[Verdict]]

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            judging_access.examples,
            judging_access.reachable,
            judging_access.credentials,
            judging_access.readable,
            judging_access.credentials_refused,
            judging_messages.accepted,
            judging_messages.file_whole,
            judging_messages.same_once,
            judging_messages.absent,
            judging_messages.clear_answers,
            judging_messages.refusal,
            judging_messages.rare_characters,
            judging_messages.later,
            judging_progress.progress,
            judging_progress.case_number,
            judging_progress.known_codes,
            judging_progress.order,
            judging_progress.own_cases,
            judging_progress.times,
            judging_progress.text_readable,
            judging_progress.stable_reports,
            judging_progress.cursor,
            judging_results.result_file,
            judging_results.licence,
            judging_results.callback_signed,
            judging_results.callback_once,
            judging_follow_ups.supplement,
            judging_follow_ups.withdrawal,
            judging_follow_ups.listing,
            judging_load.large_file,
            judging_load.many_at_once,
            judging_load.cut_transfer,
        )
    }
)
"""A rule's id is the name of its function."""
