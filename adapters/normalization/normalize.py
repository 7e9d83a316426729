"""归一化: a city's record and its dialect in, our service item and everything noticed out. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from adapters.normalization.compile import CompiledDialect
from adapters.normalization.consistency import RULES
from adapters.normalization.parts import Run
from adapters.normalization.targets import BITS, ITEM, TARGETS, Kind, Target, name_zh
from adapters.normalization.values import printable
from schemas.finding import Finding, Severity
from schemas.identifiers import check_handle_item_code, check_task_code
from schemas.model import Provenance
from schemas.service_item import ServiceItem

IMPORTANT = (
    "promised_limit.value",
    "statutory_limit.value",
    "acceptance_conditions",
    "served",
    "handle_forms",
    "materials[]",
    "consultation.phone",
    "complaint.phone",
    "visits",
    "charges_fee",
)
"""What an applicant asks first: its absence is a finding of its own, not only a lower score."""
_OUT_OF_RANGE = {
    "string_too_long": "文本超过上限{max_length}字",
    "string_too_short": "文本为空",
    "greater_than_equal": "不得小于{ge}",
    "less_than_equal": "不得大于{le}",
    "too_long": "数量超过上限{max_length}",
}


@dataclass(frozen=True, slots=True)
class Normalized:
    """归一化结果. `item` is None exactly when a finding is an error: the record waits in quarantine."""

    place: str
    key: str
    """基本编码 where it could be read, else the place."""
    name: str | None
    item: ServiceItem | None
    findings: tuple[Finding, ...]
    masks: tuple[tuple[str, int, int], ...]
    """Group, filled fields, applicable fields, as bits (targets.BITS): what the coverage score is made of."""

    @property
    def coverage(self) -> float:
        """覆盖率: applicable fields that the source filled ÷ all applicable, 0 to 1."""
        filled = sum((filled & applicable).bit_count() for _, filled, applicable in self.masks)
        applicable = sum(applicable.bit_count() for _, _, applicable in self.masks)
        return filled / applicable if applicable else 0.0


def normalize(record: Any, dialect: CompiledDialect, *, place: str = "") -> Normalized:
    """The item that `record` describes, and the findings. Never raises for anything a record may hold."""
    run = Run(place)
    if not isinstance(record, dict):
        run.find(Severity.ERROR, "not_a_record", ("", ""), record, "来源中的一条应为对象")
        return Normalized(place, place, None, None, tuple(run.findings), ())
    values = dialect.root.build(record, run)
    values["provenance"] = _provenance(values, dialect, run)
    item: ServiceItem | None = None
    try:
        item = ServiceItem.model_validate(values)
    except ValidationError as error:
        for problem in error.errors():
            _refused(problem, dialect, run)
    _missing(values, dialect, run)
    if item is not None:
        _misshapen(item, dialect, run)
        _inconsistent(item, dialect, run)
    quarantined = bool(run.troubled) or any(one.severity is Severity.ERROR for one in run.findings)
    name, key = values.get("name"), values.get("item_code")
    return Normalized(
        place=place,
        key=printable(key) if isinstance(key, str) else place,
        name=printable(name) if isinstance(name, str) else None,
        item=None if quarantined else item,
        findings=tuple(run.findings),
        masks=tuple(run.masks),
    )


def _provenance(values: dict[str, Any], dialect: CompiledDialect, run: Run) -> dict[str, Provenance]:
    """Constants and defaults are derived; what was read is what the dialect says of its records."""
    sources = dict.fromkeys(values, dialect.dialect.provenance)
    derived = set(dialect.derived)
    derived.update(one.field for one in run.findings if one.rule == "defaulted")
    sources.update((name, Provenance.DERIVED) for name in derived if name in values)
    return sources


def _refused(problem: ErrorDetails, dialect: CompiledDialect, run: Run) -> None:
    """What the model itself refuses, told in the source's words."""
    theirs, ours, path = _located(problem["loc"], dialect, run)
    if path == "provenance" or any(troubled == ours or troubled.startswith(f"{ours}.") for troubled in run.troubled):
        return  # said before, closer to its cause
    top = str(problem["loc"][0]) if problem["loc"] else ""
    target = TARGETS.get(path) or TARGETS.get(f"{path}[]") or TARGETS.get(top)
    title = target.name_zh if target is not None else name_zh(ServiceItem.model_fields[top], path) if top else ""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "missing":
        rule, sentence = "missing", "缺少必填项"
    elif kind in _OUT_OF_RANGE:
        rule, sentence = "out_of_range", _OUT_OF_RANGE[kind].format(**context)
    else:
        ours_said = str(context.get("error", "")).partition(" / ")[0]
        alone = target is not None and target.kind is not Kind.LIST
        rule, sentence = "malformed" if alone else "inconsistent", ours_said or "取值不符合该字段的格式"
    message = f"{title}：{sentence}" if title else sentence
    run.find(Severity.ERROR, rule, (theirs, ours), None if kind == "missing" else problem["input"], message)
    _uncount(path, problem["loc"], run)


def _uncount(path: str, loc: tuple[int | str, ...], run: Run) -> None:
    """A value that the model refuses has not filled its field."""
    target = TARGETS.get(path)
    if target is None:
        return
    index = next((part for part in loc if isinstance(part, int)), 0) if target.group else 0
    places = [place for place, mask in enumerate(run.masks) if mask[0] == target.group]
    group, filled, applicable = run.masks[places[index]]
    run.masks[places[index]] = group, filled & ~BITS[path], applicable


def _located(loc: tuple[int | str, ...], dialect: CompiledDialect, run: Run) -> tuple[str, str, str]:
    """A pydantic place as source path, our field with list places, and our target path."""
    ours = path = ""
    for part in loc:
        if isinstance(part, int):
            ours, path = f"{ours}[{part}]", f"{path}[]"
        else:
            ours, path = (f"{ours}.{part}", f"{path}.{part}") if ours else (part, part)
    path = path if path in TARGETS or not path.endswith("[]") else path.removesuffix("[]")
    text = dialect.texts.get(path) or next(_parts(path, dialect), "")
    if not text and loc:
        text = dialect.texts.get(str(loc[0]), "")
    if "[]" in path and len(loc) > 1 and isinstance(loc[1], int):
        listed = dialect.texts.get(f"{loc[0]}[]", "")
        before = "" if listed in ("", "@") else f"{listed}[{_number(str(loc[0]), loc[1], run)}]"
        inside = "" if path.endswith("[]") or text == "@" else text
        text = ".".join(part for part in (before, inside) if part)
    return text, ours, path


def _number(name: str, index: int, run: Run) -> int:
    """The place in the source, from 1, of an element of ours."""
    number = index + 1
    for skipped in run.skipped.get(name, ()):
        number += skipped <= number
    return number


def _missing(values: dict[str, Any], dialect: CompiledDialect, run: Run) -> None:
    """What an applicant needs to know and the source does not say."""
    filled, applicable = next((one[1], one[2]) for one in reversed(run.masks) if one[0] == ITEM)
    for path in IMPORTANT:
        bit = BITS[path]
        if applicable & bit and not filled & bit and not _said(TARGETS[path], values, run):
            text = dialect.texts.get(path, "")
            said = "来源中为空" if text else "方言中没有对应的来源字段"
            message = f"{TARGETS[path].name_zh}：{said}"
            run.find(Severity.INFO, "missing", (text, path.removesuffix("[]")), None, message)


def _said(target: Target, values: dict[str, Any], run: Run) -> bool:
    """Whether there is a value all the same, with a loss or by default, or one that was found to be wrong."""
    path = target.path.removesuffix("[]")
    if any(one == path or one.startswith(f"{path}[") for one in run.troubled):
        return True
    found: Any = values
    for name in target.inside:
        found = found.get(name) if isinstance(found, dict) else None
    return found is not None and found != []


def _misshapen(item: ServiceItem, dialect: CompiledDialect, run: Run) -> None:
    """Whose catalogue it is, and codes that are not of the length the city's profile states."""
    if dialect.city is not None and item.city != dialect.city:
        message = f"属地：{item.city}不是本目录的城市{dialect.city}"
        run.find(Severity.ERROR, "other_city", (dialect.texts.get("city", ""), "city"), item.city, message)
    if dialect.shape is None:
        return
    handled = item.handle_item_code
    for path, code, check in (
        ("task_code", item.task_code, check_task_code),
        ("handle_item_code", handled, check_handle_item_code),
    ):
        try:
            if code is not None:
                check(code, dialect.shape)
        except ValueError as error:
            message = f"{TARGETS[path].name_zh}：{str(error).partition(' / ')[0]}"
            run.find(Severity.ERROR, "malformed", (dialect.texts.get(path, ""), path), code, message)
            _uncount(path, (path,), run)


def _inconsistent(item: ServiceItem, dialect: CompiledDialect, run: Run) -> None:
    for rule in RULES:
        severity = dialect.severities.get(rule.name, rule.severity)
        if severity is None:
            continue
        for breach in rule.check(item):
            text = _source_of(breach.field, dialect, run)
            run.find(severity, rule.name, (text, breach.field), breach.value, breach.message_zh)


def _source_of(field: str, dialect: CompiledDialect, run: Run) -> str:
    """What the dialect reads a field, or the first of its parts, from."""
    loc: list[int | str] = []
    for part in field.replace("]", "").replace("[", ".").split("."):
        loc.append(int(part) if part.isdecimal() else part)
    return _located(tuple(loc), dialect, run)[0]


def _parts(path: str, dialect: CompiledDialect) -> Iterator[str]:
    starts = (f"{path}.", f"{path}[]")
    yield from (text for name, text in dialect.texts.items() if text not in ("", "@") and name.startswith(starts))
