"""受理要点: what the receiving window must check, must leave, may ask whom, sends where and by when."""

from collections.abc import Iterator

from gateway.domain.differences import warnings_for
from gateway.domain.duty_limits import time_limits
from gateway.domain.duty_materials import mailing_sentence, material_duty
from gateway.domain.duty_rules import MODE_DUTIES
from gateway.domain.words import word
from schemas.agreement import RUNNING_MODES, Agreement, Mode
from schemas.duty_sheet import Call, CallSource, DutySheet
from schemas.service_item import DeliveryWay, ServiceItem

_DELIVERY_ZH = {
    DeliveryWay.ELECTRONIC: "电子送达：结果文件回到收件地，可当场打印交给申请人。",
    DeliveryWay.COURIER: "邮寄送达：由属地寄给申请人，收件时核对收件人和地址。",
    DeliveryWay.PICK_UP_COLLECTING: "收件地自取：属地寄到收件窗口，由窗口通知申请人领取并登记。",
    DeliveryWay.PICK_UP_DECIDING: "属地自取：申请人须到属地领取，收件时说明。",
}


def duty_sheet(
    item: ServiceItem, mode: Mode, agreement: Agreement, *, collecting_item: ServiceItem | None = None
) -> DutySheet:
    """受理要点 for the deciding city's `item`, collected under `agreement`, which must cover item and mode.

    `collecting_item` is the collecting city's own version: with it the sheet warns where its habit would mislead. Pure.
    """
    duties = MODE_DUTIES[mode]
    materials = tuple(material_duty(one, window_checks=duties.window_checks) for one in item.materials)
    calls = tuple(_calls(item, agreement))
    return DutySheet(
        item_code=item.item_code,
        item_name=item.name,
        item_version=item.version,
        mode=mode,
        collecting_city=agreement.collecting_city,
        deciding_city=agreement.deciding_city,
        agreement_id=agreement.agreement_id,
        must=duties.must,
        must_not=duties.must_not,
        materials=materials,
        mailing_zh=mailing_sentence(materials),
        calls=calls,
        limits=tuple(time_limits(item, mode, agreement)),
        result_zh=tuple(_results(item)),
        notes_zh=tuple(_notes(item, mode, calls)),
        warnings=() if collecting_item is None else warnings_for(collecting_item, item),
    )


def _calls(item: ServiceItem, agreement: Agreement) -> Iterator[Call]:
    for contact in sorted(agreement.contacts, key=lambda one: one.city != agreement.deciding_city):
        yield Call(
            about_zh=str(word(contact.purpose)),
            office=contact.office,
            city=contact.city,
            phone=contact.phone,
            hours=contact.hours,
            source=CallSource.AGREEMENT,
        )
    body = item.implementing_body.name
    if item.consultation is not None and item.consultation.phone is not None:
        phone, source = item.consultation.phone, CallSource.CONSULTATION
        yield Call(about_zh="事项咨询", office=body, city=item.city, phone=phone, source=source)
    for window in item.windows:
        if window.phone is not None:
            yield Call(
                about_zh="办理窗口",
                office=window.name or window.address,
                city=item.city,
                phone=window.phone,
                hours=window.opening_hours,
                source=CallSource.WINDOW,
            )


def _results(item: ServiceItem) -> Iterator[str]:
    for way in DeliveryWay:
        if way in item.delivery_ways:
            yield _DELIVERY_ZH[way]
    if not item.delivery_ways:
        yield "事项没有写明送达方式，收件时先问属地。"


def _notes(item: ServiceItem, mode: Mode, calls: tuple[Call, ...]) -> Iterator[str]:
    if not any(call.city == item.city for call in calls):
        yield "没有属地的联系方式：协议没有联系人册，事项也没有咨询或窗口电话。"
    if mode not in RUNNING_MODES:
        yield f"本网关尚不传送{word(mode)}的办件，此要点仅供参考。"
    if mode is Mode.COLLECT:
        yield "异地代收的办理时限从何时起算未见国家规定，按协议执行；收件和受理时间都留存。"
    if item.modes is None:
        yield "事项没有写明通办模式。"
    elif mode not in item.modes:
        yield f"事项写明的通办模式不含{word(mode)}，请向属地核实。"
    if not item.materials:
        yield "事项没有列出申请材料，请向属地核实。"
