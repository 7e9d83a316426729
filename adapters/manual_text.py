"""复制用文本与邮寄清单: the sheet as lines to copy from, and what travels by post."""

from collections.abc import Sequence
from typing import Any

from adapters.manual_calls import WrittenPart
from adapters.manual_operations import ManualOperations
from schemas.message import FollowUp, OutboundMessage

_PARCEL = (
    *("报文包编号", "序号", "材料", "形式", "份数"),
    *("寄件方", "寄件地址", "寄件邮编", "寄件电话", "收件方", "收件地址", "收件邮编", "收件电话"),
    *("快递公司", "快递单号", "备注"),
)


def text_view(message: OutboundMessage | FollowUp, parts: Sequence[WrittenPart], title: str, number: str) -> str:
    """复制用文本: label and value a line, in the other city's words and order; true characters."""
    lines = [title, f"报文包编号：{number}"]
    if isinstance(message, FollowUp):
        lines.append(f"对方办件编号：{message.case_number or '未登记'}")
        if message.reason is not None:
            lines.append(f"说明：{message.reason}")
    for part in parts:
        lines += ["", f"【{part.title}】"]
        for place, row in enumerate(part.rows, 1):
            begin = "" if part.single else f"{place}. "
            lines += [f"{begin}{header}：{row[header]}" for header in part.headers]
    return "\r\n".join("\r\n".join(line.splitlines()) for line in lines) + "\r\n"


def parcel_rows(words: dict[str, Any], operations: ManualOperations, number: str) -> list[Sequence[str]]:
    """邮寄清单: one row per paper, who sends, to whom, and room for the courier's number."""
    sender, recipient = operations.sender, operations.recipient
    ends = [text or "" for end in (sender, recipient) for text in (end.name, end.address, end.postcode, end.phone)]
    papers = [material for material in words["materials"] if material["source"] == "paper"]
    rows: list[Sequence[str]] = [_PARCEL]
    for place, paper in enumerate(papers, 1):
        rows.append([number, str(place), paper["name"], "纸质原件", str(paper["copies"]), *ends, "", "", ""])
    if not papers:
        rows.append([number, "", "", "", "", *ends, "", "", "本件无纸质材料，无需邮寄"])
    return rows
