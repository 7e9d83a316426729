"""一致性报告: the level that was reached, as one JSON document or as JUnit XML for a partner's CI."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from gateway.conformance.rules import Level, Rule
from gateway.conformance.verdict import Status, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """一条规则和它的结论."""

    rule: Rule
    verdict: Verdict
    seconds: float = 0.0


@dataclass(slots=True)
class Report:
    """一致性报告 of one city; grows while the rules are judged, so that a run that is broken off still has one."""

    city: str
    asked: Level
    whole: bool
    """Whether every rule is to be judged; of a choice no level can be said."""
    results: list[Judged] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """The highest level of which, and below which, no rule failed or stayed untested."""
        reached = Level.NONE
        if not self.whole or not self.results:
            return reached
        for level in list(Level)[1:]:
            if any(_blocks(one.verdict) for one in self.results if one.rule.level is level):
                return reached
            reached = level
        return reached

    @property
    def passed(self) -> bool:
        """Whether the level asked for is reached; of a choice of rules, whether each holds."""
        if self.whole:
            return self.level.rank >= self.asked.rank
        return bool(self.results) and not any(_blocks(one.verdict) for one in self.results)

    def count(self, status: Status) -> int:
        """How many rules came to this."""
        return sum(one.verdict.status is status for one in self.results)

    def as_json(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {
            "city": self.city,
            "level": self.level.value,
            "asked": self.asked.value,
            "passed": self.passed,
            "rules": [_row(one) for one in self.results],
        }

    def as_junit(self) -> bytes:
        """A JUnit XML file: one test case a rule, its level as class name."""
        suite = ElementTree.Element(
            "testsuite",
            name=f"tongban conformance {self.city}",
            tests=str(len(self.results)),
            failures=str(self.count(Status.FAIL)),
            skipped=str(self.count(Status.SKIPPED)),
            errors="0",
            time=f"{sum(one.seconds for one in self.results):.3f}",
        )
        for one in self.results:
            suite.append(_test_case(one))
        ElementTree.indent(suite)
        written = ElementTree.tostring(suite, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}\n'.encode()


def failures(results: Iterable[Judged]) -> list[Judged]:
    """Those that fail, in order."""
    return [one for one in results if one.verdict.status is Status.FAIL]


def _blocks(verdict: Verdict) -> bool:
    return verdict.status is Status.FAIL or verdict.untested


def _row(one: Judged) -> dict[str, Any]:
    rule, verdict = one.rule, one.verdict
    return {
        "id": rule.id,
        "level": rule.level.value,
        "status": verdict.status.value,
        "untested": verdict.untested,
        "sent": verdict.sent,
        "received": verdict.received,
        "reason": verdict.reason,
        "purpose_zh": rule.purpose_zh,
        "purpose": rule.purpose,
        "next_zh": rule.next_zh if verdict.status is Status.FAIL else None,
        "next": rule.next if verdict.status is Status.FAIL else None,
        "seconds": round(one.seconds, 3),
    }


def _test_case(one: Judged) -> ElementTree.Element:
    rule, verdict = one.rule, one.verdict
    case = ElementTree.Element(
        "testcase", classname=f"{rule.level.value}", name=f"{rule.id} {rule.name_zh}", time=f"{one.seconds:.3f}"
    )
    if verdict.status is Status.FAIL:
        failure = ElementTree.SubElement(case, "failure", message=_xml_text(verdict.reason))
        lines = (verdict.sent, verdict.received, rule.purpose_zh, rule.purpose, rule.next_zh, rule.next)
        failure.text = _xml_text("\n".join(lines))
    elif verdict.status is Status.SKIPPED:
        ElementTree.SubElement(case, "skipped", message=_xml_text(verdict.reason))
    return case


def _xml_text(text: str) -> str:
    """Without the control characters that XML has no way to write."""
    return "".join(one for one in text if one >= " " or one in "\n\t")
