"""材料与结果规则: what an applicant would bring in vain, or get in another shape than told."""

from collections.abc import Iterator

from adapters.normalization.breach import Breach
from schemas.service_item import MaterialKind, MaterialOrigin, Necessity, ResultKind, ServiceItem

_LICENCE_ENDINGS = ("许可证", "证书", "执照", "登记证", "资格证", "身份证", "居住证", "驾驶证", "通行证", "产权证")
_APPLICANT = MaterialOrigin.APPLICANT
# tuples: an enum member is found in one by identity, a set would hash it first
_NEEDS_ORIGINAL = (MaterialKind.ORIGINAL, MaterialKind.ORIGINAL_AND_PHOTOCOPY)
_NEEDS_PHOTOCOPY = (MaterialKind.PHOTOCOPY, MaterialKind.ORIGINAL_AND_PHOTOCOPY)


def materials_have_distinct_names(item: ServiceItem) -> Iterator[Breach]:
    """Two materials of one name cannot be told apart at the window. Our own rule."""
    if len({one.name for one in item.materials}) == len(item.materials):
        return
    seen: set[str] = set()
    for index, material in enumerate(item.materials):
        if material.name in seen:
            yield Breach(f"materials[{index}].name", material.name, f"材料名称“{material.name}”重复，窗口无法区分。")
        seen.add(material.name)


def condition_belongs_to_conditional(item: ServiceItem) -> Iterator[Breach]:
    """A stated 特定情况 goes with 特定情况下必要. Our own rule: else the window does not know when to ask."""
    for index, material in enumerate(item.materials):
        if material.necessity_condition is not None and material.necessity is not Necessity.CONDITIONAL:
            words = f"材料“{material.name}”写明了特定情况，是否必备却不是“特定情况下必要”。"
            yield Breach(f"materials[{index}].necessity", material.necessity.value, words)


def copies_fit_kind(item: ServiceItem) -> Iterator[Breach]:
    """份数 fit 材料类型: an 原件 is asked for in at least one 原件. Our own rule; 0 where the kind says otherwise."""
    for index, material in enumerate(item.materials):
        kind = material.kind
        if material.original_copies == 0 and kind in _NEEDS_ORIGINAL:
            words = f"材料“{material.name}”的类型含原件，原件份数却为0。"
            yield Breach(f"materials[{index}].original_copies", "0", words)
        if material.photocopies == 0 and kind in _NEEDS_PHOTOCOPY:
            words = f"材料“{material.name}”的类型含复印件，复印件份数却为0。"
            yield Breach(f"materials[{index}].photocopies", "0", words)


def licence_comes_from_government(item: ServiceItem) -> Iterator[Breach]:
    """电子证照 replaces what an authority issued, not what an applicant makes. Our own rule."""
    for index, material in enumerate(item.materials):
        if material.licence_types and material.source is _APPLICANT:
            words = f"材料“{material.name}”可用电子证照免提交，来源渠道却为申请人自备。"
            yield Breach(f"materials[{index}].source", material.source.value, words)


def licence_result_issues_licence(item: ServiceItem) -> Iterator[Breach]:
    """A result with a 证照类型 is 出证. Source: public code of vendor systems (result is a 证 → 出证)."""
    for index, result in enumerate(item.results):
        if result.licence_type is not None and result.kind not in (ResultKind.LICENCE, ResultKind.CERTIFICATE):
            words = f"审批结果“{result.name}”写有证照类型代码，结果类型却不是证照或证明。"
            yield Breach(f"results[{index}].kind", result.kind.value, words)


def result_kind_fits_name(item: ServiceItem) -> Iterator[Breach]:
    """A result called 许可证 or 执照 is one. Source: public code of vendor systems (result is a 证 → 出证)."""
    for index, result in enumerate(item.results):
        if result.kind in (ResultKind.OTHER, ResultKind.APPROVAL) and result.name.endswith(_LICENCE_ENDINGS):
            words = f"审批结果“{result.name}”看名称是证照，结果类型却不是。"
            yield Breach(f"results[{index}].kind", result.kind.value, words)
