"""写出进度: what happened, as the body or row that the profile reads back as exactly that.

The body is solved from the profile's expressions, over an example of the profile with the same code where there is one.
What does not read back is refused, with the example that would help.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from adapters.dialect import Reports
from adapters.expression_functions import CHINA, Unmappable
from adapters.operations import Meaning, ReportMap
from adapters.profile import CityProfile
from gateway.simulation.facts import Happened
from gateway.simulation.solving import Bindings, Solver, found_at, made, paths_in
from schemas.errors import Invalid
from schemas.message import Outcome, ProgressReport, Step

_LAST_RESORT = (Outcome.GRANTED, Outcome.COMPLETED, Outcome.REFUSED)


def solver_of(profile: CityProfile) -> Solver:
    """A solver with the profile's code tables."""
    return Solver(profile.dialect.tables, profile.dialect.reversed_tables())


class ReportWriter:
    """写进度的人: one profile's reports, the other way round."""

    def __init__(self, profile: CityProfile) -> None:
        self._profile, self._solver = profile, solver_of(profile)
        compiler = profile.compiler()
        self._readers: Mapping[str, Reports] = profile.compiled_reports(compiler)
        self._codes = {
            name: compiler.expression(one.code, ("reports", name, "code")) for name, one in profile.reports.items()
        }

    def can(self, step: Step) -> bool:
        """Whether the city has a code for a step."""
        return any(meaning.step is step for one in self._profile.reports.values() for meaning in one.steps.values())

    def outcome(self) -> Outcome | None:
        """The outcome that a favourable decision of this city has."""
        known = {meaning.outcome for _, _, meaning in self._meanings(Step.DECIDED)}
        return next((one for one in _LAST_RESORT if one in known), None)

    def gives_licence(self) -> bool | None:
        """Whether a favourable decision is announced as a licence."""
        found = [meaning for _, _, meaning in self._meanings(Step.DECIDED) if meaning.outcome is self.outcome()]
        return found[0].licence_issued if found else None

    def written(self, happened: Happened) -> tuple[str, dict[str, Any]]:
        """The entry of `reports` that reads it, and the body. Invalid where the profile does not say enough."""
        places = list(self._places(happened))
        for via, code, meaning in places:
            for body in self._bodies(via, code, happened):
                if self._reads_back(via, body, happened, meaning):
                    return via, body
        code = places[0][1] if places else happened.code or happened.step.value
        via = places[0][0] if places else next(iter(self._profile.reports), "-")
        raise Invalid(
            f"{happened.step} cannot be written from this profile: add an example to examples.reports via {via} with "
            f"the code {code}.",
            f"无法由该配置写出{happened.step}：请在examples.reports中补一个via为{via}、代码为{code}的样例。",
        )

    def _meanings(self, step: Step) -> Iterator[tuple[str, str, Meaning]]:
        for via, one in self._profile.reports.items():
            for code, meaning in one.steps.items():
                if meaning.step is step:
                    yield via, code, meaning

    def _places(self, happened: Happened) -> Iterator[tuple[str, str, Meaning]]:
        if happened.code is not None:
            usual = [via for via, _, _ in self._meanings(Step.ACCEPTED)]
            for via in dict.fromkeys([*usual, *self._profile.reports]):
                yield via, happened.code, Meaning(step=Step.UNKNOWN)
            return
        for via, code, meaning in self._meanings(happened.step):
            if meaning.outcome is happened.outcome:
                yield via, code, meaning

    def _bodies(self, via: str, code: str, happened: Happened) -> Iterator[dict[str, Any]]:
        report_map = self._profile.reports[via]
        examples = [one for one in self._profile.examples.reports if one.via == via]
        same = [one.received for one in examples if self._code(via, one.received) == code]
        for base in (*same, {}, *(one.received for one in examples)):
            for bound in self._solved(report_map, code, happened):
                yield made(self._with_identity(report_map, bound, base, happened), base)

    def _code(self, via: str, body: Mapping[str, Any]) -> str | None:
        try:
            found = self._codes[via](body)
        except Unmappable:
            return None
        return None if found is None else str(found)

    def _solved(self, report_map: ReportMap, code: str, happened: Happened) -> Iterator[Bindings]:
        files = [] if happened.file is None else [happened.file.told()]
        wanted: list[tuple[str | None, list[Any]]] = [
            (report_map.code, [code, int(code)] if code.isdecimal() else [code]),
            (report_map.application_id, [happened.application_id]),
            (report_map.occurred_at, _times(happened.at)),
            (report_map.sequence, [happened.sequence, str(happened.sequence)]),
            (report_map.case_number, [happened.case_number]),
            (report_map.files, [files, None] if not files else [files, *_shorter(files)]),
            (report_map.reason, [happened.reason]),
        ]
        yield from self._through([(text, values) for text, values in wanted if text is not None], {})

    def _through(self, wanted: list[tuple[str, list[Any]]], bound: Bindings) -> Iterator[Bindings]:
        if not wanted:
            yield bound
            return
        (text, values), *rest = wanted
        for value in values:
            for one in self._solver.solutions(text, value, bound):
                yield from self._through(rest, one)

    def _with_identity(self, report_map: ReportMap, bound: Bindings, base: Any, happened: Happened) -> Bindings:
        """Parts of the identity that nothing else has given: they must differ from report to report."""
        number = int(happened.application_id[-6:], 16) * 1000 + happened.sequence
        given = dict(bound)
        for path in paths_in(report_map.identity):
            if path not in given:
                given[path] = number if isinstance(found_at(base, path), int) else str(number)
        return given

    def _reads_back(self, via: str, body: dict[str, Any], happened: Happened, meaning: Meaning) -> bool:
        try:
            report = self._readers[via].read(body)
        except Unmappable:
            return False
        return report is not None and _says(report, happened, meaning)


def _says(report: ProgressReport, happened: Happened, meaning: Meaning) -> bool:
    """Whether the report is what happened; a time may lose its fraction of a second, a city has no word for all."""
    right = (
        report.step is meaning.step
        and report.outcome is meaning.outcome
        and str(report.application_id) == happened.application_id
        and abs((report.occurred_at - happened.at).total_seconds()) < 1
    )
    number = report.case_number in (None, happened.case_number)
    file = happened.file is None or [one.reference for one in report.files] in ([], [happened.file.reference])
    return right and number and file and (happened.file is not None or not report.files)


def _times(at: datetime) -> list[Any]:
    """A time as the profile's expression may give it: with either offset, whole seconds or not."""
    local, whole = at.astimezone(CHINA), at.astimezone(CHINA).replace(microsecond=0)
    return [at.isoformat(), local.isoformat(), whole.isoformat(), at.replace(microsecond=0).isoformat()]


def _shorter(files: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The same with parts a profile may not read."""
    return [[{name: value for name, value in one.items() if name != absent} for one in files] for absent in ("sm3",)]
