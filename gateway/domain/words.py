"""中文用语: how a clerk reads our codes. One word each, those of docs/glossary.md."""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from types import MappingProxyType

from schemas.agreement import ContactPurpose, Limit, LimitUnit, Mode
from schemas.service_item import (
    DeliveryWay,
    Fee,
    HandleForm,
    HandlingArea,
    MaterialForm,
    MaterialKind,
    MaterialRequirement,
    Necessity,
    ProjectType,
    Result,
    ResultKind,
    Served,
)

_TABLES: tuple[Mapping[Enum, str], ...] = (
    {
        Mode.ONLINE: "全程网办",
        Mode.COLLECT: "异地代收代办",
        Mode.DELEGATED: "授权办理",
        Mode.JOINT: "多地联办",
    },
    {
        Served.PERSON: "自然人",
        Served.ENTERPRISE: "企业法人",
        Served.PUBLIC_INSTITUTION: "事业法人",
        Served.SOCIAL_ORGANISATION: "社会组织法人",
        Served.GOVERNMENT: "行政机关",
        Served.OTHER: "其他",
    },
    {
        HandleForm.WINDOW: "窗口办理",
        HandleForm.ONLINE: "网上办理",
        HandleForm.MOBILE: "移动端办理",
        HandleForm.COURIER: "快递申请",
        HandleForm.OTHER: "其他",
    },
    {
        HandlingArea.NONE: "未实现通办",
        HandlingArea.NATIONAL: "全国",
        HandlingArea.CROSS_PROVINCE: "跨省",
        HandlingArea.CROSS_CITY: "跨市",
        HandlingArea.CROSS_COUNTY: "跨县",
    },
    {
        ProjectType.INSTANT: "即办件",
        ProjectType.PROMISED: "承诺件",
        ProjectType.OTHER: "其他",
    },
    {
        DeliveryWay.ELECTRONIC: "电子送达",
        DeliveryWay.COURIER: "邮寄送达",
        DeliveryWay.PICK_UP_COLLECTING: "收件地自取",
        DeliveryWay.PICK_UP_DECIDING: "属地自取",
    },
    {
        ResultKind.LICENCE: "证照",
        ResultKind.APPROVAL: "批文",
        ResultKind.CERTIFICATE: "证明",
        ResultKind.OTHER: "其他",
    },
    {
        Necessity.REQUIRED: "必要",
        Necessity.OPTIONAL: "非必要",
        Necessity.CONDITIONAL: "特定情况下必要",
    },
    {
        MaterialKind.ORIGINAL: "原件",
        MaterialKind.PHOTOCOPY: "复印件",
        MaterialKind.ORIGINAL_AND_PHOTOCOPY: "原件和复印件",
        MaterialKind.FORM: "申请表格",
    },
    {
        MaterialForm.PAPER: "纸质",
        MaterialForm.ELECTRONIC: "电子",
        MaterialForm.PAPER_OR_ELECTRONIC: "纸质或电子",
    },
    {
        LimitUnit.WORKDAY: "个工作日",
        LimitUnit.NATURAL_DAY: "个自然日",
        LimitUnit.HOUR: "小时",
    },
    {
        ContactPurpose.BUSINESS: "业务咨询",
        ContactPurpose.SYSTEM: "系统故障",
        ContactPurpose.PARCEL: "材料寄递",
    },
)
# a table for each kind: members of two kinds may be equal texts (Served.PERSON == HandleForm.WINDOW == "1")
WORDS: Mapping[type[Enum], Mapping[Enum, str]] = MappingProxyType({type(next(iter(t))): t for t in _TABLES})
"""By kind, then by code; in the order in which they are listed."""


def word(code: Enum | None) -> str | None:
    """中文用语 of one code; None stays None."""
    return None if code is None else WORDS[type(code)][code]


def listed(codes: Collection[Enum] | None) -> str | None:
    """顿号列举, in the order of our tables whatever the city's order; None where nothing is said."""
    if not codes:
        return None
    chosen = set(codes)
    return "、".join(text for code, text in WORDS[type(next(iter(chosen)))].items() if code in chosen)


def yes_no(value: bool | None) -> str | None:
    """是 or 否."""
    return None if value is None else "是" if value else "否"


def limit_words(limit: Limit | None) -> str | None:
    """时限: 3个工作日."""
    return None if limit is None else f"{limit.value}{word(limit.unit)}"


def copies_words(material: MaterialRequirement) -> str | None:
    """份数: 原件1份、复印件2份."""
    counts = (("原件", material.original_copies), ("复印件", material.photocopies))
    parts = [f"{name}{count}份" for name, count in counts if count]
    return "、".join(parts) or (None if material.original_copies is material.photocopies is None else "0份")


def fee_words(fee: Fee) -> str:
    """收费项目: 工本费5元, or its standard."""
    if fee.amount_fen is None:
        return f"{fee.name}（{fee.standard or '标准未写明'}）"
    yuan, fen = divmod(fee.amount_fen, 100)
    return f"{fee.name}{yuan}元" if fen == 0 else f"{fee.name}{yuan}.{fen:02d}元"


def result_words(results: Iterable[Result]) -> str | None:
    """审批结果: 缴存使用证明（证明）."""
    return "、".join(f"{result.name}（{word(result.kind)}）" for result in results) or None
