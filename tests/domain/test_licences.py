"""Contents of a licence against what is needed, and the grade of evidence."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.evidence_grade import evidence_grade, may_stand_in
from gateway.domain.licence_facts import (
    LicenceFacts,
    licence_facts,
    masked_name,
    masked_number,
    plain_name,
    plain_number,
)
from gateway.domain.licence_semantics import Needed, compare, speaks_against, type_in
from schemas.identifiers import LICENCE_ROOT, mod_37_36
from schemas.licence import LicenceStatus
from schemas.licence_check import EvidenceGrade, Holder, LicenceToCheck, Origin
from schemas.verification import Indication, LicenceFormat, Report, SubIndication

TYPE, OTHER_TYPE = "11100000MB03271699010", "11100000MB03271699011"
ISSUER = "445200"
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def identifier(kind: str = TYPE, serial: str = "DEMO0001") -> str:
    body = (kind, ISSUER, serial, "001")
    return f"{LICENCE_ROOT}.{'.'.join(body)}.{mod_37_36(''.join(body))}"


def rules(facts: LicenceFacts, **needed: Any) -> list[str]:
    return [one.rule for one in compare(facts, Needed(on=DAY, **needed))]


def test_everything_as_needed_has_no_finding() -> None:
    facts = licence_facts(
        {
            "licence_identifier": identifier(),
            "credentialSubject": {"holder_name": "演示·申请人", "holder_number": "44520019000101001x"},
            "valid_from": "2020-01-01",
            "valid_until": "20301231",
            "licence_status": "VALID",
        }
    )
    holder = Holder(name="演示•申请人", number="44520019000101001X")
    assert rules(facts, identifier=identifier(), type_code=TYPE, holder=holder) == []


CASES: dict[str, tuple[LicenceFacts, dict[str, Any], str, str]] = {
    "bad check character": (LicenceFacts(identifier=identifier()[:-1] + "?"), {}, "identifier_check", "error"),
    "another licence": (
        LicenceFacts(identifier=identifier()),
        {"identifier": identifier(serial="DEMO0002")},
        "identifier_differs",
        "error",
    ),
    "no identifier": (LicenceFacts(), {"identifier": identifier()}, "identifier_not_stated", "warning"),
    "two types": (LicenceFacts(identifier=identifier(), type_code=OTHER_TYPE), {}, "type_contradicts", "error"),
    "another type": (LicenceFacts(type_code=OTHER_TYPE), {"type_code": TYPE}, "type_differs", "error"),
    "another type in the identifier": (
        LicenceFacts(identifier=identifier(OTHER_TYPE)),
        {"type_code": TYPE},
        "type_differs",
        "error",
    ),
    "no type": (LicenceFacts(), {"type_code": TYPE}, "type_not_stated", "warning"),
    "another name": (LicenceFacts(holder_name="甲某"), {"holder": Holder(name="乙某")}, "holder_name_differs", "error"),
    "another number": (
        LicenceFacts(holder_number="445200190001010011"),
        {"holder": Holder(number="445200190001010012")},
        "holder_number_differs",
        "error",
    ),
    "no holder": (LicenceFacts(), {"holder": Holder(name="乙某")}, "holder_not_stated", "warning"),
    "not yet": (LicenceFacts(valid_from=date(2026, 11, 25)), {}, "not_yet_valid", "error"),
    "over": (LicenceFacts(valid_until=date(2026, 11, 23)), {}, "expired", "error"),
    "revoked": (LicenceFacts(status=LicenceStatus.REVOKED), {}, "status", "error"),
    "state unknown": (LicenceFacts(status=LicenceStatus.UNKNOWN), {}, "status", "warning"),
    "unreadable": (LicenceFacts(unreadable=("valid_from",)), {}, "unreadable", "warning"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_finding(name: str) -> None:
    facts, needed, rule, severity = CASES[name]
    found = compare(facts, Needed(on=DAY, **needed))
    assert [(one.rule, one.severity) for one in found] == [(rule, severity)]
    assert speaks_against(found) is (severity == "error")
    assert found[0].message
    assert found[0].message_zh


def test_what_needs_no_comparison() -> None:
    assert rules(LicenceFacts(valid_from=DAY, valid_until=DAY, status=LicenceStatus.VALID)) == []
    assert rules(LicenceFacts(), holder=Holder()) == []
    assert rules(LicenceFacts(holder_name="甲某"), holder=Holder(name="甲某", number="1")) == []
    assert type_in(None) is None is type_in("1.2.3")


def test_findings_are_masked() -> None:
    number, other = "445200190001010011", "445200190001010012"
    facts = LicenceFacts(holder_name="演示持有人", holder_number=number)
    found = compare(facts, Needed(on=DAY, holder=Holder(name="演示申请人", number=other)))
    told = "".join(one.model_dump_json() for one in found)
    assert len(found) == 2
    assert not any(secret in told for secret in (number, other, "示持有人", "示申请人", "1900"))


def test_reading_claims() -> None:
    facts = licence_facts({"持证主体": " 甲某 ", "name": "乙某", "valid_until": "长期", "valid_from": "2020-13-01"})
    assert (facts.holder_name, facts.valid_until, facts.unreadable) == ("甲某", None, ("valid_from",))
    facts = licence_facts({"licence_status": "weird", "valid_until": "soon", "holder_name": 7, "credentialSubject": []})
    assert facts == LicenceFacts(unreadable=("valid_until", "status"))
    assert licence_facts({"licence_status": "revoked"}).status is LicenceStatus.REVOKED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = ("licence_identifier", "valid_from", "valid_until", "licence_status", "credentialSubject", "holder_name")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_claim_raises(claims: dict[str, Any]) -> None:
    for one in compare(licence_facts(claims), Needed(on=DAY, holder=Holder(name="甲"))):
        assert one.severity in ("error", "warning")


@given(st.text(min_size=1))
def test_normalising_and_masking(text: str) -> None:
    assert plain_name(f" {text}\u3000") == plain_name(text)
    assert plain_number(f" {text}-") == plain_number(text)
    assert len(masked_name(text)) <= 11
    shown = masked_number(text).replace("*", "")
    assert len(shown) <= (4 if len(text.strip()) >= 8 else 0)


GRADES = [
    (Indication.TOTAL_PASSED, Origin.UPLOADED, EvidenceGrade.ISSUED),
    (Indication.TOTAL_PASSED, Origin.PROMISED, EvidenceGrade.ISSUED),
    (Indication.INDETERMINATE, Origin.COMPARED, EvidenceGrade.COMPARED),
    (Indication.INDETERMINATE, Origin.UPLOADED, EvidenceGrade.UPLOADED),
    (Indication.INDETERMINATE, Origin.PROMISED, EvidenceGrade.PROMISED),
    (Indication.TOTAL_FAILED, Origin.COMPARED, EvidenceGrade.UPLOADED),
]


@pytest.mark.parametrize(("indication", "origin", "grade"), GRADES)
def test_the_grade(indication: Indication, origin: Origin, grade: EvidenceGrade) -> None:
    assert evidence_grade(indication, origin) is grade


def report(indication: Indication, sub: SubIndication | None = None, **changes: Any) -> Report:
    whole: dict[str, Any] = {
        "format": LicenceFormat.OFD,
        "sha256": "0" * 64,
        "size_bytes": 1,
        "message_zh": "演示",
        "at": NOW,
        "trust_generation": "1-x",
        "policy": "strict",
        "checks": (),
        "signatures": (),
    }
    return Report(**(whole | changes), indication=indication, sub_indication=sub)


def test_what_an_earlier_pass_may_stand_in_for() -> None:
    passed = report(Indication.TOTAL_PASSED)
    later = report(Indication.INDETERMINATE, SubIndication.TRY_LATER)
    assert may_stand_in(passed, later, NOW + timedelta(days=30), 30)
    refused = [
        may_stand_in(passed, later, NOW + timedelta(days=30, seconds=1), 30),
        may_stand_in(passed, report(Indication.TOTAL_FAILED, SubIndication.REVOKED), NOW, 30),
        may_stand_in(passed, report(Indication.INDETERMINATE, SubIndication.REVOKED_NO_POE), NOW, 30),
        may_stand_in(later, later, NOW, 30),
        may_stand_in(report(Indication.TOTAL_PASSED, sha256="1" * 64), later, NOW, 30),
        may_stand_in(report(Indication.TOTAL_PASSED, policy="window"), later, NOW, 30),
    ]
    assert not any(refused)


def test_one_thing_is_to_be_checked() -> None:
    number = "01a20e5d-955d-7465-8951-44859ac171ad"
    assert LicenceToCheck.model_validate({"token": "a.b.c", "licence_identifier": identifier()}).token == "a.b.c"
    for bad, told in (({}, "须给出"), ({"token": "a.b.c", "file_id": number}, "只能给一个")):
        with pytest.raises(ValidationError, match=told):
            LicenceToCheck.model_validate(bad)
