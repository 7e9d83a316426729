"""到场与收费规则: visits, modes, delivery, fees, contacts: what a window would tell an applicant wrongly."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from adapters.normalization.breach import Breach
from schemas.agreement import Mode
from schemas.service_item import DeliveryWay, HandleForm, HandlingArea, ItemStatus, Served, ServiceItem

_FULLY_ONLINE = frozenset({"4", "IV", "四", "全程网办", "全流程网办", "全程网上办理"})
_NOTHING_SAID = frozenset({"无", "暂无", "没有", "/", "-", "--", "—", "——"})


@lru_cache(maxsize=256)
def _is_fully_online(depth: str) -> bool:
    plain = unicodedata.normalize("NFKC", depth).upper().replace("深度", "").removesuffix("级").strip()
    return plain in _FULLY_ONLINE


def visits_need_reason(item: ServiceItem) -> Iterator[Breach]:
    """现场次数 ≠ 0 needs a reason. Source: public code of vendor systems."""
    if item.visits and (item.visit_reason is None or item.visit_reason in _NOTHING_SAID):
        yield Breach("visit_reason", item.visit_reason, f"到办事现场{item.visits}次，但没有写明必须现场办理的原因。")


def no_visit_needs_courier_or_online(item: ServiceItem) -> Iterator[Breach]:
    """0 visits and not online: 物流快递 must be supported. Source: public code of vendor systems."""
    if item.visits == 0 and not _online(item) and not _courier(item) and _says_how(item):
        yield Breach(
            "courier_supported",
            None if item.courier_supported is None else "否",
            "到场次数为0且不能网办，但不支持物流快递。",
        )


def no_visit_says_how(item: ServiceItem) -> Iterator[Breach]:
    """0 visits, and nothing known of online or courier. Our own rule: an absent value means "not known", never "no"."""
    if item.visits == 0 and not _says_how(item):
        yield Breach("courier_supported", None, "到场次数为0，但没有写明能否网办、是否支持物流快递。")


def _online(item: ServiceItem) -> bool:
    if item.online is not None and item.online.available:
        return True
    if HandleForm.ONLINE in item.handle_forms or HandleForm.MOBILE in item.handle_forms:
        return True
    return bool(item.modes and Mode.ONLINE in item.modes)


def _courier(item: ServiceItem) -> bool:
    return bool(item.courier_supported) or HandleForm.COURIER in item.handle_forms


def _says_how(item: ServiceItem) -> bool:
    stated_online = item.online is not None and item.online.available is not None
    return bool(stated_online or item.courier_supported is not None or item.handle_forms or item.modes)


def fully_online_has_no_visits(item: ServiceItem) -> Iterator[Breach]:
    """全程网办 (网办深度 Ⅳ, or no other mode) → 0 visits. Source: public code of vendor systems.

    Scales of depth differ from city to city; only Ⅳ, written in any way, and 全程网办 are taken to mean it.
    """
    if not item.visits:
        return
    depth = item.online.depth if item.online is not None else None
    if depth is not None and _is_fully_online(depth):
        yield Breach("visits", str(item.visits), f"网办深度为“{depth}”（全程网办），到场次数却为{item.visits}。")
    elif item.modes == (Mode.ONLINE,):
        yield Breach("visits", str(item.visits), f"通办模式只有全程网办，到场次数却为{item.visits}。")


def online_mode_is_available_online(item: ServiceItem) -> Iterator[Breach]:
    """全程网办 needs 网办. Source: 国办发〔2020〕35号 (全程网办: the applicant acts online)."""
    if item.online is not None and item.online.available is False and item.modes and Mode.ONLINE in item.modes:
        yield Breach("online.available", "否", "通办模式含全程网办，是否网办却为“否”。")


def modes_have_an_area(item: ServiceItem) -> Iterator[Breach]:
    """An item with 通办模式 is not 未实现通办. Our own rule: the two fields say opposite things."""
    if item.modes and item.handling_area is HandlingArea.NONE:
        yield Breach("handling_area", item.handling_area.value, "列有通办模式，通办范围却为“未实现通办”。")


def joint_item_names_bodies(item: ServiceItem) -> Iterator[Breach]:
    """多地联办 names who takes part. Source: 国办发〔2020〕35号 (多地联办: each competent place does its part)."""
    if item.modes and Mode.JOINT in item.modes and not item.joint_bodies:
        yield Breach("joint_bodies", None, "多地联办的事项没有写明联办机构。")


def courier_delivery_needs_courier(item: ServiceItem) -> Iterator[Breach]:
    """邮寄送达 needs 物流快递. Our own rule: the two fields say opposite things."""
    if item.courier_supported is False and DeliveryWay.COURIER in item.delivery_ways:
        yield Breach("courier_supported", "否", "送达方式含邮寄，是否支持物流快递却为“否”。")


def collected_result_comes_back(item: ServiceItem) -> Iterator[Breach]:
    """异地代收代办 spares the journey, so the result must be had elsewhere. Source: 国办发〔2020〕35号."""
    if item.delivery_ways == (DeliveryWay.PICK_UP_DECIDING,) and item.modes and Mode.COLLECT in item.modes:
        yield Breach("delivery_ways", "属地自取", "可异地代收代办，但结果只能到属地领取，申请人仍须往返。")


def window_item_names_window(item: ServiceItem) -> Iterator[Breach]:
    """窗口办理 as the only form: say where. Our own rule."""
    if item.handle_forms == (HandleForm.WINDOW,) and not item.windows:
        yield Breach("windows", None, "只能窗口办理，但没有写明办理窗口。")


def charged_item_lists_fees(item: ServiceItem) -> Iterator[Breach]:
    """收费 needs 收费项目. Source: public code of vendor systems (收费 → basis and standard)."""
    if item.charges_fee and not item.fees:
        yield Breach("fees", None, "标明收费，但没有列出收费项目、依据和标准。")


def fee_needs_basis_and_standard(item: ServiceItem) -> Iterator[Breach]:
    """收费 needs a basis and a standard; a fixed amount is a standard. Source: public code of vendor systems."""
    for index, fee in enumerate(item.fees):
        if fee.basis in _NOTHING_SAID:
            yield Breach(f"fees[{index}].basis", fee.basis, f"收费项目“{fee.name}”没有写明收费依据。")
        if fee.amount_fen is None and (fee.standard is None or fee.standard in _NOTHING_SAID):
            yield Breach(f"fees[{index}].standard", fee.standard, f"收费项目“{fee.name}”没有写明收费标准。")


def consultation_differs_from_complaint(item: ServiceItem) -> Iterator[Breach]:
    """咨询 ≠ 投诉 phone. Source: public code of vendor systems."""
    asked, complained = item.consultation, item.complaint
    if asked is not None and complained is not None and asked.phone is not None and asked.phone == complained.phone:
        yield Breach("complaint.phone", complained.phone, "监督投诉电话与咨询电话相同。")


def topics_fit_served(item: ServiceItem) -> Iterator[Breach]:
    """主题 matches 服务对象. Source: public code of vendor systems."""
    if not item.served or Served.OTHER in item.served:
        return
    if item.person_topics and Served.PERSON not in item.served:
        yield Breach("person_topics", item.person_topics[0], "列有面向自然人的主题，服务对象却不含自然人。")
    if item.organisation_topics and item.served == (Served.PERSON,):
        yield Breach("organisation_topics", item.organisation_topics[0], "列有面向法人的主题，服务对象却只有自然人。")


def cancelled_item_says_when(item: ServiceItem) -> Iterator[Breach]:
    """取消 names its day. Our own rule: running cases need to know under which version they stand."""
    if item.status is ItemStatus.CANCELLED and item.effective_until is None:
        yield Breach("effective_until", None, "事项已取消，但没有写明取消日期。")
