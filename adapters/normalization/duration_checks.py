"""时限规则: limits compared with each other and with the law. Units are compared only where the answer is certain."""

import re
from collections.abc import Iterator
from enum import Enum

from adapters.normalization.breach import Breach
from schemas.agreement import Limit, LimitUnit
from schemas.service_item import ProjectType, ServiceItem, TaskType

_ON_THE_SPOT = re.compile(r"(?:当场|即时|立即|立等)(?:办结|办理|出证|可取)?[。.]?")
_UNIT_ZH = {LimitUnit.WORKDAY: "个工作日", LimitUnit.NATURAL_DAY: "个自然日", LimitUnit.HOUR: "小时"}
_ART_42 = Limit(value=20, unit=LimitUnit.WORKDAY)
_ART_42_JOINT = Limit(value=45, unit=LimitUnit.WORKDAY)


class Order(Enum):
    """长短 of two limits; UNCERTAIN where holidays decide."""

    WITHIN = "within"
    LONGER = "longer"
    UNCERTAIN = "uncertain"


def limit_zh(limit: Limit) -> str:
    """时限 in words: 3个工作日."""
    return f"{limit.value}{_UNIT_ZH[limit.unit]}"


def compare(limit: Limit, bound: Limit) -> Order:
    """Whether `limit` surely ends within `bound`, surely later, or whether that depends on the calendar.

    n working days take at least n and, with weekends and the longest holidays, at most 2n + 12 natural days; an hour
    is a 24th of a natural day.
    """
    if limit.unit is bound.unit:
        return Order.WITHIN if limit.value <= bound.value else Order.LONGER
    shortest, longest = _hours(limit)
    earliest, latest = _hours(bound)
    if longest <= earliest:
        return Order.WITHIN
    return Order.LONGER if shortest > latest else Order.UNCERTAIN


def _hours(limit: Limit) -> tuple[int, int]:
    """The least and the greatest number of hours the limit can last."""
    if limit.unit is LimitUnit.HOUR:
        return limit.value, limit.value
    if limit.unit is LimitUnit.NATURAL_DAY or limit.value == 0:
        return limit.value * 24, limit.value * 24
    return limit.value * 24, (2 * limit.value + 12) * 24


def instant_needs_instant_type(item: ServiceItem) -> Iterator[Breach]:
    """承诺 0 or 当场 is 即办件 and the other way round. Source: public code of vendor systems (1..n → 承诺件)."""
    promised, kind = item.promised_limit, item.project_type
    if kind is ProjectType.PROMISED:
        if promised is not None and promised.value == 0:
            yield Breach("project_type", kind.value, "承诺时限为0（当场办结）的事项应为即办件，现为承诺件。")
        elif promised is None and item.promised_limit_note and _ON_THE_SPOT.fullmatch(item.promised_limit_note):
            yield Breach(
                "project_type", kind.value, f"承诺时限说明为“{item.promised_limit_note}”，应为即办件，现为承诺件。"
            )
    elif kind is ProjectType.INSTANT and promised is not None and _hours(promised)[0] >= 24:
        yield Breach("project_type", kind.value, f"即办件应当场办结，承诺时限却为{limit_zh(promised)}。")


def promised_item_needs_promise(item: ServiceItem) -> Iterator[Breach]:
    """承诺件 states its promise. Source: public code of vendor systems (1..n → 承诺件)."""
    if item.project_type is ProjectType.PROMISED and item.promised_limit is None and not item.promised_limit_note:
        yield Breach("promised_limit", None, "承诺件没有写明承诺办结时限。")


def promise_within_statutory(item: ServiceItem) -> Iterator[Breach]:
    """承诺 ≤ 法定. Source: public code of vendor systems."""
    promised, statutory = item.promised_limit, item.statutory_limit
    if promised is not None and statutory is not None and compare(promised, statutory) is Order.LONGER:
        words = f"承诺时限{limit_zh(promised)}长于法定时限{limit_zh(statutory)}。"
        yield Breach("promised_limit", limit_zh(promised), words)


def units_differ(item: ServiceItem) -> Iterator[Breach]:
    """承诺 and 法定 in units that only a calendar can compare. Our own rule: no source settles it."""
    promised, statutory = item.promised_limit, item.statutory_limit
    if promised is None or statutory is None or promised.unit is statutory.unit:
        return
    if compare(promised, statutory) is Order.UNCERTAIN:
        words = f"承诺时限{limit_zh(promised)}与法定时限{limit_zh(statutory)}单位不同，无法确定承诺是否在法定之内。"
        yield Breach("promised_limit", limit_zh(promised), words)


def licensing_within_20_workdays(item: ServiceItem) -> Iterator[Breach]:
    """行政许可: 20 working days, 45 where several bodies decide, unless a law says more. Source: 行政许可法 art. 42."""
    limit = item.statutory_limit
    if item.task_type is not TaskType.LICENSING or limit is None:
        return
    bound = _ART_42_JOINT if item.joint_bodies else _ART_42
    if compare(limit, bound) is Order.LONGER:
        words = f"行政许可的法定时限{limit_zh(limit)}超过行政许可法第四十二条的{limit_zh(bound)}，请核对依据。"
        yield Breach("statutory_limit", limit_zh(limit), words)


def instant_item_has_no_special_procedure(item: ServiceItem) -> Iterator[Breach]:
    """即办件 leaves no time for 特别程序. Derived from 行政许可法 art. 45, by which that time is not counted."""
    if item.project_type is ProjectType.INSTANT and item.special_procedures:
        name = item.special_procedures[0].name
        yield Breach("special_procedures", name, f"即办件当场办结，却列有特别程序“{name}”。")
