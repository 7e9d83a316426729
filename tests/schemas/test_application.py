"""An application refuses what it cannot mean, and names every file it refers to once."""

import copy
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from schemas.application import Application

FILES = [f"0193a000-0000-7000-8000-00000000000{n}" for n in range(6)]
LICENCE = "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U"
WHOLE: dict[str, Any] = {
    "item_code": "002017900002",
    "mode": "COLLECT",
    "applicant_division": "445202",
    "collecting_city": "445200",
    "deciding_city": "441300",
    "applicant": {"kind": "person", "name": "陈𠮷安", "document_number": "445202189901010014"},
    "consent": {"at": "2026-03-02T09:58:00+08:00", "text_version": "v1"},
}
AGENT = {
    "name": "林㐂",
    "document_number": "445224189907060061",
    "phone": "0663-0000000",
    "authorisation_file": FILES[2],
}


def build(**changes: Any) -> Application:
    return Application.model_validate(copy.deepcopy(WHOLE) | changes)


def test_every_file_is_named_once_in_order() -> None:
    one = build(
        materials=[{"material_code": "M1", "files": FILES[:2]}, {"material_code": "M2", "files": [FILES[1]]}],
        agent=AGENT,
        identity_check={
            "method": "counter",
            "by": "A01",
            "by_city": "445200",
            "at": "2026-03-02T09:59:00+08:00",
            "evidence_file": FILES[3],
        },
        consent=WHOLE["consent"] | {"file": FILES[4]},
    )
    assert one.file_ids() == tuple(UUID(text) for text in FILES[:5])
    assert build().file_ids() == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": AGENT | {"document_number": "445224189907060062"}},
        {"agent": {name: value for name, value in AGENT.items() if name != "authorisation_file"}},
        {"applicant": WHOLE["applicant"] | {"document_number": "1"}},
        {"applicant": {"kind": "organisation", "name": "演示", "credit_code": "91445200MA0000001A"}},
        {"applicant": {"kind": "animal", "name": "x"}},
        {"materials": [{"material_code": "M1"}]},
        {"materials": [{"material_code": "M1", "source": "licence"}]},
        {"materials": [{"material_code": "M1", "source": "licence", "licence_identifier": LICENCE[:-1] + "V"}]},
        {"form": {"1bad": "x"}},
        {"form": {"amount": 0.1}},
        {"applicant": WHOLE["applicant"] | {"name": "a\nb"}},
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        build(**changes)


def test_other_documents_are_not_held_to_the_rules_of_resident_cards() -> None:
    passport = {"document_kind": "passport", "document_number": "E00000000"}
    one = build(applicant=WHOLE["applicant"] | passport, agent=AGENT | passport)
    assert one.agent is not None
    assert one.agent.document_number == "E00000000"


def test_form_values_keep_their_kind() -> None:
    form = {"yes": True, "no": False, "number": 1, "text": "1", "empty": None}
    assert build(form=form).form == form
    assert [type(value) for value in build(form=form).form.values()] == [bool, bool, int, str, type(None)]


def test_sources_may_come_without_files_where_that_makes_sense() -> None:
    materials = [
        {"material_code": "M1", "source": "paper"},
        {"material_code": "M2", "source": "licence", "licence_identifier": LICENCE},
    ]
    assert len(build(materials=materials).materials) == 2
