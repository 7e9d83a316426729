"""The kit against a running city, in this process: its rules, its report."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from adapters.contract import AdapterContext
from adapters.profile import CityProfile
from adapters.trial import Trial, Trials
from gateway.conformance.kit import Options, judge
from gateway.conformance.report import Report
from gateway.conformance.rules import Level, load_rules
from tests.adapters.cities import ROOT, simulated_city

RULES = load_rules(ROOT / "seeds")
REFUSED = "12441300DEMY00023B3002017900008"
ASKS = "12441300DEMY00023B3002017900005"
BY_ITEM = {REFUSED: "refuse", ASKS: "asks"}
TRIALS = Trials(refused=Trial(task_code=REFUSED), asks=Trial(task_code=ASKS), within_s=20)
ORDINARY = Trial(item_code="002017900002", task_code="12441500DEMY0005883002017900002")
"""For profiles of tests that have no examples."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def judged(
    profile: CityProfile,
    context: AdapterContext,
    port: int,
    only: Sequence[str] | None = None,
    wait_s: float | None = None,
) -> Report:
    """What the kit says of a city, which calls back to `port` if it does."""
    rules = [rule for rule in RULES if only is None or rule.id in only]
    report = Report(profile.code, Level.GOLD, whole=only is None)
    await judge(profile, context, rules, report, Options(wait_s=wait_s, port=port))
    return report


async def judged_simulator(
    code: str,
    tmp_path: Path,
    config: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
    wait_s: float | None = None,
    trials: Trials = TRIALS,
) -> Report:
    """The same of a simulator of tests/simulators, with these faults."""
    port = free_port()
    async with AsyncExitStack() as stack:
        city = await stack.enter_async_context(
            simulated_city(
                code,
                tmp_path,
                callback_url=f"http://127.0.0.1:{port}",
                config={"pace_s": 0.05, "by_item": BY_ITEM, **(config or {})},
                settings={"timeout_s": "30", "settle_s": "1"},
            )
        )
        ordinary = trials.model_copy(update={"ordinary": ORDINARY}) if not city.profile.examples.submit else trials
        profile = city.profile.model_copy(update={"conformance": ordinary})
        return await judged(profile, city.context, port, only, wait_s)


def statuses(report: Report) -> dict[str, str]:
    return {one.rule.id: one.verdict.status.value for one in report.results}


def failed(report: Report) -> set[str]:
    return {rule for rule, status in statuses(report).items() if status == "fail"}
