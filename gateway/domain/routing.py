"""路由: which way an application goes, under which agreement."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from schemas.agreement import RUNNING_MODES, Agreement
from schemas.application import Application
from schemas.errors import AgreementExpired, AgreementMissing, FieldProblem, ItemUnknown, ModeNotAvailable
from schemas.service_item import ServiceItem
from schemas.service_item_codes import ItemStatus


@dataclass(frozen=True, slots=True)
class Route:
    """路由结果: outbound to a partner city's adapter, or inbound into our own city's queue."""

    direction: Literal["outbound", "inbound"]
    city: str
    """The deciding city."""
    agreement: Agreement
    item: ServiceItem


def choose_route(
    application: Application,
    *,
    own_city: str,
    item: ServiceItem | None,
    agreements: Iterable[Agreement],
    today: date,
) -> Route:
    """The route of `application`, or the reason why there is none.

    `item` is what the deciding city has under that code today, if anything; `today` is a Beijing date.
    Raises ModeNotAvailable, ItemUnknown, AgreementMissing or AgreementExpired, in this order of checking.
    """
    if application.mode not in RUNNING_MODES:
        raise ModeNotAvailable(
            f"Mode {application.mode} is modelled but not carried yet; ONLINE and COLLECT are.",
            "该办理模式尚未开通，目前支持全程网办和异地代收代办。",
            errors=(FieldProblem("/mode", "mode_not_available", "not available", "尚未开通"),),
        )
    if item is None or item.status is not ItemStatus.IN_USE:
        raise ItemUnknown(
            f"{application.deciding_city} does not offer item {application.item_code} now.",
            f"属地 {application.deciding_city} 目前没有事项 {application.item_code}。",
            errors=(FieldProblem("/item_code", "item_unknown", "not offered by the deciding city", "属地无此事项"),),
        )
    agreement = _agreement(application, agreements, today)
    direction: Literal["outbound", "inbound"] = "inbound" if application.deciding_city == own_city else "outbound"
    return Route(direction, application.deciding_city, agreement, item)


def _agreement(application: Application, agreements: Iterable[Agreement], today: date) -> Agreement:
    covering = [
        agreement
        for agreement in agreements
        if agreement.collecting_city == application.collecting_city
        and agreement.deciding_city == application.deciding_city
        and application.item_code in agreement.items
        and application.mode in agreement.modes
    ]
    if not covering:
        raise AgreementMissing(
            f"No agreement lets {application.collecting_city} collect item {application.item_code} for "
            f"{application.deciding_city} in mode {application.mode}. Agreements are directed.",
            "没有协议允许该收件地在此模式下为该属地收取此事项。协议是有方向的，请核对收件地与属地。",
        )
    for agreement in covering:
        if agreement.in_force(today):
            return agreement
    raise AgreementExpired(
        f"Agreement {covering[0].agreement_id} is not in force on {today}.",
        f"协议 {covering[0].agreement_id} 在 {today} 不在有效期内。",
        agreement_id=covering[0].agreement_id,
    )
