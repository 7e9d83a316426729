"""检查清单: checks in the order in which they are made, and the verdict that follows from them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.verification import Check, CheckStatus, Evidence, Indication, SubIndication

Fact = str | int | bool | list[str] | None
_LONGEST = 500
"""Characters of a sentence: some name a part, and names in a file have no bounds."""


@dataclass(slots=True)
class Ledger:
    """Collects checks; `signature` is the index of the signature they belong to, None for the document."""

    signature: int | None = None
    checks: list[Check] = field(default_factory=list)
    dialects: list[str] = field(default_factory=list)

    def passed(self, name: str, message_zh: str, *, step: int | None = None, **evidence: Fact) -> None:
        """Note that it holds."""
        self._add(name, step, CheckStatus.PASS, None, message_zh, dict(evidence))

    def failed(
        self, name: str, sub: SubIndication, message_zh: str, *, step: int | None = None, **evidence: Fact
    ) -> None:
        """Note that it is proved wrong: the document fails."""
        self._add(name, step, CheckStatus.FAIL, sub, message_zh, dict(evidence))

    def unsure(
        self, name: str, sub: SubIndication, message_zh: str, *, step: int | None = None, **evidence: Fact
    ) -> None:
        """Note that it cannot be decided: the document does not pass."""
        self._add(name, step, CheckStatus.INDETERMINATE, sub, message_zh, dict(evidence))

    def skipped(self, name: str, message_zh: str, *, step: int | None = None, **evidence: Fact) -> None:
        """Note that it was not made, and why."""
        self._add(name, step, CheckStatus.SKIPPED, None, message_zh, dict(evidence))

    def dialect(self, name: str) -> None:
        """Note a departure from the standard that is accepted."""
        if name not in self.dialects:
            self.dialects.append(name)

    def _add(
        self,
        name: str,
        step: int | None,
        status: CheckStatus,
        sub: SubIndication | None,
        message_zh: str,
        evidence: Evidence,
    ) -> None:
        # not validated again: every value is of our own making, and a report has dozens
        self.checks.append(
            Check.model_construct(
                name=name,
                step=step,
                status=status,
                sub_indication=sub,
                evidence=evidence,
                message_zh=message_zh[:_LONGEST],
                signature=self.signature,
            )
        )

    @property
    def has_failed(self) -> bool:
        """Whether something is proved wrong already."""
        return any(check.status is CheckStatus.FAIL for check in self.checks)


_WORDS = {
    Indication.TOTAL_PASSED: "核验通过，可以使用。",
    Indication.INDETERMINATE: "暂无法确认真伪，请勿直接采信：",
    Indication.TOTAL_FAILED: "核验不通过，不得采信：",
}


def verdict(checks: Iterable[Check]) -> tuple[Indication, SubIndication | None]:
    """The first failure decides, else the first doubt, else it passes; no checks that hold prove nothing."""
    made = list(checks)
    for status, indication in (
        (CheckStatus.FAIL, Indication.TOTAL_FAILED),
        (CheckStatus.INDETERMINATE, Indication.INDETERMINATE),
    ):
        for check in made:
            if check.status is status:
                return indication, check.sub_indication
    if not any(check.status is CheckStatus.PASS for check in made):
        return Indication.INDETERMINATE, SubIndication.NO_SIGNATURE
    return Indication.TOTAL_PASSED, None


def sentence_zh(indication: Indication, checks: Iterable[Check]) -> str:
    """One sentence for the clerk: the verdict and the first thing that led to it."""
    if indication is Indication.TOTAL_PASSED:
        return _WORDS[indication]
    wanted = CheckStatus.FAIL if indication is Indication.TOTAL_FAILED else CheckStatus.INDETERMINATE
    reasons = [check.message_zh for check in checks if check.status is wanted]
    return _WORDS[indication] + (reasons[0] if reasons else "没有可核验的签名。")
