"""材料齐全性: what is missing or out of place in an application, each named with its place."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.domain.form_rules import form_problems
from schemas.agreement import Mode
from schemas.application import Application, MaterialSource
from schemas.errors import FieldProblem
from schemas.service_item import ServiceItem
from schemas.service_item_codes import Necessity, Served
from schemas.service_item_parts import MaterialRequirement

_CLOCK_TOLERANCE = timedelta(minutes=10)


def completeness(application: Application, item: ServiceItem, *, now: datetime) -> tuple[FieldProblem, ...]:
    """Every fault that would send the applicant home again; empty when the application may go."""
    return (
        *_applicant(application, item),
        *_identity(application, now),
        *_materials(application, item),
        *form_problems(application, item),
    )


def _applicant(application: Application, item: ServiceItem) -> Iterator[FieldProblem]:
    is_organisation = application.applicant.kind == "organisation"
    fits = any(group is Served.OTHER or (group is not Served.PERSON) == is_organisation for group in item.served)
    if item.served and not fits:
        yield FieldProblem(
            "/applicant/kind",
            "applicant_not_served",
            "the item does not serve this kind of applicant",
            "该事项的服务对象不含此类申请人",
        )


def _identity(application: Application, now: datetime) -> Iterator[FieldProblem]:
    check = application.identity_check
    if check is None:
        if application.mode is Mode.COLLECT:
            yield FieldProblem(
                "/identity_check",
                "identity_check_missing",
                "COLLECT needs an identity check by the collecting city",
                "异地代收代办须由收件地核验身份",
            )
        return
    if application.mode is Mode.COLLECT and check.by_city != application.collecting_city:
        yield FieldProblem(
            "/identity_check/by_city",
            "identity_check_elsewhere",
            "the collecting city must make the check",
            "身份核验须由收件地进行",
        )
    if check.at > now + _CLOCK_TOLERANCE:
        yield FieldProblem(
            "/identity_check/at", "in_the_future", "the check lies in the future", "身份核验时间晚于当前时间"
        )


def _materials(application: Application, item: ServiceItem) -> Iterator[FieldProblem]:
    requirements = {requirement.material_code: requirement for requirement in item.materials}
    given: set[str] = set()
    for index, material in enumerate(application.materials):
        pointer = f"/materials/{index}/material_code"
        requirement = requirements.get(material.material_code)
        if requirement is None:
            yield FieldProblem(pointer, "material_unknown", "not a material of this item", "不是该事项的材料")
        elif material.material_code in given:
            yield FieldProblem(pointer, "material_repeated", "given twice", "材料重复")
        elif material.source is MaterialSource.LICENCE and not requirement.licence_types:
            yield FieldProblem(
                pointer, "licence_not_usable", "no licence replaces this material", "该材料不能用电子证照免提交"
            )
        given.add(material.material_code)
    for requirement in item.materials:
        if requirement.necessity is Necessity.REQUIRED and requirement.material_code not in given:
            yield _missing(requirement)


def _missing(requirement: MaterialRequirement) -> FieldProblem:
    return FieldProblem(
        "/materials",
        "material_missing",
        f"required material {requirement.material_code} is missing",
        f"缺少必备材料：{requirement.name}（{requirement.material_code}）",
    )
