"""核验单: a verification on one A4 page in Chinese, for the case file and for whoever has to look at it later."""

from pathlib import Path

from adapters.manual_print import Grid, Line, Piece, drawn, laid_out
from adapters.manual_typeface import Typeface
from gateway.domain.days import BEIJING
from schemas.licence_check import EvidenceGrade, Verification
from schemas.verification import Check, CheckStatus, Indication

_INDICATIONS = {
    Indication.TOTAL_PASSED: "通过",
    Indication.INDETERMINATE: "无法确定",
    Indication.TOTAL_FAILED: "不通过",
}
_STATUS = {
    CheckStatus.FAIL: "不符",
    CheckStatus.INDETERMINATE: "不能确定",
    CheckStatus.SKIPPED: "未检查",
    CheckStatus.PASS: "相符",
}
_GRADES = {
    EvidenceGrade.ISSUED: "A 发证机关签发并核验通过",
    EvidenceGrade.COMPARED: "B 窗口人员已与原件核对",
    EvidenceGrade.UPLOADED: "C 申请人上传，尚待核对",
    EvidenceGrade.PROMISED: "D 自行出具并作出承诺",
}
_SEVERITY = {"error": "不符", "warning": "请核对", "info": "提示"}
_MOST_ROWS = 40
_TITLE = "电子证照核验单"


def verification_pdf(found: Verification, font: Path | None = None) -> bytes:
    """The page. What does not hold comes first; checks that find no room are counted, the whole is in the JSON."""
    face = Typeface(font)
    foot = f"核验编号 {found.verification_id}"
    checks = _ordered(found)
    room = min(_MOST_ROWS, len(checks))
    pages = laid_out(_pieces(found, checks, room), face, foot)
    while room and len(pages) > 1:
        room -= 1
        pages = laid_out(_pieces(found, checks, room), face, foot)
    return drawn(pages, face, _TITLE)


def _ordered(found: Verification) -> list[Check]:
    return sorted(found.report.checks, key=lambda one: list(_STATUS).index(one.status))


def _pieces(found: Verification, checks: list[Check], room: int) -> list[Piece]:
    report = found.report
    conclusion = (
        f"真伪核验：{_INDICATIONS[report.indication]}　本次办理：{'可以使用' if found.usable else '不可直接使用'}"
    )
    pieces: list[Piece] = [
        Line(_TITLE, 18),
        Line(conclusion, 13, gap=8),
        Line(found.message_zh[:200], 11, gap=4),
        Grid((1.0, 3.0), (("项目", "内容"), *_facts(found))),
    ]
    if found.findings:
        rows = tuple((_SEVERITY[one.severity], one.message_zh) for one in found.findings[:8])
        pieces += [Line("内容核对", 11, gap=8), Grid((1.0, 5.0), (("程度", "说明"), *rows))]
    shown = tuple((_STATUS[one.status], one.message_zh[:120], one.name, _whose(one)) for one in checks[:room])
    pieces += [
        Line("逐项检查", 11, gap=8),
        Grid((0.9, 4.4, 2.2, 0.8), (("结果", "说明", "检查项", "签名"), *shown), 8.0),
    ]
    if room < len(checks):
        pieces.append(Line(f"另有 {len(checks) - room} 项未列，详见电子核验报告。", 8.5))
    return pieces


def _whose(check: Check) -> str:
    return "文件" if check.signature is None else str(check.signature + 1)


def _facts(found: Verification) -> list[tuple[str, str]]:
    report, use = found.report, found.purpose
    at = report.at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    rows = [
        ("文件指纹 SHA-256", report.sha256),
        ("格式与大小", f"{report.format}，{report.size_bytes} 字节"),
        ("核验时刻（北京时间）", at),
        ("策略与信任库代次", f"{report.policy}　{report.trust_generation}"),
        ("证据等级", _GRADES[found.evidence_grade]),
        ("用途", f"事项 {use.item_code}" + (f"，办件 {use.case_number}" if use.case_number else "")),
        ("经办", f"{use.operator or found.caller}（{found.city}）"),
    ]
    if report.sub_indication is not None:
        rows.insert(0, ("原因代码", report.sub_indication.value))
    if found.licence_identifier is not None:
        rows.insert(0, ("证照标识", found.licence_identifier))
    for signature in report.signatures[:3]:
        rows.append((f"签名 {signature.index + 1}", f"{signature.kind}，{(signature.signer or '')[:120]}"))
    if found.reused is not None:
        when = found.reused.verified_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
        rows.append(("沿用", f"{found.reused.operator} 于 {when} 的核验 {found.reused.verification_id}"))
    return rows
