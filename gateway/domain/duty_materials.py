"""材料要点: the formal points of each material, and whether its paper has to travel."""

from collections.abc import Iterator, Sequence

from gateway.domain.words import copies_words, word
from schemas.duty_sheet import MaterialDuty
from schemas.service_item import MaterialForm, MaterialRequirement, Necessity

_BY_NECESSITY = {
    Necessity.REQUIRED: "必须有。",
    Necessity.OPTIONAL: "可以没有，没有时不得退回。",
}


def material_duty(material: MaterialRequirement, *, window_checks: bool) -> MaterialDuty:
    """材料要点 of one material; without a check at the window there is nothing to look at and nothing to mail."""
    return MaterialDuty(
        material_code=material.material_code,
        name=material.name,
        checks_zh=tuple(_checks(material)) if window_checks else (),
        mailed=_mailed(material) if window_checks else False,
    )


def _mailed(material: MaterialRequirement) -> bool | None:
    return None if material.form is None else material.form is MaterialForm.PAPER


def _checks(material: MaterialRequirement) -> Iterator[str]:
    if material.necessity is Necessity.CONDITIONAL:
        yield f"仅在此情况下收取：{material.necessity_condition}"
    else:
        yield _BY_NECESSITY[material.necessity]
    if material.licence_types:
        yield "可用电子证照免提交：查得到证照的，不再收取原件或复印件。"
    wanted = "，".join(part for part in (word(material.kind), copies_words(material), material.page_format) if part)
    if wanted:
        yield f"形式：{wanted}。"
    if material.form is not None:
        yield f"介质：{word(material.form)}。"
    if material.acceptance_standard is not None:
        yield f"受理标准：{material.acceptance_standard}（只核对形式）"
    if material.filling_note is not None:
        yield f"填报须知：{material.filling_note}"
    if material.tolerable:
        yield "事项标为可容缺：是否容缺受理由属地决定，未经属地同意不得缺。"


def mailing_sentence(duties: Sequence[MaterialDuty]) -> str:
    """寄什么: what is posted to the deciding city."""
    paper = "、".join(one.name for one in duties if one.mailed)
    unsaid = "、".join(one.name for one in duties if one.mailed is None)
    parts = [f"寄送属地的纸质材料：{paper}。其余以电子件传送，不寄。" if paper else "没有须寄送属地的纸质材料。"]
    if unsaid:
        parts.append(f"未写明形式，寄前先问属地：{unsaid}。")
    return "".join(parts)
