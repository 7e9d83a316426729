"""判定: what an answer means by its HTTP status and its body; `answers` and `outcomes` of a profile, compiled.

Rules are tried in order. What none of them covers means what it means without a profile: see adapters/faults.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.dialect import Compiler, DialectError, Place
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate, is_false
from adapters.operations import Answers, OutcomeRule

_GOOD = frozenset(range(200, 300))
_MEANINGS = ("accepted", "duplicate", "refused", "later", "absent")


@dataclass(frozen=True, slots=True)
class Verdict:
    """判定结果: accepted, duplicate, refused, later, unknown or absent."""

    meaning: str
    partner_code: str | None = None
    retry_after_s: float | None = None


class Rule(Protocol):
    """判定规则."""

    @property
    def statuses(self) -> frozenset[int]:
        """The HTTP statuses it is about."""
        ...

    @property
    def needs_body(self) -> bool:
        """Whether it looks at the body."""
        ...

    def verdict(self, body: Any) -> Verdict | None:
        """None = another rule may know. Raises Unmappable for a body it cannot read."""
        ...


class _ByCode:
    """`answers`: the code in a 2xx answer says all."""

    statuses = _GOOD
    needs_body = True

    def __init__(self, code: Evaluate, meanings: Mapping[str, str]) -> None:
        self._code = code
        self._verdicts = {code: Verdict(meaning, code[:100]) for code, meaning in meanings.items()}

    def verdict(self, body: Any) -> Verdict | None:
        code = self._code(body)
        if code is None:
            raise Unmappable("the answer has no code", "应答中没有应答码")
        return self._verdicts.get(code if isinstance(code, str) else str(code))


class _ByRule:
    """One entry of `outcomes`."""

    def __init__(self, rule: OutcomeRule, compiler: Compiler, place: Place) -> None:
        self.statuses, self.needs_body = rule.statuses(), rule.when is not None
        self._means = rule.means
        self._when = None if rule.when is None else compiler.expression(rule.when, (*place, "when"))
        self._retry_after = compiler.optional(rule.retry_after, (*place, "retry_after"))

    def verdict(self, body: Any) -> Verdict | None:
        if self._when is not None and is_false(self._when(body)):
            return None
        return Verdict(self._means, retry_after_s=_seconds(self._retry_after(body)))


def _seconds(value: Any) -> float | None:
    """Of a day at most; what is no number of seconds is as if it were not said."""
    if isinstance(value, bool):
        return None
    try:
        wait_s = float(value)
    except (TypeError, ValueError):
        return None
    return wait_s if 0 <= wait_s < 86_400 else None


class Judge:
    """判定者: the rules of one kind of answer, in order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        every = frozenset().union(*(rule.statuses for rule in rules))
        self._by_status = {status: tuple(rule for rule in rules if status in rule.statuses) for status in sorted(every)}

    def rules_for(self, status: int) -> tuple[Rule, ...]:
        """In order; none for a status no rule is about."""
        return self._by_status.get(status, ())


def compiled_judge(
    answers: Answers | None, outcomes: Sequence[OutcomeRule] | None, compiler: Compiler, place: Place
) -> Judge:
    """From whichever of the two a profile gives. Raises DialectError, also for a rule that can never be reached."""
    if answers is not None:
        meanings = {code: kind for kind in _MEANINGS for code in getattr(answers, kind)}
        return Judge([_ByCode(compiler.expression(answers.code, (*place, "answers", "code")), meanings)])
    rules = outcomes or ()
    _check_reachable(rules, (*place, "outcomes"))
    return Judge([_ByRule(rule, compiler, (*place, "outcomes", number)) for number, rule in enumerate(rules)])


def _check_reachable(rules: Sequence[OutcomeRule], place: Place) -> None:
    for number, rule in enumerate(rules):
        before = [other for other in rules[:number] if other.when in (None, rule.when)]
        if rule.statuses() <= frozenset().union(*(other.statuses() for other in before)):
            raise DialectError(
                (*place, number),
                "rules before this one cover it: it is never reached",
                "前面的规则已覆盖，本条永远不会用到",
            )
