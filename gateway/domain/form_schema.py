"""表单模式: JSON Schema (draft 2020-12) of an application's applicant, form and materials, derived from the item.

It accepts exactly what `completeness` finds complete in these three parts, for an application that is one at all.
"""

from collections.abc import Mapping
from typing import Any

from gateway.domain.form_rules import BLANK
from gateway.domain.words import copies_words, word
from schemas.application import MaterialSource
from schemas.service_item import FormField, FormFieldKind, MaterialRequirement, Necessity, Served, ServiceItem

Schema = dict[str, Any]

_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_EXISTING_DAY = (
    "^(?:(?!0000)[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)$"
)
_PLAIN_KINDS: Mapping[FormFieldKind, Schema] = {
    FormFieldKind.INTEGER: {"type": "integer"},
    FormFieldKind.BOOLEAN: {"type": "boolean"},
    # the length too: in some engines $ also matches before a last line break
    FormFieldKind.DATE: {"type": "string", "format": "date", "maxLength": 10, "pattern": _EXISTING_DAY},
}


def form_schema(item: ServiceItem) -> Schema:
    """表单模式 of one item: titles and descriptions in Chinese; other parts of an application are not its business."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{item.city}-{item.item_code}-v{item.version}.schema.json",
        "title": item.name,
        "description": f"{item.implementing_body.name}：办件申请的申请人、表单和材料",
        "type": "object",
        "required": [
            "applicant",
            *(["form"] if any(one.required for one in item.form_fields) else []),
            *(["materials"] if any(one.necessity is Necessity.REQUIRED for one in item.materials) else []),
        ],
        "properties": {"applicant": _applicant(item), "form": _form(item), "materials": _materials(item)},
    }


def _applicant(item: ServiceItem) -> Schema:
    kinds = ["person", "organisation"]
    if item.served and Served.OTHER not in item.served:
        organisations = any(group is not Served.PERSON for group in item.served)
        kinds = ["person"] * (Served.PERSON in item.served) + ["organisation"] * organisations
    return {
        "title": "申请人",
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": {"title": "申请人类型", "description": "person 自然人；organisation 法人", "enum": kinds}
        },
    }


def _form(item: ServiceItem) -> Schema:
    return {
        "title": "表单",
        "type": "object",
        "required": [one.key for one in item.form_fields if one.required],
        "properties": {one.key: _field(one) for one in item.form_fields},
    }


def _field(field: FormField) -> Schema:
    described = {"title": field.label} | ({"description": field.hint} if field.hint else {})
    filled = _filled(field)
    if field.required:
        return described | filled
    return described | {"anyOf": [filled, {"type": "null"}, {"type": "string", "pattern": BLANK}]}


def _filled(field: FormField) -> Schema:
    if field.kind is FormFieldKind.TEXT:
        length = {} if field.max_length is None else {"maxLength": field.max_length}
        return {"type": "string", "not": {"pattern": BLANK}} | length
    if field.kind is FormFieldKind.CHOICE:
        return {"oneOf": [{"const": choice.value, "title": choice.label} for choice in field.choices]}
    return _PLAIN_KINDS[field.kind]


def _materials(item: ServiceItem) -> Schema:
    schema: Schema = {"title": "申请材料", "type": "array"}
    if not item.materials:
        return schema | {"maxItems": 0}
    without_licence = [one.material_code for one in item.materials if not one.licence_types]
    entry: Schema = {
        "type": "object",
        "required": ["material_code"],
        "properties": {"material_code": {"oneOf": [_material(one) for one in item.materials]}},
    }
    if without_licence:
        entry |= {
            "if": {"properties": {"material_code": {"enum": without_licence}}},
            "then": {"properties": {"source": {"not": {"const": MaterialSource.LICENCE.value}}}},
        }
    return schema | {"items": entry, "allOf": [_once(one) for one in item.materials]}


def _material(material: MaterialRequirement) -> Schema:
    parts = (word(material.necessity), material.necessity_condition, word(material.form), copies_words(material))
    described = "；".join(part for part in (*parts, material.acceptance_standard, material.filling_note) if part)
    return {"const": material.material_code, "title": material.name, "description": described}


def _once(material: MaterialRequirement) -> Schema:
    """A material at most once, a required one exactly once."""
    return {
        "contains": {"properties": {"material_code": {"const": material.material_code}}, "required": ["material_code"]},
        "minContains": 1 if material.necessity is Necessity.REQUIRED else 0,
        "maxContains": 1,
    }
