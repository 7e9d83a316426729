"""方言编译: a dialect becomes functions, once; whatever is wrong with it is said with its place."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.dialect import Compiler, Dialect, DialectError, Place
from adapters.normalization.applicability import APPLICABILITY, EXCHANGE
from adapters.normalization.dialect_checks import check_bijections, check_field, check_table, severities
from adapters.normalization.getters import Getter, getter
from adapters.normalization.item_dialect import CodeMeaning, CodeTable, FieldSpec, ItemDialect
from adapters.normalization.moments import date_converter, moment_converter
from adapters.normalization.parts import Lists, Part, Step
from adapters.normalization.source_use import SourceMap
from adapters.normalization.targets import BITS, GROUPS, ITEM, TARGETS, Kind, Target
from adapters.normalization.values import (
    Convert,
    answered,
    boolean_converter,
    code_converter,
    code_table,
    integer_converter,
    many_converter,
    pattern_converter,
    text_converter,
    unit_converter,
    verbatim,
)
from schemas.finding import Severity
from schemas.identifiers import TaskCodeShape

_NOWHERE = Getter("", None, lambda _record: None, ())
_UNIT = ".unit"


@dataclass(frozen=True, slots=True)
class CompiledDialect:
    """编译好的方言."""

    dialect: ItemDialect
    city: str | None
    root: Part
    source_map: SourceMap
    severities: Mapping[str, Severity | None]
    """Consistency rules whose weight the dialect changes; None = off."""
    unconfirmed: tuple[str, ...]
    """Places of the dialect that are still guesses: `fields.served`, `codes.project_type.1`."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Target → what the dialect reads it from, for findings."""
    derived: frozenset[str] = frozenset()
    """Our fields that no part of a record fills: constants and defaults alone."""
    shape: TaskCodeShape | None = None
    """编码长度 of the city's codes; None = any."""

    def theirs(self, table: str, ours: str) -> str:
        """The city's code for our word, by a table that leads back without doubt. KeyError where it does not."""
        back = [code for code, one in self.dialect.codes[table].items() if one is not None and _to(one) == ours]
        if len(back) != 1:
            raise KeyError(ours)
        return back[0]


def _to(one: str | CodeMeaning) -> str | None:
    return one.to if isinstance(one, CodeMeaning) else one


def compile_dialect(
    dialect: ItemDialect, *, city: str | None = None, shape: TaskCodeShape | None = None, place: Place = ()
) -> CompiledDialect:
    """Everything the dialect says, as functions. `city`: whose catalogue it is, where the records do not say.

    `shape`: how long that city's codes are. Raises DialectError, whose place starts with `place`, for the first fault.
    """
    return _DialectCompiler(dialect, city, shape, place).compile()


class _DialectCompiler:
    def __init__(self, dialect: ItemDialect, city: str | None, shape: TaskCodeShape | None, place: Place) -> None:
        self._dialect, self._city, self._shape, self._place = dialect, city, shape, place
        self._expressions = Compiler(Dialect())
        self._none_words = frozenset(dialect.none_words)
        self._fields = {name: spec for name, spec in dialect.fields.items() if spec is not None}
        if city is not None and "city" not in self._fields:
            self._fields["city"] = FieldSpec(constant=city)
        self._getters: dict[str, Getter] = {}

    def compile(self) -> CompiledDialect:
        for name, spec in self._fields.items():
            check_field(name, spec, self._fields, self._at(name))
        check_bijections(self._dialect, self._place)
        root = self._part(ITEM)
        return CompiledDialect(
            dialect=self._dialect,
            city=self._city,
            root=root,
            source_map=self._source_map(),
            severities=severities(self._dialect, self._place),
            unconfirmed=tuple(self._unconfirmed()),
            texts={name: found.text for name, found in self._getters.items()},
            derived=self._derived(),
            shape=self._shape,
        )

    def _at(self, name: str, *rest: str) -> Place:
        return (*self._place, "fields", name, *rest)

    def _unconfirmed(self) -> Iterator[str]:
        yield from (f"fields.{name}" for name, spec in self._fields.items() if not spec.confirmed)
        for name, table in self._dialect.codes.items():
            yield from (f"codes.{name}.{code}" for code, one in table.items() if one is None)

    def _derived(self) -> frozenset[str]:
        names = {name: spec.source is not None for name, spec in self._fields.items()}
        tops = {name.partition(".")[0].removesuffix("[]") for name in names}
        read = {name.partition(".")[0].removesuffix("[]") for name, from_source in names.items() if from_source}
        return frozenset(tops - read)

    # --- parts

    def _part(self, group: str) -> Part:
        targets = [target for target in GROUPS[group] if target.path in self._fields]
        steps = tuple(self._step(target) for target in targets if target.kind is not Kind.LIST)
        lists = tuple(self._list(target) for target in targets if target.kind is Kind.LIST)
        here = {target.path for target in GROUPS[group]}
        return Part(
            group=group,
            whole=self._whole(group),
            steps=steps,
            lists=lists,
            applicable={path: rule for path, rule in APPLICABILITY.items() if path in here},
            limits=self._limits(group),
        )

    def _whole(self, group: str) -> int:
        exchanged = any(name.startswith(EXCHANGE) for name in self._fields)
        counted = [
            target for target in GROUPS[group] if target.counted and (exchanged or not target.path.startswith(EXCHANGE))
        ]
        return sum(BITS[target.path] for target in counted)

    def _limits(self, group: str) -> tuple[tuple[str, int], ...]:
        units = [target for target in GROUPS[group] if target.path.endswith(_UNIT)]
        return tuple((target.inside[0], BITS[target.path]) for target in units)

    def _getter(self, target: Target, text: str) -> Getter:
        found = getter(text, self._expressions, self._at(target.path, "from"))
        self._getters[target.path] = found
        return found

    def _list(self, target: Target) -> Lists:
        spec = self._fields[target.path]
        found = self._getter(target, str(spec.source))
        divider = re.compile(f"[{re.escape(spec.split)}]") if spec.split else None
        split: Callable[[str], list[str]] | None = None
        if divider is not None:
            divide = divider.split

            def split(text: str) -> list[str]:
                return [part.strip() for part in divide(text) if part.strip()]

        return Lists(
            target, BITS[target.path], found.get, found.text, split, self._none_words, self._part(target.inside[0])
        )

    def _step(self, target: Target) -> Step:
        spec = self._fields[target.path]
        found = _NOWHERE if spec.source is None else self._getter(target, spec.source)
        when = None
        if spec.when is not None:
            when = getter(spec.when, self._expressions, self._at(target.path, "when")).get
        return Step(
            target=target,
            bit=BITS[target.path] if spec.source is not None else 0,
            key=found.key,
            get=found.get,
            text=found.text,
            convert=self._convert(target, spec),
            when=when,
            constant=self._alone(target, spec.constant),
            default=self._alone(target, spec.default),
            serial=spec.serial,
            falls_back=any(one is not None for one in (spec.constant, spec.default, spec.serial)),
        )

    # --- converters

    def _table(self, target: Target, spec: FieldSpec) -> CodeTable | None:
        if spec.codes is None:
            return None
        table = self._dialect.codes.get(spec.codes)
        here = self._at(target.path, "codes")
        if table is None:
            raise DialectError(here, f"there is no table {spec.codes}", f"没有名为{spec.codes}的代码表")
        check_table(target, table, here)
        return table

    def _alone(self, target: Target, value: Any) -> Any:
        """A constant or default as the model takes it."""
        return (value,) if target.many and value is not None else value

    def _convert(self, target: Target, spec: FieldSpec) -> Convert:
        convert = self._one(target, spec)
        if spec.pattern is not None:
            convert = pattern_converter(convert, self._pattern(target, spec.pattern))
        if target.many:
            return many_converter(convert, split=spec.split, none_words=self._none_words)
        if target.kind in (Kind.INTEGER, Kind.DATE, Kind.MOMENT) or target.path.endswith(_UNIT):
            return answered(convert, self._none_words)
        return convert

    def _pattern(self, target: Target, text: str) -> re.Pattern[str]:
        here = self._at(target.path, "pattern")
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise DialectError(here, f"is no regular expression: {error}", "不是有效的正则表达式") from None
        if pattern.groups < 1:
            raise DialectError(here, "needs a group that finds the value", "缺少取值的分组")
        return pattern

    def _one(self, target: Target, spec: FieldSpec) -> Convert:
        table = self._table(target, spec)
        if target.kind is Kind.CODE or (table is not None and target.kind is Kind.TEXT):
            meanings = code_table(target.codes, table)
            return unit_converter(meanings) if target.path.endswith(_UNIT) else code_converter(meanings)
        if target.kind is Kind.TEXT:
            one_line = target.one_line or target.max_length is None
            return text_converter(one_line=one_line, max_length=target.max_length, clean=spec.clean, cut=spec.cut)
        by_kind: dict[Kind, Convert] = {
            Kind.BOOLEAN: boolean_converter(table),
            Kind.INTEGER: integer_converter(table, spec.times),
            Kind.DATE: date_converter(spec.dates),
            Kind.MOMENT: moment_converter(spec.dates),
            Kind.WHOLE: verbatim,
        }
        return by_kind[target.kind]

    # --- what of the source is read

    def _source_map(self) -> SourceMap:
        used = {path for name, found in self._getters.items() for path in self._paths(TARGETS[name], found)}
        for name, spec in self._fields.items():
            if spec.when is not None:
                found = getter(spec.when, self._expressions, self._at(name, "when"))
                used.update(self._paths(TARGETS[name], found))
        if both := sorted(used & self._dialect.ignored.keys()):
            here = (*self._place, "ignored", both[0])
            raise DialectError(here, "is read by a field and ignored as well", "既被使用又被忽略")
        return SourceMap(frozenset(used), dict(self._dialect.ignored))

    def _paths(self, target: Target, found: Getter) -> Iterator[str]:
        """Paths from the record itself; what an expression has taken apart is used whole."""
        if not target.group:
            yield from found.reads
            return
        listed = self._getters[f"{target.group}[]"]
        if listed.text == "@":
            yield from found.reads
        for above in listed.reads:
            if not above.endswith(".*"):
                yield from (f"{above}[].{path}" for path in found.reads)
