"""材料差异: what one city asks for that another does not, and in which form and number it asks for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.material_alignment import Aligned, align_materials
from gateway.domain.words import copies_words, word
from schemas.differences import Aspect, Difference
from schemas.finding import Severity
from schemas.service_item import MaterialForm, MaterialRequirement, Necessity, ServiceItem

NOT_ASKED = "不要求"
_NECESSITY = {Necessity.OPTIONAL: 0, Necessity.CONDITIONAL: 1, Necessity.REQUIRED: 2}


@dataclass(frozen=True, slots=True)
class _Part:
    """One field of a material; `weight` says how much it asks of the applicant, absent = a difference only informs."""

    field: str
    name_zh: str
    show: Callable[[MaterialRequirement], str | None]
    weight: Callable[[MaterialRequirement], int] | None = None


def _necessity(material: MaterialRequirement) -> str:
    said = str(word(material.necessity))
    return f"{said}：{material.necessity_condition}" if material.necessity_condition else said


def _replaceable(material: MaterialRequirement) -> str:
    return "可用电子证照免提交" if material.licence_types else "不可免提交"


_PARTS: tuple[_Part, ...] = (
    _Part("necessity", "是否必备", _necessity, lambda material: _NECESSITY[material.necessity]),
    _Part("form", "材料形式", lambda m: word(m.form), lambda material: int(material.form is MaterialForm.PAPER)),
    _Part("licence_types", "免提交", _replaceable, lambda material: int(not material.licence_types)),
    _Part("kind", "材料类型", lambda material: word(material.kind)),
    _Part("copies", "份数", copies_words),
    _Part("page_format", "规格", lambda material: material.page_format),
    _Part("acceptance_standard", "受理标准", lambda material: material.acceptance_standard),
)


def material_differences(items: Mapping[str, ServiceItem], names: Mapping[str, str]) -> Iterator[Difference]:
    """Rows about materials, in the order of the first city's list, then what only later cities ask for."""
    listing = [city for city, item in items.items() if item.materials]
    for aligned in align_materials(items):
        if missing := [city for city in listing if city not in aligned.by_city]:
            yield _not_everywhere(aligned, missing, items, names)
        for part in _PARTS:
            shown = {city: part.show(material) for city, material in aligned.by_city.items()}
            if len(set(shown.values())) > 1:
                yield _part_difference(aligned, part, shown, names)


def _summary(material: MaterialRequirement) -> str:
    parts = (_necessity(material), word(material.kind), word(material.form), copies_words(material))
    return "，".join(part for part in parts if part)


def _not_everywhere(
    aligned: Aligned, missing: Sequence[str], items: Mapping[str, ServiceItem], names: Mapping[str, str]
) -> Difference:
    summaries = {city: _summary(material) for city, material in aligned.by_city.items()}
    insisting = tuple(city for city, m in aligned.by_city.items() if m.necessity is not Necessity.OPTIONAL)
    name = aligned.first.name
    asking = "；".join(f"{names[city]}要求（{text}）" for city, text in summaries.items())
    return Difference(
        aspect=Aspect.MATERIALS,
        field=f"materials[{aligned.first.material_code}]",
        name_zh=name,
        values={city: summaries.get(city, NOT_ASKED if city in missing else None) for city in items},
        severity=Severity.WARNING if insisting else Severity.INFO,
        demanding=insisting,
        matched_by=aligned.matched_by,
        message_zh=f"材料“{name}”：{asking}；{'、'.join(names[city] for city in missing)}不要求。",
    )


def _part_difference(
    aligned: Aligned, part: _Part, shown: Mapping[str, str | None], names: Mapping[str, str]
) -> Difference:
    insisting = [city for city, m in aligned.by_city.items() if m.necessity is not Necessity.OPTIONAL]
    demanding: tuple[str, ...] = ()
    if part.weight is not None:
        weights = {city: part.weight(material) for city, material in aligned.by_city.items()}
        demanding = tuple(city for city in insisting if weights[city] > min(weights.values()))
    said = "；".join(f"{names[city]}为{text or '未写明'}" for city, text in shown.items())
    return Difference(
        aspect=Aspect.MATERIALS,
        field=f"materials[{aligned.first.material_code}].{part.field}",
        name_zh=f"{aligned.first.name}：{part.name_zh}",
        values=dict(shown),
        severity=Severity.WARNING if demanding else Severity.INFO,
        demanding=demanding,
        matched_by=aligned.matched_by,
        message_zh=f"材料“{aligned.first.name}”的{part.name_zh}不同：{said}。",
    )
