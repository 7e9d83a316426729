"""Messages into a city's words, and its reports into ours."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialect import Reports, message_words
from adapters.expression_functions import Unmappable
from adapters.profile import load_profile
from adapters.reading import read_rows
from adapters.rest_calls import RestCalls
from schemas.message import OutboundMessage, Step
from tests.adapters.cities import profile_path
from tests.adapters.messages import message_to, stored

PROFILE = load_profile(profile_path("441300"))
CASE = "019a0000-0000-7000-8000-0000000000a1"


def reports(code: str, name: str) -> Reports:
    profile = load_profile(profile_path(code))
    return profile.compiled_reports(profile.compiler())[name]


def callback(**changes: Any) -> dict[str, Any]:
    return {"BWLX": "1", "YSBLSH": CASE, "SBLSH": "N1", "XH": 1, "SJ": 1795395723456, "YSLZTDM": "1"} | changes


def test_materials_are_one_per_file_then_papers() -> None:
    message, _ = message_to("441300", {"a.pdf": b"a", "b.pdf": b"b"})
    materials = message_words(message)["materials"]
    assert [(one["code"], one["name"], one["source"]) for one in materials] == [
        ("M01", "材料1", "uploaded"),
        ("M02", "材料2", "uploaded"),
        ("P01", "P01", "paper"),
    ]
    assert materials[2]["file"] is None
    assert materials[2]["copies"] == 2


def test_one_material_with_two_files_and_two_of_one_code() -> None:
    message, _ = message_to("441300", {"a.pdf": b"a"})
    data = message.model_dump(mode="json")
    second = {"material_code": "M01", "material_name": None, "file": stored("反面.pdf", b"c")}
    data["files"].append(second)
    data["application"]["materials"] += [{"material_code": "P02", "source": "paper"}] * 2
    materials = message_words(OutboundMessage.model_validate(data))["materials"]
    assert [one["name"] for one in materials] == ["材料1", "反面.pdf", "P01", "P02", "P02"]


def test_a_value_without_a_code_is_not_guessed() -> None:
    message, _ = message_to("441300")
    words = message_words(message.model_copy(update={"project_type": "OTHER"}))
    with pytest.raises(Unmappable, match="project_type"):
        RestCalls(PROFILE.rest, PROFILE.compiler(), PROFILE.reports).submit_body(words)  # type: ignore[arg-type]


CALLBACKS = reports("441300", "callback")
RESULTS = {
    "0": (Step.DECIDED, "GRANTED", True),
    "1": (Step.DECIDED, "RETURNED", False),
    "2": (Step.DECIDED, "VOIDED", False),
    "3": (Step.UNKNOWN, None, None),
    "4": (Step.DECIDED, "TRANSFERRED_UP", False),
    "5": (Step.DECIDED, "NOT_SUPPLEMENTED", False),
    "6": (Step.DECIDED, "COMPLETED", None),
    "7": (Step.UNKNOWN, None, None),
}


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("code", ["441300", "441400"])
def test_every_result_code(code: str, result: str) -> None:
    if code == "441300":
        report = reports(code, "callback").read(callback(BWLX="4", BJJGDM=result))
    else:
        row = {"outer_no": CASE, "result_date": "20261123T010203", "result_type": result}
        report = reports(code, "result").read(row)
    assert report is not None
    assert (report.step, report.outcome, report.licence_issued) == RESULTS[result]
    assert report.partner_code is not None
    assert report.partner_code.endswith(result)


STATES = {
    "441300": {
        "1": Step.ARRIVED,
        "5": Step.SPECIAL_STARTED,
        "6": Step.SPECIAL_ENDED,
        "7": Step.SUPPLEMENT_ASKED,
        "8": Step.SUPPLEMENT_GIVEN,
        "9": Step.DELIVERED,
        "0": Step.UNKNOWN,
    },
    "441500": {
        "1": Step.ARRIVED,
        "2": Step.ACCEPTED,
        "3": Step.DECIDED,
        "44": Step.DECIDED,
        "47": Step.REJECTED,
        "-1": Step.DECIDED,
        "12": Step.SUPPLEMENT_ASKED,
        "5": Step.UNKNOWN,
        "": Step.UNKNOWN,
    },
    "441400": {
        "03": Step.ACCEPTED,
        "10": Step.SUPPLEMENT_ASKED,
        "11": Step.SUPPLEMENT_GIVEN,
        "12": Step.RETURNED,
        "20": Step.SPECIAL_STARTED,
        "21": Step.SPECIAL_ENDED,
        "99": Step.UNKNOWN,
    },
}


def state_row(code: str, state: str) -> tuple[str, dict[str, Any]]:
    if code == "441300":
        return "callback", callback(BWLX=state)
    if code == "441500":
        return "progress", {"seq": 1, "outerNo": CASE, "projectNo": "N", "state": state, "time": "20261123T010203"}
    return "process", {"outer_no": CASE, "process_no": 1, "event_code": state, "event_time": "20261123T010203"}


@pytest.mark.parametrize(
    ("code", "state", "step"), [(code, state, step) for code, table in STATES.items() for state, step in table.items()]
)
def test_every_state_code(code: str, state: str, step: Step) -> None:
    name, row = state_row(code, state)
    report = reports(code, name).read(row)
    assert report is not None
    assert report.step is step
    assert report.partner_code == (state or None)


def test_noted_codes_are_counted_and_change_nothing() -> None:
    for code, name, row in (("441300", "callback", callback(BWLX="3")), ("441400", *state_row("441400", "05"))):
        reader = reports(code, name)
        assert reader.read(row) is None
        assert reader.read(row) is None
        assert sum(reader.noted.values()) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"BSLYY": "长" * 4001},
        {"BSLYY": {"not": "text"}},
        {"SBLSH": 5},
        {"XH": "first"},
        {"BZCLQD": [1, 2]},
        {"BJJGFJ": [{"WJBS": None, "WJM": "x"}]},
        {"BJJGFJ": [{"WJBS": "R", "WJM": "x", "SHA256": "ABC"}]},
    ],
    ids=range(7),
)
def test_a_report_unreadable_in_part_is_for_a_person(change: dict[str, Any]) -> None:
    report = reports("441300", "callback").read(callback(**change))
    assert report is not None
    assert report.step is Step.UNKNOWN
    assert str(report.application_id) == CASE
    assert report.partner_code == "1"


@pytest.mark.parametrize(
    "row",
    [{}, None, [], "x", callback(YSBLSH="not ours"), callback(SJ="soon"), callback(SJ=None), callback(BWLX={})],
    ids=range(8),
)
def test_a_row_without_case_or_time_does_not_hold_up_the_others(row: Any) -> None:
    reader = reports("441300", "callback")
    read, unreadable = read_rows(reader, [row, callback()])
    assert len(read) + len(unreadable) == 2
    assert read[-1].step is Step.ARRIVED
    assert len(unreadable) == (0 if row == callback(BWLX={}) else 1)


@given(
    row=st.dictionaries(
        st.sampled_from(["BWLX", "YSBLSH", "XH", "SJ", "SLZTDM", "BJJGDM", "BJJGFJ", "BZCLQD"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.sampled_from(["", "1", "4", "x", CASE]),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["WJBS", "WJM"]), inner),
            max_leaves=4,
        ),
    )
)
def test_whatever_comes_is_a_report_or_unmappable(row: dict[str, Any]) -> None:
    try:
        CALLBACKS.read(row)
    except Unmappable:
        return
