import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schemas.service_item import (
    BodyKind,
    FormField,
    HandleForm,
    Necessity,
    Served,
    ServiceItem,
    SpecialProcedureKind,
    TaskType,
    UseLevel,
)
from schemas.service_item_columns import MATERIAL_COLUMNS, NATIONAL_COLUMNS
from tests.schemas.shared_facts import shared_rows

TODAY = date(2026, 5, 9)


def values(**changes: Any) -> dict[str, Any]:
    filled = {
        "item_code": "002017900001",
        "task_code": "12445200DEMY00015W3002017900001",
        "city": "445200",
        "name": "演示事项",
        "version": 1,
        "status": "IN_USE",
        "task_type": "20",
        "use_level": "3",
        "implementing_body": {"name": "演示机构"},
        "project_type": "INSTANT",
        **changes,
    }
    return {**filled, "provenance": dict.fromkeys(filled, "fictitious")}


def test_absent_is_not_known() -> None:
    item = ServiceItem.model_validate(values())
    assert item.modes is None
    assert item.charges_fee is None
    assert item.material("M01") is None


def test_every_filled_field_needs_its_provenance() -> None:
    given_values = values(charges_fee=False, visits=0)
    del given_values["provenance"]["visits"]
    with pytest.raises(ValidationError, match="visits"):
        ServiceItem.model_validate(given_values)


def test_provenance_of_an_unknown_field() -> None:
    given_values = values()
    given_values["provenance"]["nmae"] = "source"
    with pytest.raises(ValidationError, match="nmae"):
        ServiceItem.model_validate(given_values)


def test_empty_fields_need_no_provenance() -> None:
    given_values = values(materials=[], visits=None)
    del given_values["provenance"]["materials"], given_values["provenance"]["visits"]
    assert ServiceItem.model_validate(given_values).materials == ()


def material(**changes: Any) -> dict[str, Any]:
    return {"material_code": "M01", "name": "演示材料", "necessity": "REQUIRED", **changes}


def test_a_material_is_found_by_its_code() -> None:
    item = ServiceItem.model_validate(values(materials=[material(), material(material_code="M02")]))
    found = item.material("M02")
    assert found is not None
    assert found.necessity is Necessity.REQUIRED


@pytest.mark.parametrize(
    "changes",
    [
        {"materials": [material(), material()]},
        {"materials": [material(necessity="CONDITIONAL")]},
        {"charges_fee": False, "fees": [{"name": "工本费", "basis": "演示"}]},
        {"effective_from": "2026-01-02", "effective_until": "2026-01-01"},
        {"version": 0},
        {"task_type": "11"},
        {"project_type": "1"},
        {"modes": ["异地代收代办"]},
        {"unheard_of": 1},
    ],
)
def test_parts_that_do_not_agree(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServiceItem.model_validate(values(**changes))


@given(
    st.none() | st.dates(TODAY - timedelta(2), TODAY + timedelta(2)),
    st.none() | st.dates(TODAY - timedelta(2), TODAY + timedelta(2)),
    st.sampled_from(["IN_USE", "SUSPENDED", "CANCELLED"]),
)
def test_offered_on_both_end_days(start: date | None, end: date | None, status: str) -> None:
    start, end = (end, start) if start and end and end < start else (start, end)
    item = ServiceItem.model_validate(values(effective_from=start, effective_until=end, status=status))
    expected = status == "IN_USE" and (start or date.min) <= TODAY <= (end or date.max)
    assert item.offered(TODAY) is expected


def test_a_round_trip_through_json_changes_nothing() -> None:
    item = ServiceItem.model_validate(values(materials=[material()], promised_limit={"value": 3, "unit": "workday"}))
    assert ServiceItem.model_validate_json(item.model_dump_json(), strict=True) == item


def _columns_of(cell: str) -> list[str]:
    return [column for column in re.split(r"\s*[/,]\s*", cell) if column]


def test_every_national_column_has_a_field() -> None:
    for row in shared_rows("service_item_fields.csv"):
        table: Mapping[str, str] = MATERIAL_COLUMNS if row["group"] == "材料" else NATIONAL_COLUMNS
        for column in _columns_of(row["national_column"]):
            assert column in table, f"{row['chinese']}: {column}"


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


@pytest.mark.parametrize(
    "path", [one for cell in (*NATIONAL_COLUMNS.values(), *MATERIAL_COLUMNS.values()) for one in cell.split(", ")]
)
def test_every_path_of_the_column_table_exists(path: str) -> None:
    model: type[BaseModel] = ServiceItem
    *around, last = path.replace("[]", "").split(".")
    for name in around:
        [model] = _models_in(model.model_fields[name].annotation)
    assert last in model.model_fields


@pytest.mark.parametrize(
    ("path", "column"), [(path, column) for column, path in NATIONAL_COLUMNS.items() if "." not in path]
)
def test_the_docstring_names_the_column(path: str, column: str) -> None:
    assert f"`{column}`" in (ServiceItem.model_fields[path].description or "")


@pytest.mark.parametrize(
    ("enum", "table"),
    [
        (TaskType, "task_type"),
        (UseLevel, "use_level"),
        (BodyKind, "dept_type"),
        (Served, "server_type"),
        (HandleForm, "handle_type"),
        (SpecialProcedureKind, "special_type"),
    ],
)
def test_enum_values_are_the_codes_of_the_standard(enum: type[TaskType], table: str) -> None:
    rows = shared_rows("code_tables.csv")
    codes = {row["code"] for row in rows if row["origin"] == "standard" and row["table"].endswith(table)}
    assert {str(member) for member in enum} == codes


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"kind": "choice"}, "exactly a choice field has choices"),
        ({"choices": [{"value": "a", "label": "甲"}]}, "exactly a choice field has choices"),
        (
            {"kind": "choice", "choices": [{"value": "a", "label": "甲"}, {"value": "a", "label": "乙"}]},
            "a choice value occurs twice",
        ),
        ({"kind": "integer", "max_length": 5}, "only a text field has max_length"),
    ],
)
def test_a_form_field_that_makes_no_sense(field: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FormField.model_validate({"key": "account", "label": "账号"} | field)


def test_a_form_field_occurs_once() -> None:
    one = {"key": "account", "label": "账号"}
    assert ServiceItem.model_validate(values(form_fields=[one])).form_fields[0].kind == "text"
    with pytest.raises(ValidationError, match="form field's key occurs twice"):
        ServiceItem.model_validate(values(form_fields=[one, one]))
