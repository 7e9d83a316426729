"""方言检查: what is wrong with a dialect's fields, tables and weights, each fault with its place."""

import difflib
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from adapters.dialect import DialectError, Place
from adapters.normalization.consistency import RULES
from adapters.normalization.item_dialect import CodeMeaning, CodeTable, FieldSpec, ItemDialect, Scalar
from adapters.normalization.targets import TARGETS, Kind, Target
from schemas.finding import Severity

_CODED = (Kind.CODE, Kind.BOOLEAN, Kind.TEXT, Kind.INTEGER)
_PARTS = (Kind.LIST, Kind.WHOLE)
_UNIT = ".unit"


def check_field(name: str, spec: FieldSpec, fields: Mapping[str, FieldSpec], place: Place) -> None:
    """Raises DialectError where `name` is no field of an item, or `spec` says what does not fit it."""
    target = TARGETS.get(name)
    if target is None:
        near = difflib.get_close_matches(name, TARGETS, 1)
        hint, hint_zh = (f"; did you mean {near[0]}", f"，是否为{near[0]}") if near else ("", "")
        raise DialectError(place, f"is no field of a service item{hint}", f"不是事项字段{hint_zh}")
    if target.group and f"{target.group}[]" not in fields:
        raise DialectError(
            place, f"{target.group}[] must say where the list is", f"缺少{target.group}[]，未说明列表在何处"
        )
    if target.kind in _PARTS and spec.source is None:
        raise DialectError(place, "a list needs from", "列表应写from")
    for word, wrong in _misplaced(target, spec):
        if wrong:
            raise DialectError((*place, word), f"does not fit a field of kind {target.kind}", "不适用于该字段")
    for word, value in (("constant", spec.constant), ("default", spec.default)):
        if value is not None and not _is_value(target, value):
            raise DialectError((*place, word), "is not a value of the field", "不是该字段的取值")


def _misplaced(target: Target, spec: FieldSpec) -> Iterator[tuple[str, bool]]:
    yield "codes", spec.codes is not None and target.kind not in _CODED
    yield "times", spec.times != 1 and target.kind is not Kind.INTEGER
    yield "split", spec.split is not None and not target.many
    yield "dates", bool(spec.dates) and target.kind not in (Kind.DATE, Kind.MOMENT)
    yield "serial", spec.serial is not None and (not target.group or target.kind is not Kind.TEXT)
    yield "cut", spec.cut and (target.kind is not Kind.TEXT or target.max_length is None)
    yield "default", target.kind in _PARTS and spec.default is not None
    yield "when", target.kind in _PARTS and spec.when is not None
    yield "pattern", target.kind in _PARTS and spec.pattern is not None


def _is_value(target: Target, value: Scalar) -> bool:
    if target.codes is not None:
        return value in {str(member.value) for member in target.codes}
    kind = target.kind
    if kind in (Kind.BOOLEAN, Kind.INTEGER):
        return type(value) is (bool if kind is Kind.BOOLEAN else int)
    if not isinstance(value, str):
        return False
    return kind is Kind.TEXT or _is_time(kind, value)


def _is_time(kind: Kind, text: str) -> bool:
    try:
        return bool(date.fromisoformat(text) if kind is Kind.DATE else datetime.fromisoformat(text).tzinfo)
    except ValueError:
        return False


def check_table(target: Target, table: CodeTable, place: Place) -> None:
    """Raises DialectError where a code of the table becomes what the field cannot hold."""
    meanings = [
        one if isinstance(one, CodeMeaning) else CodeMeaning(to=one) for one in table.values() if one is not None
    ]
    if any(one.times != 1 for one in meanings) and not target.path.endswith(_UNIT):
        raise DialectError(place, "times belongs to units of time", "只有时间单位可写times")
    if wrong := sorted({one.to for one in meanings if one.to is not None and not _fits(target, one.to)}):
        raise DialectError(place, f"{wrong} are not values of the field", f"{wrong}不是该字段的取值")


def _fits(target: Target, text: str) -> bool:
    if target.kind is Kind.BOOLEAN:
        return text in ("true", "false")
    if target.kind is Kind.INTEGER:
        return text.isascii() and text.isdecimal() and len(text) < 18
    return _is_value(target, text)


def check_bijections(dialect: ItemDialect, place: Place) -> None:
    """Raises DialectError for a promise about a table that is not there."""
    if missing := [name for name in dialect.bijective if name not in dialect.codes]:
        raise DialectError((*place, "bijective"), f"there is no table {missing[0]}", f"没有名为{missing[0]}的代码表")


def severities(dialect: ItemDialect, place: Place) -> dict[str, Severity | None]:
    """轻重 of consistency rules that the dialect changes; None = off. Raises DialectError."""
    known = {rule.name for rule in RULES}
    found: dict[str, Severity | None] = {}
    for name, word in dialect.severities.items():
        here = (*place, "severities", name)
        if name not in known:
            raise DialectError(here, "there is no such rule", "没有该规则")
        if word != "off" and word not in set(Severity):
            raise DialectError(here, "must be error, warning, info or off", "应为error、warning、info或off")
        found[name] = None if word == "off" else Severity(word)
    return found
