"""The form: completeness and the published JSON Schema accept exactly the same applications."""

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.completeness import completeness
from gateway.domain.form_schema import form_schema
from schemas.agreement import Mode
from schemas.application import Application
from schemas.service_item import ServiceItem
from tests.items import item, material

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
FILE = "0193a000-0000-7000-8000-000000000001"
LICENCE = "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U"
PERSON = {"kind": "person", "name": "陈𠮷安", "document_number": "445202189901010014"}
COMPANY = {"kind": "organisation", "name": "演示（虚构）有限公司", "credit_code": "91445200MA0000001D"}
CHOICES = [{"value": "new", "label": "新建"}, {"value": "1", "label": "其他"}]


def field(key: str, kind: str, **changes: Any) -> dict[str, Any]:
    choices = {"choices": CHOICES} if kind == "choice" else {}
    return {"key": key, "label": f"字段{key}", "kind": kind} | choices | changes


def application(one: ServiceItem, **changes: Any) -> Application:
    whole = {
        "item_code": one.item_code,
        "mode": "ONLINE",
        "applicant_division": "445202",
        "collecting_city": "445200",
        "deciding_city": one.city,
        "applicant": PERSON,
        "consent": {"at": "2026-03-02T09:58:00+08:00", "text_version": "v1"},
        **changes,
    }
    return Application.model_validate(whole)


def problems(one: ServiceItem, **changes: Any) -> list[tuple[str, str]]:
    found = completeness(application(one, **changes), one, now=NOW)
    return [(problem["pointer"], problem["code"]) for problem in found]


def accepted(one: ServiceItem, **changes: Any) -> bool:
    schema = form_schema(one)
    jsonschema.Draft202012Validator.check_schema(schema)
    document = application(one, **changes).model_dump(mode="json")
    return jsonschema.Draft202012Validator(schema).is_valid(document)


KIND_CASES: list[tuple[str, Any, str | None]] = [
    ("text", "甲", None),
    ("text", "甲乙丙丁", "form_too_long"),
    ("text", "𠮷𠮷𠮷", None),
    ("text", 1, "form_kind"),
    ("text", True, "form_kind"),
    ("text", "", "form_field_missing"),
    ("text", " \u3000\n", "form_field_missing"),
    ("text", None, "form_field_missing"),
    ("integer", 5, None),
    ("integer", True, "form_kind"),
    ("integer", "5", "form_kind"),
    ("boolean", False, None),
    ("boolean", 0, "form_kind"),
    ("boolean", "true", "form_kind"),
    ("date", "2024-02-29", None),
    ("date", "2026-02-29", "form_date"),
    ("date", "1900-02-29", "form_date"),
    ("date", "2000-02-29", None),
    ("date", "0000-01-01", "form_date"),
    ("date", "20260131", "form_date"),
    ("date", "2026-01-31\n", "form_date"),
    ("date", "2026-W05-6", "form_date"),
    ("date", "２０２６-01-31", "form_date"),
    ("date", 5, "form_date"),
    ("choice", "new", None),
    ("choice", "1", None),
    ("choice", 1, "form_choice"),
    ("choice", True, "form_choice"),
    ("choice", "old", "form_choice"),
]


@pytest.mark.parametrize(("kind", "value", "code"), KIND_CASES)
def test_a_value_fits_its_kind(kind: str, value: Any, code: str | None) -> None:
    length = {"max_length": 3} if kind == "text" else {}
    one = item(form_fields=[field("a", kind, required=True, **length)])
    expected = [] if code is None else [("/form/a", code)]
    assert problems(one, form={"a": value}) == expected
    assert accepted(one, form={"a": value}) is (code is None)
    # where the field need not be filled in, nothing may stand there
    relaxed = item(form_fields=[field("a", kind, **length)])
    fits = code in {None, "form_field_missing"}
    assert (problems(relaxed, form={"a": value}) == []) is fits
    assert accepted(relaxed, form={"a": value}) is fits


def test_a_problem_speaks_of_the_field_in_both_languages() -> None:
    one = item(form_fields=[field("a", "choice", required=True), field("b", "date")])
    missing, wrong = completeness(application(one, form={"b": "x"}), one, now=NOW)
    assert (missing["message"], missing["message_zh"]) == ("a must be filled in", "请填写：字段a")
    assert wrong["message_zh"] == "字段b应为日期，如2026-01-31"
    (choice,) = completeness(application(one, form={"a": "x"}), one, now=NOW)
    assert choice["message_zh"] == "字段a应为下列之一：新建、其他"


def test_an_item_without_fields_takes_any_form_and_further_keys_are_kept() -> None:
    assert problems(item(), form={"anything": 1}) == []
    assert accepted(item(), form={"anything": 1})
    one = item(form_fields=[field("a", "text")])
    assert problems(one, form={"b": "x"}) == []
    assert accepted(one, form={"b": "x"})


FIELD_KINDS = ("text", "integer", "boolean", "date", "choice")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from(["", " ", "new", "1", "2026-01-31", "2026-02-30", "0001-01-01", "甲乙丙丁戊"]),
    st.text(max_size=6),
    st.dates().map(str),
)
FIELDS = st.builds(
    lambda key, kind, required, length: field(
        key, kind, required=required, **({"max_length": length} if kind == "text" and length else {})
    ),
    st.sampled_from("abc"),
    st.sampled_from(FIELD_KINDS),
    st.booleans(),
    st.none() | st.integers(1, 4),
)
REQUIREMENTS = st.builds(
    lambda code, necessity, licences: material(
        code,
        f"材料{code}",
        necessity=necessity,
        licence_types=licences,
        **({"necessity_condition": "特定"} if necessity == "CONDITIONAL" else {}),
    ),
    st.sampled_from(["M1", "M2", "M3"]),
    st.sampled_from(["REQUIRED", "OPTIONAL", "CONDITIONAL"]),
    st.sampled_from([[], ["11100000MB0143028R001"]]),
)
ITEMS = st.builds(
    lambda fields, materials, served: item(form_fields=fields, materials=materials, served=served),
    st.lists(FIELDS, max_size=3, unique_by=lambda one: one["key"]),
    st.lists(REQUIREMENTS, max_size=3, unique_by=lambda one: one["material_code"]),
    st.lists(st.sampled_from("123456"), max_size=2, unique=True),
)
HANDED_IN = st.builds(
    lambda code, source: {"material_code": code, "source": source, "files": [FILE], "licence_identifier": LICENCE},
    st.sampled_from(["M1", "M2", "M3", "M4"]),
    st.sampled_from(["uploaded", "licence", "paper"]),
)


@given(
    ITEMS,
    st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4),
    st.lists(HANDED_IN, max_size=4),
    st.sampled_from([PERSON, COMPANY]),
)
def test_the_schema_accepts_exactly_what_is_complete(
    one: ServiceItem, form: dict[str, Any], materials: list[dict[str, Any]], applicant: dict[str, Any]
) -> None:
    changes = {"form": form, "materials": materials, "applicant": applicant}
    assert accepted(one, **changes) is (problems(one, **changes) == [])


def test_the_schema_speaks_chinese(seeds_by_code: dict[str, dict[str, ServiceItem]]) -> None:
    schema = form_schema(seeds_by_code["002017900006"]["441300"])
    assert schema["title"] == "购房提取住房公积金"
    assert schema["$id"] == "441300-002017900006-v1.schema.json"
    assert schema["required"] == ["applicant", "form", "materials"]
    purchase = schema["properties"]["form"]["properties"]["purchase"]
    assert purchase["title"] == "购房方式"
    assert {"const": "resale", "title": "二手房"} in purchase["oneOf"]
    assert "以分为单位。" in str(schema)


def test_the_demo_applications_fit_the_schemas_of_their_items(seeds_by_code: dict[str, dict[str, ServiceItem]]) -> None:
    from gateway.cli.demo_cases import application as demo

    for code in ("002017900002", "002017900004", "002017900007"):
        for one in seeds_by_code[code].values():
            whole = demo(one, Mode.ONLINE, collecting_city="445200", file_ids=[FILE], number=0)
            jsonschema.validate(whole, form_schema(one), cls=jsonschema.Draft202012Validator)
