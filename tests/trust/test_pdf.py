"""Signed PDFs of an invented office: every kind of value passes, and one thing wrong at a time is found."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

pytest.importorskip("pyhanko", reason="NOT CHECKED: the extra pdf is not installed")

from pyhanko.sign.fields import FieldMDPAction as Action
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm

from gateway.trust import der
from gateway.trust.certificates import certificate
from gateway.trust.crls import crl
from gateway.trust.judging import Judging
from gateway.trust.pdf import read_pdf
from gateway.trust.policy import DEFAULT, POLICIES
from gateway.trust.snapshot import Anchor, TrustSnapshot
from gateway.trust.verify import verify
from schemas.verification import Indication, LicenceFormat, Report
from schemas.verification import SubIndication as Sub
from tests.trust.office.ofd import Office, Sealing, seal_value, timestamp
from tests.trust.office.pdf import GM, LATER, RSA, SHA1, Value, cms, embed, page, signed, signed_by_library

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SM2_OFFICE, RSA_OFFICE, EC_OFFICE = Office(), Office("rsa"), Office("ec")
OFFICES = {"sm2": SM2_OFFICE, "rsa": RSA_OFFICE, "ec": EC_OFFICE}
PASSED = (Indication.TOTAL_PASSED, None)
BLANK = page()


def judging(office: Office = SM2_OFFICE, *, policy: str = "window", crls: tuple[bytes, ...] = ()) -> Judging:
    snapshot = TrustSnapshot(
        "test",
        (Anchor(certificate(office.root.certificate)),),
        (certificate(office.authority.certificate),),
        tuple(crl(one) for one in crls),
        frozenset({office.maker.sha256}),
    )
    return Judging(snapshot, POLICIES[policy], NOW)


def look(pdf: bytes, office: Office = SM2_OFFICE, *, policy: str = "window", crls: tuple[bytes, ...] = ()) -> Report:
    return verify(pdf, judging(office, policy=policy, crls=crls))


def told(report: Report) -> tuple[Indication, Sub | None]:
    return report.indication, report.sub_indication


def failed(sub: Sub) -> tuple[Indication, Sub]:
    return Indication.TOTAL_FAILED, sub


def doubt(sub: Sub) -> tuple[Indication, Sub]:
    return Indication.INDETERMINATE, sub


def one(value: Value, office: Office = SM2_OFFICE, **how: object) -> Report:
    return look(embed(BLANK, value, **how), office)  # type: ignore[arg-type]


@pytest.mark.parametrize("office", OFFICES.values(), ids=OFFICES)
def test_a_signature_of_every_kind_of_key_passes(office: Office) -> None:
    report = look(signed(office), office)
    assert told(report) == PASSED
    assert report.format is LicenceFormat.PDF
    assert [entry.kind for entry in report.signatures] == ["pdf"]
    assert "演示签章人" in str(report.signatures[0].signer)


@pytest.mark.parametrize("office", [RSA_OFFICE, EC_OFFICE], ids=["rsa", "ec"])
def test_the_signature_of_another_writer_passes(office: Office) -> None:
    pdf = signed_by_library(office, BLANK)
    # that writer takes its time from the clock
    now = datetime(2039, 1, 1, tzinfo=UTC)
    assert told(verify(pdf, replace(judging(office), now=now))) == PASSED
    assert told(verify(pdf, replace(judging(SM2_OFFICE), now=now))) == doubt(Sub.NO_CERTIFICATE_CHAIN_FOUND)


def test_an_algorithm_that_is_not_known_here_is_no_proof_against_it() -> None:
    pdf = signed_by_library(RSA_OFFICE, BLANK, pss=True)
    assert told(look(pdf, RSA_OFFICE)) == doubt(Sub.CRYPTO_CONSTRAINTS_FAILURE)


@pytest.mark.parametrize("layout", ["v1", "v4", "v5"])
def test_the_raw_structure_of_a_seal_passes(layout: str) -> None:
    how = Sealing(layout=layout)  # type: ignore[arg-type]
    report = one(lambda content: seal_value(SM2_OFFICE, how, content, "pdf"), named="/DEMO.seal")
    assert told(report) == PASSED
    assert report.signatures[0].kind == f"ses_{layout}"
    assert "pdf_sub_filter_unknown" in report.dialects


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Sealing(span=(datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))), Sub.SEAL_EXPIRED),
        (Sealing(listed=SM2_OFFICE.other), Sub.SIGNER_NOT_IN_SEAL),
        (Sealing(wreck_seal=lambda content: content.replace(b"DEMO-0001", b"DEMO-0002")), Sub.SEAL_SIG_FAILURE),
        (Sealing(wreck_tbs=lambda content: content.replace(b"pdf", b"PDF")), Sub.SIG_CRYPTO_FAILURE),
    ],
    ids=["expired", "not_listed", "altered_seal", "altered_value"],
)
def test_a_seal_is_judged_as_in_any_document(how: Sealing, expected: Sub) -> None:
    assert told(one(lambda content: seal_value(SM2_OFFICE, how, content, "pdf"))) == failed(expected)


def test_a_seal_over_other_bytes_fails() -> None:
    report = one(lambda content: seal_value(SM2_OFFICE, Sealing(), content + b" ", "pdf"))
    assert told(report) == failed(Sub.HASH_FAILURE)


def test_dialects_of_real_issuers_are_taken_and_flagged() -> None:
    def digest(content: bytes) -> bytes:
        return hashlib.new("sm3", content).digest()

    signer = SM2_OFFICE.signer
    inside = one(lambda content: cms(signer, content, family=GM, inside=digest(content), attributes=False))
    assert told(inside) == PASSED
    assert "digest_inside" in inside.dialects
    both = one(lambda content: cms(signer, content, family=GM, inside=digest(content)))
    assert told(both) == PASSED
    bare = one(lambda content: cms(signer, digest(content), family=GM, attributes=False))
    assert told(bare) == PASSED
    assert "digest_signed_as_content" in bare.dialects
    assert told(one(lambda content: cms(signer, content, family=GM, attributes=False))) == PASSED
    rsa = one(lambda content: cms(RSA_OFFICE.signer, content, number=RSA), RSA_OFFICE)
    assert told(rsa) == PASSED


def raw_numbers(value: bytes) -> bytes:
    r, s = (der.integer(part) for part in der.sequence(der.read(value)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_a_raw_sm2_value_is_taken_and_flagged() -> None:
    report = one(lambda content: cms(SM2_OFFICE.signer, content, raw=raw_numbers))
    assert told(report) == PASSED
    assert "raw_signature_value" in report.dialects


def test_values_that_do_not_belong_to_the_content_fail() -> None:
    signer = SM2_OFFICE.signer
    assert told(one(lambda content: cms(signer, content + b" "))) == failed(Sub.HASH_FAILURE)
    wrong = one(lambda content: cms(signer, content, message_digest=b"\1" * 32))
    assert told(wrong) == failed(Sub.HASH_FAILURE)
    assert told(one(lambda content: cms(signer, content, inside=b"other"))) == failed(Sub.HASH_FAILURE)
    bare = one(lambda content: cms(signer, content + b" ", attributes=False))
    assert told(bare) == failed(Sub.SIG_CRYPTO_FAILURE)
    other = replace(SM2_OFFICE.other, serial=signer.serial)
    swapped = one(lambda content: cms(other, content, held=(signer.certificate,)))
    assert told(swapped) == failed(Sub.SIG_CRYPTO_FAILURE)


def test_the_certificate_a_signature_names_must_be_the_one_that_goes_with_it() -> None:
    signer = SM2_OFFICE.signer
    assert told(one(lambda content: cms(signer, content, named=signer.certificate))) == PASSED
    other = one(lambda content: cms(signer, content, named=SM2_OFFICE.other.certificate))
    assert told(other) == failed(Sub.SIG_CONSTRAINTS_FAILURE)
    old = one(lambda content: cms(signer, content, named=signer.certificate, naming="2.12"))
    assert told(old) == PASSED
    old = one(lambda content: cms(signer, content, named=SM2_OFFICE.other.certificate, naming="2.12"))
    assert told(old) == failed(Sub.SIG_CONSTRAINTS_FAILURE)
    none = one(lambda content: cms(signer, content, held=()))
    assert told(none) == doubt(Sub.NO_SIGNING_CERTIFICATE_FOUND)


def test_a_weak_digest_proves_nothing() -> None:
    signer = RSA_OFFICE.signer
    assert told(one(lambda content: cms(signer, content, digest=SHA1), RSA_OFFICE)) == doubt(
        Sub.CRYPTO_CONSTRAINTS_FAILURE
    )
    old = one(
        lambda content: cms(signer, content, inside=hashlib.sha1(content).digest()),
        RSA_OFFICE,
        named="/adbe.pkcs7.sha1",
    )
    assert told(old) == doubt(Sub.CRYPTO_CONSTRAINTS_FAILURE)


@pytest.mark.parametrize(
    "value",
    [b"", b"\x30", b"\x30\x82\xff\xff", b"\x30\x00", b"no signature at all", b"\x30\x80\0\0"],
    ids=["empty", "cut", "long", "void", "text", "indefinite"],
)
def test_a_value_that_is_no_signature_fails(value: bytes) -> None:
    assert told(one(lambda _: value)) == failed(Sub.FORMAT_FAILURE)


def test_nothing_stands_behind_the_value_but_zeros() -> None:
    report = one(lambda content: cms(SM2_OFFICE.signer, content) + b"\0\0hidden")
    assert told(report) == failed(Sub.FORMAT_FAILURE)


def test_a_file_without_signature_or_with_timestamps_only_proves_nothing() -> None:
    assert told(look(BLANK)) == doubt(Sub.NO_SIGNATURE)
    stamped = embed(BLANK, lambda content: timestamp(SM2_OFFICE, content, LATER), as_stamp=True)
    assert told(look(stamped)) == doubt(Sub.NO_SIGNATURE)


def test_a_timestamp_proves_the_time_where_claims_are_not_believed() -> None:
    past = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))
    signer = SM2_OFFICE.authority.issue("演示旧签章人", span=past)
    lists = (SM2_OFFICE.authority.crl(this=LATER, following=None), SM2_OFFICE.root.crl(this=LATER, following=None))
    plain = embed(BLANK, lambda content: cms(signer, content))
    assert told(look(plain, policy="strict", crls=lists)) == doubt(Sub.OUT_OF_BOUNDS_NO_POE)
    inner = embed(BLANK, lambda content: cms(signer, content, stamp=lambda value: timestamp(SM2_OFFICE, value, LATER)))
    assert told(look(inner, policy="strict", crls=lists)) == PASSED
    outer = embed(plain, lambda content: timestamp(SM2_OFFICE, content, LATER), field="Stamp", as_stamp=True)
    report = look(outer, policy="strict", crls=lists)
    assert told(report) == PASSED
    assert [(entry.kind, entry.time_proof) for entry in report.signatures] == [("pdf", True), ("pdf_timestamp", True)]
    assert report.signatures[0].signed_at == LATER
    wrong = embed(plain, lambda content: timestamp(SM2_OFFICE, content + b" ", LATER), field="Stamp", as_stamp=True)
    assert told(look(wrong)) == doubt(Sub.SIG_CONSTRAINTS_FAILURE)


def test_a_certificate_revoked_before_signing_fails() -> None:
    office = Office()
    office.authority.revoke(office.signer, datetime(2026, 9, 1, tzinfo=UTC))
    lists = (office.authority.crl(this=LATER, following=None),)
    assert told(look(signed(office), office)) == PASSED
    assert told(look(signed(office), office, crls=lists)) == failed(Sub.REVOKED)


def test_several_signatures_are_each_judged_and_the_worst_decides() -> None:
    first = signed(SM2_OFFICE)
    second = embed(first, lambda content: cms(SM2_OFFICE.other, content), field="Sig2", box=(20, 20, 120, 60))
    report = look(second)
    assert told(report) == PASSED
    assert len(report.signatures) == 2
    later = [check.evidence["later"] for check in report.checks if check.name == "coverage"]
    assert sorted(str(entry) for entry in later) == ["none", "signatures"]
    stranger = embed(first, lambda content: cms(RSA_OFFICE.signer, content), field="Sig2")
    assert told(look(stranger)) == doubt(Sub.NO_CERTIFICATE_CHAIN_FOUND)
    bad = embed(first, lambda content: cms(SM2_OFFICE.other, content + b" "), field="Sig2")
    assert told(look(bad)) == failed(Sub.HASH_FAILURE)


def test_what_a_signature_forbids_afterwards_fails() -> None:
    def value(content: bytes) -> bytes:
        return cms(SM2_OFFICE.signer, content)

    for permission, expected in (
        (MDPPerm.FILL_FORMS, PASSED),
        (MDPPerm.NO_CHANGES, failed(Sub.UNSIGNED_CONTENT)),
    ):
        prepared = embed(BLANK, value, permission=permission, certify=True)
        assert told(look(prepared)) == PASSED
        assert told(look(signed(SM2_OFFICE, prepared, field="Sig2"))) == expected
    locked = embed(BLANK, value, lock=FieldMDPSpec(Action.ALL))
    assert told(look(signed(SM2_OFFICE, locked, field="Sig2"))) == failed(Sub.UNSIGNED_CONTENT)


def test_too_many_signatures_are_not_looked_at() -> None:
    twice = signed(SM2_OFFICE, signed(SM2_OFFICE), field="Sig2")
    assert read_pdf(twice, replace(DEFAULT, max_signatures=1)).fault == "too_many"
    assert len(read_pdf(twice, replace(DEFAULT, max_signatures=2)).signatures) == 2
