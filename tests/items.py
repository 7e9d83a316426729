"""Invented service items for tests: one consistent item, changed where a test needs it."""

from typing import Any

from schemas.service_item import MaterialRequirement, ServiceItem


def material(code: str = "M01", name: str = "演示：申请表", **changes: Any) -> dict[str, Any]:
    """One required material as JSON."""
    return {"material_code": code, "name": name, "necessity": "REQUIRED", **changes}


def requirement(code: str = "M01", name: str = "演示：申请表", **changes: Any) -> MaterialRequirement:
    """One required material."""
    return MaterialRequirement.model_validate(material(code, name, **changes))


def item(**changes: Any) -> ServiceItem:
    """A consistent item with the fields given; None takes a field away."""
    values: dict[str, Any] = {
        "item_code": "002017900001",
        "task_code": "12445200DEMY00015W3002017900001",
        "city": "445200",
        "name": "演示事项",
        "version": 1,
        "status": "IN_USE",
        "task_type": "20",
        "use_level": "3",
        "implementing_body": {"name": "演示机构"},
        "project_type": "PROMISED",
        "promised_limit": {"value": 3, "unit": "workday"},
        "statutory_limit": {"value": 10, "unit": "workday"},
        "visits": 1,
        "visit_reason": "演示：需现场核验身份。",
        **changes,
    }
    filled = {name: value for name, value in values.items() if value is not None}
    # an empty list fills nothing, so it needs no provenance
    provenance = {name: "fictitious" for name, value in filled.items() if value not in ([], ())}
    return ServiceItem.model_validate({**filled, "provenance": provenance})
