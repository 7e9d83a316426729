"""归一化的部件: compiled field mappings, run over a record. The hot loop of the whole catalogue is here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate, is_false
from adapters.normalization.applicability import DECISIVE
from adapters.normalization.targets import BITS, ITEM, Target
from adapters.normalization.values import NONE, Convert, Notes, Trouble, shown
from schemas.finding import Finding, Severity

_REMEMBERED, _SHORT = 2048, 64
_EMPTY: dict[str, Any] = {}
Applicable = Mapping[str, Callable[[Mapping[str, Any]], bool]]
"""Target → whether it can apply, seen from the values of its group."""


@dataclass(slots=True)
class Run:
    """一次归一化: what has been noticed about one record so far."""

    place: str
    findings: list[Finding] = field(default_factory=list)
    masks: list[tuple[str, int, int]] = field(default_factory=list)
    """Group, filled and answered, applicable: one entry for each record of a group."""
    troubled: set[str] = field(default_factory=set)
    """Our fields that an error was found about, list places included."""
    skipped: dict[str, list[int]] = field(default_factory=dict)
    """List of ours → places in the source, from 1, of elements that gave none of ours."""

    def find(self, severity: Severity, rule: str, where: tuple[str, str], value: object, message_zh: str) -> None:
        """Write down a finding; `where` is the source path and our field."""
        source, ours = where
        path = "/".join(part for part in (self.place, source) if part)
        if severity is Severity.ERROR:
            self.troubled.add(ours)
        self.findings.append(
            Finding(
                severity=severity,
                rule=rule,
                source_path=path,
                field=ours,
                value=shown(value),
                message_zh=message_zh,
            )
        )


@dataclass(frozen=True, slots=True)
class Step:
    """步骤: fills one field."""

    target: Target
    bit: int
    key: str | None
    """The record's own key, read directly; else `get`."""
    get: Evaluate
    text: str
    """What the dialect says, for findings; empty for a constant."""
    convert: Convert
    when: Evaluate | None = None
    constant: Any = None
    default: Any = None
    serial: str | None = None

    falls_back: bool = False
    """Whether constant, default or serial say something where the source does not."""
    name: str = field(init=False)
    """Our key in the innermost object."""
    memo: dict[str, Any] = field(default_factory=dict, compare=False)
    """Texts converted before, without a note: most values of a catalogue repeat. Bounded by _REMEMBERED."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.target.inside[-1])


@dataclass(frozen=True, slots=True)
class Lists:
    """列表: where the elements of one of our lists are, and what each becomes."""

    target: Target
    bit: int
    get: Evaluate
    text: str
    split: Callable[[str], list[str]] | None
    none_words: frozenset[str]
    part: "Part"


@dataclass(frozen=True, slots=True)
class Part:
    """部件: everything that fills one group."""

    group: str
    whole: int
    """Every field of the group that counts."""
    steps: tuple[Step, ...]
    lists: tuple[Lists, ...] = ()
    applicable: Applicable = field(default_factory=dict)
    limits: tuple[tuple[str, int], ...] = ()
    """Our keys that hold a limit, each with the bit of its unit."""
    falling_back: tuple[Step, ...] = field(init=False)
    """Steps that have something to say where the source says nothing."""
    fast: tuple[tuple[str, Evaluate | None, dict[str, Any], int, str | None, Step], ...] = field(init=False)
    """Steps that read one key of the record; unpacked, because they are most of the work."""
    slow: tuple[Step, ...] = field(init=False)
    objects: bool = field(init=False)
    """Whether an element must be an object: nothing reads the element itself."""
    rules: tuple[tuple[int, Callable[[Mapping[str, Any]], bool]], ...] = field(init=False)
    applying: dict[tuple[Any, ...], int] = field(default_factory=dict, compare=False)
    """DECISIVE values → fields that can apply."""

    def __post_init__(self) -> None:
        fast = [one for one in self.steps if one.key is not None]
        rows = [(one.key, one.when, one.memo, one.bit, _parent(one), one) for one in fast]
        object.__setattr__(self, "falling_back", tuple(one for one in self.steps if one.falls_back))
        object.__setattr__(self, "fast", tuple(rows))
        object.__setattr__(self, "slow", tuple(one for one in self.steps if one.text and one.key is None))
        object.__setattr__(self, "objects", bool(fast) and all(one.text != "@" for one in self.slow))
        object.__setattr__(self, "rules", tuple((BITS[path], rule) for path, rule in self.applicable.items()))

    def build(self, record: Any, run: Run, number: int = 0, where: tuple[str, str] = ("", "")) -> dict[str, Any]:
        """The group's values. `number` counts from 1 in a list; `where` is the element's place, theirs and ours."""
        values: dict[str, Any] = {}
        filled = self._read(record, values, run, where) if isinstance(record, dict) else 0
        for step in self.slow:
            raw = self._got(step, record, run, where)
            if raw is not None:
                filled |= self._converted(step, raw, values, run, where)
        for step in self.falling_back:
            if not filled & step.bit and (step.target.inside[0] not in values or _lacks(values, step.target.inside)):
                self._without(step, values, run, number, where)
        for one in self.lists:
            filled |= self._list(one, record, values, run)
        filled &= ~self._finish_limits(values)
        run.masks.append((self.group, filled, self._applicable(values)))
        return values

    def _read(self, record: dict[str, Any], values: dict[str, Any], run: Run, where: tuple[str, str]) -> int:
        """Fill everything that only needs a look into the record; the bits of what was filled."""
        filled = 0
        get = record.get
        for key, when, memo, bit, parent, step in self.fast:
            raw = get(key)
            if raw is None or raw == "" or (when is not None and not self._holds(step, record, run, where)):
                continue
            value = memo.get(raw) if type(raw) is str else None
            if value is None:
                filled |= self._converted(step, raw, values, run, where)
                continue
            filled |= bit
            if parent is None:
                values[step.name] = value
            else:
                values.setdefault(parent, {})[step.name] = value
        return filled

    def _converted(self, step: Step, raw: Any, values: dict[str, Any], run: Run, where: tuple[str, str]) -> int:
        """Fill one field; its bit where nothing of the source's value was lost."""
        if type(raw) is str and raw.isspace():
            return 0  # a blank cell
        notes: Notes = []
        try:
            value = step.convert(raw, notes)
        except Trouble as trouble:
            self._troubled(step, trouble, run, where)
            return 0
        if value is None:
            self._noted(step, notes, run, where)
            return 0
        if value is not NONE:
            _put(values, step.target.inside, value)
            if not notes and type(raw) is str and len(raw) <= _SHORT and len(step.memo) < _REMEMBERED:
                step.memo[raw] = value
        return 0 if notes and self._noted(step, notes, run, where) else step.bit

    def _got(self, step: Step, record: Any, run: Run, where: tuple[str, str]) -> Any:
        """What an expression finds, where its condition holds; None for nothing."""
        try:
            raw = step.get(record)
        except Unmappable as error:
            self._troubled(step, Trouble("malformed", error.message_zh, None), run, where)
            return None
        if raw in (None, "") or not self._holds(step, record, run, where):
            return None
        return raw

    def _holds(self, step: Step, record: Any, run: Run, where: tuple[str, str]) -> bool:
        if step.when is None:
            return True
        try:
            return not is_false(step.when(record))
        except Unmappable as error:
            self._troubled(step, Trouble("malformed", error.message_zh, None), run, where)
            return False

    def _where(self, step: Step | Lists, where: tuple[str, str]) -> tuple[str, str]:
        theirs, ours = where
        text = "" if step.text == "@" else step.text
        field_name = step.target.path.removeprefix(f"{self.group}[].") if self.group else step.target.path
        field_name = field_name.removesuffix("[]")
        return ".".join(part for part in (theirs, text) if part), f"{ours}.{field_name}" if ours else field_name

    def _troubled(self, step: Step | Lists, trouble: Trouble, run: Run, where: tuple[str, str]) -> None:
        message = f"{step.target.name_zh}：{trouble.message_zh}"
        run.find(Severity.ERROR, trouble.rule, self._where(step, where), trouble.value, message)

    def _noted(self, step: Step, notes: Notes, run: Run, where: tuple[str, str]) -> bool:
        for note in notes:
            message = f"{step.target.name_zh}：{note.message_zh}"
            run.find(note.severity, note.rule, self._where(step, where), note.value, message)
        cost = any(note.costs for note in notes)
        notes.clear()
        return cost

    def _without(self, step: Step, values: dict[str, Any], run: Run, number: int, where: tuple[str, str]) -> None:
        """What the dialect knows where the source says nothing; none of it counts as filled."""
        if run.troubled and self._where(step, where)[1] in run.troubled:
            return  # the source did say something
        if step.constant is not None:
            _put(values, step.target.inside, step.constant)
        elif step.serial is not None:
            _put(values, step.target.inside, step.serial.format(n=number))
        else:
            message = f"{step.target.name_zh}：来源没有该字段，按方言取默认值"
            run.find(Severity.INFO, "defaulted", self._where(step, where), step.default, message)
            _put(values, step.target.inside, step.default)

    def _list(self, one: Lists, record: Any, values: dict[str, Any], run: Run) -> int:
        try:
            found = one.get(record)
        except Unmappable as error:
            self._troubled(one, Trouble("malformed", error.message_zh, None), run, ("", ""))
            return 0
        if found in (None, "", [], {}):
            return 0
        if isinstance(found, str):
            if found.strip() in one.none_words:
                return one.bit
            found = one.split(found) if one.split is not None else [found]
        elements = found if isinstance(found, list) else [found]
        name = one.target.inside[0]
        built: list[dict[str, Any]] = []
        whole = one.bit
        for number, element in enumerate(elements, 1):
            before = len(run.findings)
            where = (f"{one.text}[{number}]" if one.text != "@" else "", f"{name}[{len(built)}]")
            if one.part.objects and not isinstance(element, dict) and element not in (None, ""):
                run.find(Severity.ERROR, "malformed", where, element, f"{one.target.name_zh}：列表中的每一项应为对象")
                whole = 0
                continue
            element_values = one.part.build(element, run, number, where)
            if run.masks[-1][1] or any(one.rule != "defaulted" for one in run.findings[before:]):
                built.append(element_values)
            else:  # an empty row among the others: what the dialect adds does not make it one
                del run.findings[before:]
                run.masks.pop()
                run.skipped.setdefault(name, []).append(number)
        values[name] = built
        return whole if built else 0

    def _finish_limits(self, values: dict[str, Any]) -> int:
        """Put number and unit together; the bit of a unit without its number, which says nothing."""
        useless = 0
        for name, unit_bit in self.limits:
            limit = values.get(name)
            if limit is None:
                continue
            unit = limit.get("unit")
            if isinstance(unit, tuple):
                limit["unit"], times = unit
                if times != 1 and "value" in limit:
                    limit["value"] *= times
            if "value" not in limit:
                del values[name]
                useless |= unit_bit
        return useless

    def _applicable(self, values: Mapping[str, Any]) -> int:
        """Which fields can apply. In a list a few codes settle it, and most elements have the same ones."""
        if self.group == ITEM:
            return self._applying(values)
        key = tuple(map(values.get, DECISIVE))
        known = self.applying.get(key)
        if known is None:
            known = self.applying[key] = self._applying(values)
        return known

    def _applying(self, values: Mapping[str, Any]) -> int:
        whole = self.whole
        for bit, applies in self.rules:
            if not applies(values):
                whole &= ~bit
        return whole


def _parent(step: Step) -> str | None:
    return step.target.inside[0] if len(step.target.inside) == 2 else None


def _lacks(values: Mapping[str, Any], inside: tuple[str, ...]) -> bool:
    return len(inside) == 2 and inside[1] not in values[inside[0]]


def _put(values: dict[str, Any], inside: tuple[str, ...], value: Any) -> None:
    if len(inside) == 1:
        values[inside[0]] = value
    else:
        values.setdefault(inside[0], {})[inside[1]] = value
