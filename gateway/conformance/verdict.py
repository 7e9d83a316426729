"""规则结论: what one rule came to, and how it is said."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """结论."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """结论. `sent` and `received` name cases by their ids and say nothing of a person."""

    status: Status
    sent: str = ""
    received: str = ""
    reason: str = ""
    untested: bool = False
    """Skipped although it applies: a level that needs the rule is not reached."""


def passed(sent: str, received: str, reason: str = "") -> Verdict:
    """It holds."""
    return Verdict(Status.PASS, sent, received, reason)


def failed(sent: str, received: str, reason: str) -> Verdict:
    """It does not."""
    return Verdict(Status.FAIL, sent, received, reason)


def not_applicable(reason: str) -> Verdict:
    """The profile has nothing that this rule could judge."""
    return Verdict(Status.SKIPPED, reason=reason)


def untested(reason: str) -> Verdict:
    """It applies, and could not be judged."""
    return Verdict(Status.SKIPPED, reason=reason, untested=True)


class Settled(Exception):
    """已有结论: raised where a rule is decided before its end."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
