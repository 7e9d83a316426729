"""方言: a city's words for ours, compiled once from its profile: objects going out, reports coming in."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate, ExpressionError, Hooks, Tables, compile_expression
from adapters.operations import Code, Meaning, ReportMap
from adapters.trees import conditional, list_of, object_of
from schemas.message import FollowUp, OutboundMessage, ProgressReport, Step
from schemas.model import Model

Place = tuple[str | int, ...]
"""位置 in a profile: the keys that lead there."""
_UNKNOWN = Meaning(step=Step.UNKNOWN)


class DialectError(Exception):
    """方言有误: something at `place` of a profile does not compile."""

    def __init__(self, place: Place, message: str, message_zh: str) -> None:
        super().__init__(message)
        self.place, self.message, self.message_zh = place, message, message_zh


class Dialect(Model):
    """代码表 of a city: ours → theirs. The other direction is derived, or given where two of ours share a code."""

    tables: dict[str, dict[str, Code]] = Field(default_factory=dict)
    reverse: dict[str, dict[Code, str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _reverses_a_table(self) -> Self:
        if extra := sorted(self.reverse.keys() - self.tables.keys()):
            raise ValueError(f"reverse中的{extra}不在tables中 / {extra} in reverse are not in tables")
        return self

    def reversed_tables(self) -> dict[str, Mapping[str, str]]:
        """Theirs → ours, for each table where that is unambiguous."""
        derived: dict[str, Mapping[str, str]] = dict(self.reverse)
        for name, table in self.tables.items():
            if name not in derived and len(set(table.values())) == len(table):
                derived[name] = {theirs: ours for ours, theirs in table.items()}
        return derived


class Compiler:
    """编译器: turns what a profile says into functions; every error names its place."""

    def __init__(self, dialect: Dialect, hooks: Hooks | None = None) -> None:
        self._hooks: Hooks = {} if hooks is None else hooks
        self._tables: Tables = dialect.tables
        self._reverse: Tables = dialect.reversed_tables()

    def expression(self, text: str, place: Place) -> Evaluate:
        """One expression. Raises DialectError."""
        try:
            return compile_expression(text, self._tables, self._reverse, self._hooks)
        except ExpressionError as error:
            raise DialectError(place, error.message, error.message_zh) from None

    def optional(self, text: str | None, place: Place) -> Evaluate:
        """One expression, or always null. Raises DialectError."""
        return (lambda _value: None) if text is None else self.expression(text, place)

    def expressions(self, texts: Mapping[str, str], place: Place) -> dict[str, Evaluate]:
        """Several expressions by name. Raises DialectError."""
        return {name: self.expression(text, (*place, name)) for name, text in texts.items()}

    def tree(self, tree: Any, place: Place) -> Evaluate:
        """A partner's object: a leaf is an expression, {each, object} a list, `name?` is left out when null.

        {when, then} is a part under a condition, with `else` or else null; {each, with, object} gives each element
        values from outside it. Raises DialectError.
        """
        if isinstance(tree, str):
            return self.expression(tree, place)
        if not isinstance(tree, dict):
            raise DialectError(place, "must be an expression or an object", "应为表达式或对象")
        if {"each", "object"} <= tree.keys():
            _check_words(tree, {"each", "object", "with"}, place)
            return self._each(tree, place)
        if {"when", "then"} <= tree.keys():
            _check_words(tree, {"when", "then", "else"}, place)
            other = self.tree(tree["else"], (*place, "else")) if "else" in tree else None
            then = self.tree(tree["then"], (*place, "then"))
            return conditional(self.tree(tree["when"], (*place, "when")), then, other)
        return object_of([(name, self.tree(part, (*place, name))) for name, part in tree.items()])

    def _each(self, tree: Mapping[str, Any], place: Place) -> Evaluate:
        values = self.tree(tree["each"], (*place, "each"))
        outside = tree.get("with", {})
        if not isinstance(outside, dict):
            raise DialectError((*place, "with"), "must be an object of names", "应为名称与表达式的对象")
        given = {name: self.tree(part, (*place, "with", name)) for name, part in outside.items()}
        return list_of(values, self.tree(tree["object"], (*place, "object")), given)


def _check_words(tree: Mapping[str, Any], words: set[str], place: Place) -> None:
    """Beside the words of a list or a condition nothing else may stand: it would silently be lost."""
    if other := sorted(tree.keys() - words):
        first, second = ("each", "object") if "each" in words else ("when", "then")
        place = (*place, other[0])
        raise DialectError(place, f"is no word beside {first} and {second}", f"不能与{first}、{second}并列")


def message_words(message: OutboundMessage) -> dict[str, Any]:
    """报文的词: the message as the dialect sees it: JSON values, and `materials`, one per file or paper.

    A material is {code, name, source, copies, file, uploaded}; `file` is null for a paper or a licence without a
    file, `uploaded` is filled in once a partner has given the file its number.
    """
    words: dict[str, Any] = message.model_dump(mode="json")
    words["materials"] = list(_materials(words, words["application"]["materials"]))
    return words


def follow_up_words(message: FollowUp) -> dict[str, Any]:
    """后续报文的词: a supplement or a withdrawal as the dialect sees it; `materials` as in `message_words`."""
    words: dict[str, Any] = message.model_dump(mode="json")
    words["materials"] = list(_materials(words, words["materials"]))
    return words


def _materials(words: Mapping[str, Any], given: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    listed = {material["material_code"]: material for material in given}
    names, with_files = words.get("material_names", {}), set()
    for outbound in words["files"]:
        code, file = outbound["material_code"], outbound["file"]
        with_files.add(code)
        material = listed.get(code)
        yield {
            "code": code,
            "name": outbound["material_name"] or file["name"],
            "source": material["source"] if material else "uploaded",
            "copies": material["copies"] if material else 1,
            "file": file,
            "uploaded": None,
        }
    for material in given:
        code = material["material_code"]
        if code not in with_files:
            common = {"source": material["source"], "copies": material["copies"]}
            yield {"code": code, "name": names.get(code, code), **common, "file": None, "uploaded": None}


class Reports:
    """进度译者: one ReportMap, compiled. `noted` counts the codes that change nothing."""

    def __init__(self, report_map: ReportMap, compiler: Compiler, place: Place, city: str) -> None:
        self.noted: Counter[str] = Counter()
        self._city, self._steps, self._noted_codes = city, report_map.steps, frozenset(report_map.noted)
        self._code = compiler.expression(report_map.code, (*place, "code"))
        self._identity = compiler.expression(report_map.identity, (*place, "identity"))
        self._application_id = compiler.expression(report_map.application_id, (*place, "application_id"))
        told = report_map.deciding_city
        self._told_city = None if told is None else compiler.expression(told, (*place, "deciding_city"))
        self._occurred_at = compiler.expression(report_map.occurred_at, (*place, "occurred_at"))
        given = {
            "partner_sequence": report_map.sequence,
            "case_number": report_map.case_number,
            "reason": report_map.reason,
            "files": report_map.files,
        }
        self._optional = [
            (name, compiler.expression(text, (*place, name.removeprefix("partner_"))))
            for name, text in given.items()
            if text is not None
        ]

    def read(self, row: Any) -> ProgressReport | None:
        """The report a row means; None for a noted code. Raises Unmappable where the case or the time is unreadable.

        A report that is unreadable in some other part is UNKNOWN: a person looks at it with the partner.
        """
        found = self._code(row)
        code = "" if found is None else str(found)
        if code in self._noted_codes:
            self.noted[code] += 1
            return None
        meaning = self._steps.get(code, _UNKNOWN)
        fields = {
            "report_id": f"{self._identity(row)}:{code}"[:200],
            "application_id": self._application_id(row),
            "deciding_city": self._city if self._told_city is None else self._told_city(row),
            "occurred_at": self._occurred_at(row),
            "partner_code": code[:200] or None,
        }
        try:
            more = {name: value for name, part in self._optional if (value := part(row)) not in (None, "")}
            return ProgressReport.model_validate({**fields, **meaning.model_dump(), **more})
        except (ValidationError, Unmappable):
            pass
        try:
            return ProgressReport.model_validate({**fields, "step": Step.UNKNOWN})
        except ValidationError as error:
            field = str(error.errors()[0]["loc"][0])
            raise Unmappable(f"the report's {field} cannot be read", f"进度的{field}无法识别") from None
