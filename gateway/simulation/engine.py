"""模拟业务系统: what a simulated city does with applications, whatever carries them; its books are in memory.

How an application ends is the profile's `conformance`: the item named under `refused` is refused, the one under `asks`
waits for a supplement, every other is granted.
"""

import asyncio
import hashlib
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from adapters.profile import CityProfile
from adapters.trial import Trials
from gateway.simulation.facts import Happened, ResultFile, SimulatedCase
from gateway.simulation.faults import LATE_S, SKEW_S, Faults
from gateway.simulation.reports import ReportWriter
from schemas.message import Outcome, Step

_ASKED = "试办：请补交材料 (please hand in what is missing)"
_UNKNOWN_CODE = "X9"
_RESULT = "模拟结果，不具效力。 Simulated result, of no effect.\n"

Tell = Callable[[str, dict[str, Any], SimulatedCase, Happened], Awaitable[None]]
"""告知: the entry of `reports`, the body, the case, and what happened."""


@dataclass(slots=True)
class Engine:
    """模拟业务系统 of one city. `tell` brings each report on its way; it is set by whatever carries messages."""

    profile: CityProfile
    faults: Faults
    clock: Callable[[], datetime]
    pace_s: float
    tasks: asyncio.TaskGroup
    tell: Tell
    cases: dict[str, SimulatedCase] = field(default_factory=dict)
    results: dict[str, ResultFile] = field(default_factory=dict)
    reference: Callable[[SimulatedCase, str], str] = lambda case, name: f"R{case.case_number}"
    """What a result file is asked for by."""
    writer: ReportWriter = field(init=False)
    trials: Trials = field(init=False)
    _serials: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _given: dict[str, asyncio.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.writer = ReportWriter(self.profile)
        self.trials = self.profile.conformance or Trials()

    def check(self) -> None:
        """Invalid, with the example that would help, for a step that this city has a code for and cannot be told."""
        file = ResultFile("R0.zip!R0", "R0", b"", "0" * 64, "0" * 64)
        has_files = any(one.files for one in self.profile.reports.values())
        for number, step in enumerate((Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.ACCEPTED, Step.DECIDED), 1):
            if self.writer.can(step):
                sample = Happened(_SOMEBODY, "SIM-0", step, self.clock(), number)
                if step is Step.DECIDED:
                    sample = replace(sample, outcome=self.writer.outcome(), file=file if has_files else None)
                self.writer.written(sample)

    def now(self) -> datetime:
        """By the city's own clock, which may be wrong."""
        return self.clock() + timedelta(seconds=SKEW_S if "skewed_clock" in self.faults else 0)

    def refuses(self, words: Mapping[str, Any]) -> bool:
        """Whether the city has no such item."""
        return _is(self.trials.refused, words)

    def known(self, words: Mapping[str, Any]) -> SimulatedCase | None:
        """The case of this application, if it is booked."""
        return self.cases.get(str(words.get("application_id")))

    def book(self, words: Mapping[str, Any]) -> SimulatedCase:
        """A new case; what becomes of it begins at once."""
        serial = 1 if "same_number" in self.faults else next(self._serials)
        number = f"SIM{self.now():%Y%m%d}{secrets.token_hex(2).upper() if serial > 1 else '0000'}{serial:06d}"
        case = SimulatedCase(str(words["application_id"]), words.get("message_id"), number, words, self.clock())
        self.cases[case.application_id] = case
        self._given[case.application_id] = asyncio.Event()
        if "silent" not in self.faults:
            self.tasks.create_task(self._course(case), name=f"case-{case.case_number}")
        return case

    def follow(self, case: SimulatedCase, message_id: str, *, withdrawal: bool) -> str:
        """accepted, duplicate, or refused for a case that has ended."""
        if message_id in case.follow_ups:
            return "duplicate"
        if any(one.step in (Step.DECIDED, Step.REJECTED, Step.WITHDRAWN) for one in case.steps):
            return "refused"
        case.follow_ups.add(message_id)
        case.withdrawn = case.withdrawn or withdrawal
        case.supplemented = True
        if withdrawal or "ignored_supplement" not in self.faults:
            self._given[case.application_id].set()
        if withdrawal:
            self.tasks.create_task(self._happen(case, Step.WITHDRAWN, force=True), name="withdrawal")
        return "accepted"

    async def reject(self, words: Mapping[str, Any]) -> None:
        """不予受理, for a city that reads what was left for it: the refusal is told as progress."""
        case = SimulatedCase(str(words["application_id"]), words.get("message_id"), "-", words, self.clock())
        happened = Happened(case.application_id, None, Step.REJECTED, self.now(), 1, reason="试办：不办理该事项")
        await self._tell(case, happened)

    async def _course(self, case: SimulatedCase) -> None:
        """One case from arrival to its end."""
        asks = _is(self.trials.asks, case.words)
        await self._happen(case, Step.ARRIVED)
        if asks:
            await self._happen(case, Step.SUPPLEMENT_ASKED, reason=_ASKED)
            await self._given[case.application_id].wait()
            await self._happen(case, Step.SUPPLEMENT_GIVEN)
        if "unknown_code" in self.faults:
            await self._happen(case, Step.UNKNOWN, code=_UNKNOWN_CODE)
        steps = [Step.ACCEPTED, Step.DECIDED]
        if "swapped_codes" in self.faults:
            steps.reverse()
        for step in steps:
            await self._happen(case, step)

    async def _happen(
        self,
        case: SimulatedCase,
        step: Step,
        *,
        reason: str | None = None,
        code: str | None = None,
        force: bool = False,
    ) -> None:
        if not self.writer.can(step) and code is None:
            return
        await asyncio.sleep(self.pace_s + (LATE_S if "late" in self.faults else 0))
        if case.withdrawn and not force:
            return
        at = self.now() + timedelta(hours=1 if "future_times" in self.faults else 0)
        number = len(case.steps) + 1
        happened = Happened(case.application_id, case.case_number, step, at, number, reason=reason, code=code)
        if step is Step.DECIDED:
            happened = replace(happened, outcome=self.writer.outcome(), file=self._result(case))
        case.steps.append(happened)
        if "reordered" not in self.faults:
            await self._tell(case, happened)
        elif step in (Step.DECIDED, Step.SUPPLEMENT_ASKED, Step.WITHDRAWN):
            for one in reversed([one for one in case.steps if one.sequence > _told(case)]):
                await self._tell(case, one)

    async def _tell(self, case: SimulatedCase, happened: Happened) -> None:
        via, body = self.writer.written(happened)
        for _ in range(2 if "duplicated" in self.faults else 1):
            await self.tell(via, body, case, happened)
        if "foreign_report" in self.faults and happened.step is Step.ACCEPTED:
            stranger = replace(happened, application_id=_SOMEBODY, case_number="SIM-OTHER")
            await self.tell(*self.writer.written(stranger), case, stranger)

    def _result(self, case: SimulatedCase) -> ResultFile | None:
        """A result file, where the city's reports have a place for one."""
        if not any(one.files for one in self.profile.reports.values()) or self.writer.outcome() is Outcome.REFUSED:
            return None
        name = f"办理结果-{case.case_number[-6:]}.txt"
        content = f"{_RESULT}{case.case_number}\n".encode()
        stated = b"other" if "wrong_digest" in self.faults else content
        sha256, sm3 = hashlib.sha256(stated).hexdigest(), hashlib.new("sm3", stated).hexdigest()
        file = ResultFile(self.reference(case, name), name, content, sha256, sm3)
        if "lost_file" not in self.faults:
            self.results[file.reference] = file
        return file


_SOMEBODY = "00000000-0000-4000-8000-000000000001"


def _is(trial: Any, words: Mapping[str, Any]) -> bool:
    """Whether an application is the trial's: by its item, as far as both say it."""
    if trial is None:
        return False
    said = {"task_code": words.get("task_code"), "item_code": words.get("application", {}).get("item_code")}
    compared = [name for name in said if said[name] is not None and getattr(trial, name) is not None]
    return bool(compared) and all(said[name] == getattr(trial, name) for name in compared)


def _told(case: SimulatedCase) -> int:
    """With reordering: up to which step everything was told before."""
    before = [one.sequence for one in case.steps[:-1] if one.step is Step.SUPPLEMENT_ASKED]
    return max(before, default=0)
