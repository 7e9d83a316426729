"""比较项: which fields of an item are compared across cities, how each is worded, and when one city asks more."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from gateway.domain.words import fee_words, limit_words, listed, result_words, word, yes_no
from schemas.differences import Aspect
from schemas.service_item import ServiceItem

_Demand = Callable[[Mapping[str, ServiceItem]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ComparedField:
    """比较项: `demanding` names the cities that ask more of the applicant; without it a difference only informs."""

    aspect: Aspect
    field: str
    name_zh: str
    show: Callable[[ServiceItem], str | None]
    demanding: _Demand | None = None


def most(weight: Callable[[ServiceItem], int | None]) -> _Demand:
    """The cities above the least known weight."""

    def demanding(items: Mapping[str, ServiceItem]) -> tuple[str, ...]:
        weights = {city: found for city, item in items.items() if (found := weight(item)) is not None}
        return tuple(city for city, found in weights.items() if found > min(weights.values()))

    return demanding


def lacking(codes: Callable[[ServiceItem], Collection[Enum] | None]) -> _Demand:
    """The cities without something another has; one that says nothing is not counted."""

    def demanding(items: Mapping[str, ServiceItem]) -> tuple[str, ...]:
        known = {city: set(found) for city, item in items.items() if (found := codes(item))}
        everything = set[Enum]().union(*known.values())
        return tuple(city for city, found in known.items() if everything - found)

    return demanding


def _fee_weight(item: ServiceItem) -> int | None:
    if item.fees:
        return sum(fee.amount_fen or 0 for fee in item.fees) + 1
    return None if item.charges_fee is None else int(item.charges_fee)


def _fees(item: ServiceItem) -> str | None:
    if item.fees:
        return "；".join(fee_words(fee) for fee in item.fees)
    return None if item.charges_fee is None else "收费" if item.charges_fee else "不收费"


def _visits(item: ServiceItem) -> str | None:
    return None if item.visits is None else f"{item.visits}次"


def _form(item: ServiceItem) -> str | None:
    fields = (f"{field.label}（必填）" if field.required else field.label for field in item.form_fields)
    return "、".join(fields) or None


def _special(item: ServiceItem) -> str | None:
    return "、".join(one.name for one in item.special_procedures) or None


_MODES = (Aspect.MODES, "modes", "通办模式")
COMPARED: tuple[ComparedField, ...] = (
    ComparedField(Aspect.CONDITIONS, "acceptance_conditions", "受理条件", lambda item: item.acceptance_conditions),
    ComparedField(Aspect.CONDITIONS, "quantity_limit", "数量限制", lambda item: item.quantity_limit),
    ComparedField(Aspect.SERVED, "served", "服务对象", lambda item: listed(item.served), lacking(lambda i: i.served)),
    ComparedField(Aspect.FORM, "form_fields", "填报字段", _form),
    ComparedField(Aspect.LIMITS, "project_type", "办件类型", lambda item: word(item.project_type)),
    ComparedField(Aspect.LIMITS, "statutory_limit", "法定办结时限", lambda item: limit_words(item.statutory_limit)),
    ComparedField(Aspect.LIMITS, "promised_limit", "承诺办结时限", lambda item: limit_words(item.promised_limit)),
    ComparedField(Aspect.LIMITS, "special_procedures", "特别程序", _special),
    ComparedField(Aspect.FEES, "fees", "收费", _fees, most(_fee_weight)),
    ComparedField(*_MODES, lambda item: listed(item.modes), lacking(lambda item: item.modes)),
    ComparedField(Aspect.MODES, "handle_forms", "办理形式", lambda item: listed(item.handle_forms)),
    ComparedField(Aspect.MODES, "handling_area", "通办范围", lambda item: word(item.handling_area)),
    ComparedField(Aspect.VISITS, "visits", "到办事现场次数", _visits, most(lambda item: item.visits)),
    ComparedField(Aspect.VISITS, "visit_reason", "必须现场办理原因", lambda item: item.visit_reason),
    ComparedField(Aspect.DELIVERY, "delivery_ways", "送达方式", lambda item: listed(item.delivery_ways)),
    ComparedField(Aspect.DELIVERY, "courier_supported", "支持物流快递", lambda item: yes_no(item.courier_supported)),
    ComparedField(Aspect.RESULT, "results", "审批结果", lambda item: result_words(item.results)),
)
"""Every compared field but the materials; in the order of the aspects."""
