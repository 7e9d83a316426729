"""封面与函件: what stands on the cover slip of a packet, and on the letter of a supplement or a withdrawal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.expression_functions import CHINA
from adapters.manual_operations import ManualOperations
from adapters.manual_print import Code, Grid, Line, Piece
from schemas.message import FollowUp, MessageKind, OutboundMessage

TITLES = {
    MessageKind.SUBMIT: "跨城通办办件封面",
    MessageKind.SUPPLEMENT: "补正材料函",
    MessageKind.WITHDRAW: "撤回申请函",
}
_SOURCES = {"paper": "纸质原件，另寄", "uploaded": "电子文件", "licence": "电子证照，免提交"}
_MODES = {"ONLINE": "全程网办", "COLLECT": "异地代收代办", "DELEGATED": "授权办理", "JOINT": "多地联办"}


@dataclass(frozen=True, slots=True)
class Slip:
    """封面要素: everything on it but the message itself."""

    number: str
    """报文包编号."""
    city_name: str
    sheet_sha256: str
    """Of the first document of the sheet, or of the text where there is no sheet."""
    attached: bool
    """Whether the files are in the packet."""


def beijing(moment: datetime) -> str:
    """A time as it is written on paper."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}（北京时间）"


def cover(
    message: OutboundMessage | FollowUp, words: dict[str, Any], operations: ManualOperations, slip: Slip
) -> list[Piece]:
    """The pieces of the first document of a packet. The QR code holds no personal data."""
    kind = message.kind if isinstance(message, FollowUp) else MessageKind.SUBMIT
    code = f"{slip.number} {message.application_id} sha256:{slip.sheet_sha256}"
    pieces: list[Piece] = [Code(code), Line(TITLES[kind], 18), Line(f"报文包编号：{slip.number}", 13, 10)]
    pieces += [Line(f"{label}：{text}") for label, text in _facts(message, operations, slip) if text]
    if isinstance(message, FollowUp) and message.reason is not None:
        label = "撤回理由" if kind is MessageKind.WITHDRAW else "补正说明"
        pieces.append(Line(f"{label}：{message.reason}", gap=8))
    pieces += _documents(words["materials"], slip)
    return [*pieces, *_signatures()]


def _facts(
    message: OutboundMessage | FollowUp, operations: ManualOperations, slip: Slip
) -> Sequence[tuple[str, str | None]]:
    sender, recipient = operations.sender, operations.recipient
    collecting, deciding = _cities(message)
    phones = "；".join(
        f"{desk.name} {desk.phone}{f'（{desk.hours}）' if desk.hours else ''}" for desk in operations.desks
    )
    if isinstance(message, FollowUp):
        own = [("对方办件编号", message.case_number or "未登记"), ("申请人提出时间", beijing(message.occurred_at))]
    else:
        mode = _MODES[message.application.mode.value]
        own = [("事项", message.item_name), ("办理模式", mode), ("收件时间", beijing(message.received_at))]
    return [
        ("办件标识（收件地）", str(message.application_id)),
        *own,
        ("实施编码", message.task_code),
        ("收件地", f"{sender.name}（{collecting}）"),
        ("属地", f"{slip.city_name}（{deciding}）{recipient.name}"),
        ("可电话联系", phones),
        ("信息表摘要 SHA-256", slip.sheet_sha256),
    ]


def _cities(message: OutboundMessage | FollowUp) -> tuple[str, str]:
    if isinstance(message, FollowUp):
        return message.collecting_city, message.deciding_city
    return message.application.collecting_city, message.application.deciding_city


def _documents(materials: Sequence[dict[str, Any]], slip: Slip) -> list[Piece]:
    if not materials:
        return []
    head = ("序号", "材料", "形式", "份数", "文件名", "SHA-256 前16位")
    rows = [_document(number, material) for number, material in enumerate(materials, 1)]
    where = "电子文件在本包“附件”文件夹内。" if slip.attached else "电子文件未附入本包，请按 manifest.json 逐份下载。"
    has_files = any(material["file"] is not None for material in materials)
    listed: list[Piece] = [Line("材料清单", 12, 10), Grid((5, 30, 18, 6, 26, 15), (head, *rows))]
    return [*listed, Line(where, 9, 4)] if has_files else listed


def _document(number: int, material: dict[str, Any]) -> tuple[str, ...]:
    file = material["file"]
    name = (
        material["name"]
        if material["name"] == material["code"]
        else f"{material['name']}（{material['code'] or '无编码'}）"
    )
    shown = (file["name"], file["sha256"][:16]) if file is not None else ("", "")
    return (str(number), name, _SOURCES[material["source"]], str(material["copies"]), *shown)


def _signatures() -> list[Piece]:
    return [
        Line("寄件方经办人签字：＿＿＿＿＿＿＿＿　日期：＿＿＿＿＿＿＿＿", gap=24),
        Line("收件方签收人签字：＿＿＿＿＿＿＿＿　日期：＿＿＿＿＿＿＿＿", gap=12),
        Line("请核对清单后签收，并将签收情况、办件编号告知收件地。", 9, 6),
    ]
