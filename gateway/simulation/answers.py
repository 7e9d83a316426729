"""写出应答: HTTP status and body that the profile takes for accepted, duplicate, refused, later or absent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.dialect import Compiler
from adapters.expression_functions import Unmappable
from adapters.judging import Judge, compiled_judge
from adapters.operations import Answers, OutcomeRule
from gateway.simulation.solving import Bindings, Solver, Truth, made
from schemas.errors import Invalid

_GOOD = 200


@dataclass(frozen=True, slots=True)
class Written:
    """一个应答."""

    status: int
    body: Any


class AnswerWriter:
    """写应答的人, for the operations that share one description of answers."""

    def __init__(
        self,
        answers: Answers | None,
        outcomes: Sequence[OutcomeRule] | None,
        compiler: Compiler,
        solver: Solver,
    ) -> None:
        self._answers, self._outcomes = answers, outcomes or ()
        self._compiler, self._solver = compiler, solver
        self._judge: Judge = compiled_judge(answers, outcomes, compiler, ("answers",))

    def written(self, meaning: str, said: Mapping[str | None, Any] | None = None) -> Written:
        """An answer with this meaning in which each expression of `said` gives its value; None among them is left out.

        A meaning for which the profile has no words is said as the nearest. Invalid where nothing can be said.
        """
        wanted = [(text, value) for text, value in (said or {}).items() if text is not None]
        for one in (meaning, *_NEAREST.get(meaning, ())):
            for bound in self._with(wanted, {}):
                for status, whole in self._meaning(one, bound):
                    body = made(whole)
                    if self._means(status, body, one) and self._says(body, wanted):
                        return Written(status, body)
        if meaning in _BY_STATUS:
            return Written(_BY_STATUS[meaning], {})
        raise Invalid(
            f"The answer {meaning} cannot be made from this profile's answers and expressions.",
            f"无法由该配置的应答规则和表达式写出“{meaning}”应答。",
        )

    def _meaning(self, meaning: str, known: Bindings) -> Iterator[tuple[int, Bindings]]:
        for code in getattr(self._answers, meaning, ()):
            for value in (code, int(code)) if code.isdecimal() else (code,):
                for bound in self._solver.solutions(self._answers.code if self._answers else "", value, known):
                    yield _GOOD, bound
        for rule in self._outcomes:
            if rule.means == meaning:
                status = _GOOD if _GOOD in rule.statuses() else min(rule.statuses())
                when = [known] if rule.when is None else self._solver.solutions(rule.when, Truth.TRUE, known)
                for one in when:
                    yield status, one

    def _with(self, wanted: Sequence[tuple[str, Any]], bound: Bindings) -> Iterator[Bindings]:
        if not wanted:
            yield bound
            return
        (text, value), *rest = wanted
        for one in self._solver.solutions(text, value, bound):
            yield from self._with(rest, one)

    def _means(self, status: int, body: Any, meaning: str) -> bool:
        try:
            for rule in self._judge.rules_for(status):
                if (verdict := rule.verdict(body)) is not None:
                    return verdict.meaning == meaning
        except Unmappable:
            return False
        return False

    def _says(self, body: Any, wanted: Sequence[tuple[str, Any]]) -> bool:
        try:
            return all(self._compiler.expression(text, ("answers",))(body) == value for text, value in wanted)
        except Unmappable:
            return False


_NEAREST: Mapping[str, tuple[str, ...]] = {"duplicate": ("accepted",)}
_BY_STATUS: Mapping[str, int] = {"later": 503, "refused": 422, "absent": 404}
"""What HTTP itself can say where the profile has no words."""
