"""Sealed documents of an invented office: every layout passes, and one thing wrong at a time is found by its check."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.trust.certificates import certificate
from gateway.trust.crls import crl
from gateway.trust.judging import Judging
from gateway.trust.policy import POLICIES
from gateway.trust.snapshot import Anchor, TrustSnapshot
from gateway.trust.verify import verify
from schemas.verification import CheckStatus, Indication, Report
from schemas.verification import SubIndication as Sub
from tests.trust.office.der import bits, integer, octets, seq
from tests.trust.office.ofd import NS, SIGNED_AT, Layout, Office, Sealing, document, packed, sealed, timestamp

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OFFICE, RSA_OFFICE, IMPOSTOR = Office(), Office("rsa"), Office()
PASSED = (Indication.TOTAL_PASSED, None)
GOOD = sealed(OFFICE, Sealing())
GOOD_FILE = packed(GOOD)


def judging(
    office: Office = OFFICE, *, policy: str = "window", crls: tuple[bytes, ...] = (), **changes: Any
) -> Judging:
    snapshot = TrustSnapshot(
        "test",
        (Anchor(certificate(office.root.certificate)),),
        (certificate(office.authority.certificate),),
        tuple(crl(one) for one in crls),
        frozenset({office.maker.sha256}),
    )
    return Judging(snapshot, replace(POLICIES[policy], **changes), NOW)


def look(parts: dict[str, bytes], office: Office = OFFICE, **how: Any) -> Report:
    return verify(packed(parts), judging(office, **how))


def told(report: Report) -> tuple[Indication, Sub | None]:
    return report.indication, report.sub_indication


def failed(sub: Sub) -> tuple[Indication, Sub]:
    return Indication.TOTAL_FAILED, sub


def doubt(sub: Sub) -> tuple[Indication, Sub]:
    return Indication.INDETERMINATE, sub


@pytest.mark.parametrize("layout", ["v1", "v4", "v5", "gbt35275", "gbt35275_attributes"])
@pytest.mark.parametrize("office", [OFFICE, RSA_OFFICE], ids=["sm2", "rsa"])
def test_every_layout_passes(office: Office, layout: Any) -> None:
    report = look(sealed(office, Sealing(layout=layout)), office)
    assert told(report) == PASSED, [c for c in report.checks if c.status not in ("pass", "skipped")]
    (signature,) = report.signatures
    assert signature.kind == {"v1": "ses_v1", "v4": "ses_v4", "v5": "ses_v5"}.get(layout, "gbt_35275")
    assert signature.signed_at == SIGNED_AT
    assert {check.step for check in report.checks if check.status is CheckStatus.PASS} >= {1, 2, 3, 4, 5, 6, 9, 10, 12}


def test_signers_listed_by_digest_several_signatures_and_dialects() -> None:
    assert told(look(sealed(OFFICE, Sealing(by_digest=True)))) == PASSED
    two = look(sealed(OFFICE, Sealing(), Sealing(layout="gbt35275")))
    assert told(two) == PASSED
    assert [one.kind for one in two.signatures] == ["ses_v4", "gbt_35275"]
    odd = look(sealed(OFFICE, Sealing(check_method="1.2.156.10197.1.401.2")))
    assert told(odd) == PASSED
    assert odd.dialects == ("check_method:1.2.156.10197.1.401.2",)


def test_a_timestamp_proves_the_time() -> None:
    report = look(sealed(OFFICE, Sealing(stamp=True)))
    assert told(report) == PASSED
    assert report.signatures[0].time_proof
    assert not look(GOOD).signatures[0].time_proof
    elsewhere = sealed(OFFICE, Sealing(wreck_value=lambda value: value[:-40] + bytes(40)))
    assert told(look(elsewhere))[0] is Indication.TOTAL_FAILED


def altered_seal(info: bytes) -> bytes:
    return info.replace("演示行政审批专用章".encode(), "演示行政审批专甩章".encode())


def replaced(old: bytes, new: bytes) -> Any:
    return lambda content: content.replace(old, new)


ONE_WRONG: dict[str, tuple[Sealing, tuple[Indication, Sub]]] = {
    "the signature value": (Sealing(wreck_value=lambda v: v[:-1] + bytes([v[-1] ^ 1])), failed(Sub.SIG_CRYPTO_FAILURE)),
    "what was signed": (
        Sealing(wreck_tbs=replaced(b"20261001080000Z", b"20261001080001Z")),
        failed(Sub.SIG_CRYPTO_FAILURE),
    ),
    "bytes behind the value": (Sealing(wreck_value=lambda v: v + b"\0"), failed(Sub.FORMAT_FAILURE)),
    "BER": (Sealing(wreck_value=lambda v: b"\x30\x80" + v[4:] + b"\0\0"), failed(Sub.FORMAT_FAILURE)),
    "no value": (Sealing(wreck_value=lambda _v: b""), failed(Sub.FORMAT_FAILURE)),
    "the path": (Sealing(property_info="/Doc_0/Signs/Sign_7/Signature.xml"), failed(Sub.PROPERTY_MISMATCH)),
    "the seal's picture or name": (Sealing(wreck_seal=altered_seal), failed(Sub.SEAL_SIG_FAILURE)),
    "another seal in the file": (Sealing(seal_file=b"another"), failed(Sub.SEAL_MISMATCH)),
    "a signer who is not in the seal": (
        Sealing(signer=OFFICE.other, listed=OFFICE.signer),
        failed(Sub.SIGNER_NOT_IN_SEAL),
    ),
    "a seal nobody may make": (Sealing(maker=OFFICE.other), doubt(Sub.SEALER_NOT_AUTHORISED)),
    "a seal of a strange maker": (Sealing(maker=IMPOSTOR.maker), doubt(Sub.NO_CERTIFICATE_CHAIN_FOUND)),
    "a strange signer": (Sealing(signer=IMPOSTOR.signer), doubt(Sub.NO_CERTIFICATE_CHAIN_FOUND)),
    "an expired seal": (
        Sealing(span=(SIGNED_AT - timedelta(days=9), SIGNED_AT - timedelta(days=1))),
        failed(Sub.SEAL_EXPIRED),
    ),
    "a seal not valid yet": (
        Sealing(span=(SIGNED_AT + timedelta(days=1), SIGNED_AT + timedelta(days=9))),
        failed(Sub.SEAL_EXPIRED),
    ),
    "the future": (Sealing(at=NOW + timedelta(days=1)), doubt(Sub.SIG_CONSTRAINTS_FAILURE)),
    "a weak digest": (Sealing(check_method="MD5"), doubt(Sub.CRYPTO_CONSTRAINTS_FAILURE)),
    "another algorithm": (Sealing(method="1.2.840.113549.1.1.11"), failed(Sub.FORMAT_FAILURE)),
    "an unknown algorithm": (Sealing(method="1.2.3.4"), failed(Sub.FORMAT_FAILURE)),
    "nothing referenced": (Sealing(references=lambda _p: []), failed(Sub.UNSIGNED_CONTENT)),
    "no reference list": (
        Sealing(wreck_description=replaced(b"ofd:References", b"ofd:Refs")),
        failed(Sub.FORMAT_FAILURE),
    ),
    "two values": (
        Sealing(
            wreck_description=replaced(b"</ofd:SignedInfo>", b"</ofd:SignedInfo><ofd:SignedValue>x</ofd:SignedValue>")
        ),
        failed(Sub.FORMAT_FAILURE),
    ),
    "a comment in a digest": (
        Sealing(wreck_description=replaced(b"<ofd:CheckValue>", b"<ofd:CheckValue><!-- x -->")),
        failed(Sub.FORMAT_FAILURE),
    ),
    "a document type": (
        Sealing(wreck_description=replaced(b"<ofd:Signature ", b"<!DOCTYPE x><ofd:Signature ")),
        failed(Sub.FORMAT_FAILURE),
    ),
    "another encoding": (
        Sealing(wreck_description=lambda d: d.decode().replace("UTF-8", "UTF-16").encode("utf-16")),
        failed(Sub.FORMAT_FAILURE),
    ),
    "a digest that is no base64": (
        Sealing(wreck_description=replaced(b"<ofd:CheckValue>", b"<ofd:CheckValue>!")),
        failed(Sub.FORMAT_FAILURE),
    ),
    "a path out of the file": (
        Sealing(wreck_description=replaced(b'FileRef="/OFD.xml"', b'FileRef="/../OFD.xml"')),
        failed(Sub.FORMAT_FAILURE),
    ),
}


@pytest.mark.parametrize("name", ONE_WRONG)
def test_one_thing_wrong(name: str) -> None:
    how, verdict = ONE_WRONG[name]
    report = look(sealed(OFFICE, how))
    assert told(report) == verdict, [(c.name, c.sub_indication) for c in report.checks if c.sub_indication]
    assert report.message_zh


@pytest.mark.parametrize("part", sorted(document()))
def test_a_part_altered_removed_or_left_unsigned(part: str) -> None:
    assert told(look(GOOD | {part: GOOD[part] + b" "})) == failed(Sub.HASH_FAILURE)
    without = {path: content for path, content in GOOD.items() if path != part}
    assert told(look(without))[0] is Indication.TOTAL_FAILED
    unsigned = sealed(OFFICE, Sealing(references=lambda parts: sorted(parts.keys() - {part})))
    assert told(look(unsigned)) == (PASSED if part == "OFD.xml" else failed(Sub.UNSIGNED_CONTENT))


def redirected(root: str) -> bytes:
    return GOOD["OFD.xml"].replace(b"Doc_0/Document.xml", root.encode())


def test_what_can_be_rendered_without_a_signature() -> None:
    bare = sealed(OFFICE, Sealing(references=lambda parts: sorted(parts.keys() - {"OFD.xml"})))
    other = {"Doc_1/Document.xml": GOOD["Doc_0/Document.xml"], "Doc_1/Pages/Page_0/Content.xml": b"<Page/>"}
    redirect = bare | other | {"OFD.xml": redirected("Doc_1/Document.xml")}
    assert told(look(redirect)) == failed(Sub.UNSIGNED_CONTENT)
    second = bare["OFD.xml"].replace(
        b"</ofd:OFD>", b"<ofd:DocBody><ofd:DocRoot>Doc_1/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
    )
    assert told(look(bare | other | {"OFD.xml": second})) == failed(Sub.UNSIGNED_CONTENT)
    version = bare["OFD.xml"].replace(
        b"</ofd:DocBody>", b'<ofd:Versions><ofd:Version BaseLoc="Doc_1/Document.xml"/></ofd:Versions></ofd:DocBody>'
    )
    assert told(look(bare | other | {"OFD.xml": version})) == failed(Sub.UNSIGNED_CONTENT)
    unused = look(bare | {"Doc_9/unused.bin": b"x"})
    assert told(unused) == PASSED
    assert [c.evidence["unused"] for c in unused.checks if c.name == "other_parts"] == [["Doc_9/unused.bin"]]


def test_a_signature_that_failed_covers_nothing() -> None:
    half = Sealing(references=lambda parts: sorted(parts.keys() - {"Doc_0/Res/image.bin"}))
    wrong = Sealing(wreck_value=lambda v: v[:-1] + bytes([v[-1] ^ 1]))
    report = look(sealed(OFFICE, half, wrong))
    assert told(report)[0] is Indication.TOTAL_FAILED
    assert [c.sub_indication for c in report.checks if c.name == "coverage"] == [Sub.UNSIGNED_CONTENT]


def test_without_signatures() -> None:
    empty = f"<ofd:Signatures {NS}/>".encode()
    assert told(look(document() | {"Doc_0/Signs/Signatures.xml": empty})) == doubt(Sub.NO_SIGNATURE)
    stripped = document()["OFD.xml"].replace(b"<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>", b"")
    assert told(look(document() | {"OFD.xml": stripped})) == doubt(Sub.NO_SIGNATURE)
    assert told(look(document())) == failed(Sub.FORMAT_FAILURE)
    many = sealed(OFFICE, Sealing(), Sealing())
    assert told(look(many, max_signatures=1)) == failed(Sub.FORMAT_FAILURE)
    kind = GOOD["Doc_0/Signs/Signatures.xml"]
    assert told(look(GOOD | {"Doc_0/Signs/Signatures.xml": kind.replace(b"Seal", b"Other")}))[1] is Sub.FORMAT_FAILURE
    untyped = look(GOOD | {"Doc_0/Signs/Signatures.xml": kind.replace(b'Type="Seal" ', b"")})
    assert told(untyped) == PASSED
    assert untyped.dialects == ("signature_without_type",)
    as_sign = look(GOOD | {"Doc_0/Signs/Signatures.xml": kind.replace(b"Seal", b"Sign")})
    assert told(as_sign) == failed(Sub.FORMAT_FAILURE)


def test_revocation_and_the_strict_policy() -> None:
    office = Office()
    parts = sealed(office, Sealing(stamp=True))
    day = timedelta(days=1)

    def lists() -> tuple[bytes, ...]:
        return tuple(one.crl(this=NOW - day, following=NOW + day) for one in (office.authority, office.root))

    assert told(look(parts, office, policy="strict")) == doubt(Sub.TRY_LATER)
    assert told(look(parts, office, policy="strict", crls=lists())) == PASSED
    office.authority.revoke(office.signer, SIGNED_AT + day)
    assert told(look(parts, office, policy="strict", crls=lists())) == PASSED, "a timestamp from before"
    office.authority.revoke(office.maker, SIGNED_AT - 1200 * day)
    assert told(look(parts, office, crls=lists())) == failed(Sub.REVOKED)


STAMPS: dict[str, Callable[[bytes], bytes]] = {
    "over something else": lambda value: timestamp(OFFICE, value, SIGNED_AT, over=b"other"),
    "no token": lambda _value: b"hello",
    "by a stranger": lambda value: timestamp(IMPOSTOR, value, SIGNED_AT),
}


@pytest.mark.parametrize("name", STAMPS)
def test_timestamps_that_prove_nothing(name: str) -> None:
    from gateway.trust.checks import Ledger
    from gateway.trust.timestamps import check_stamp

    ledger = Ledger()
    assert check_stamp(ledger, STAMPS[name](b"value"), b"value", judging()) is None
    assert ledger.checks[-1].status is CheckStatus.INDETERMINATE
    assert check_stamp(Ledger(), None, b"value", judging()) is None
    assert check_stamp(Ledger(), timestamp(OFFICE, b"value", SIGNED_AT), b"value", judging()) is not None


def test_a_bare_signature_value_names_nobody() -> None:
    bare = Sealing(layout="gbt35275", wreck_value=lambda _v: seq(integer(5), integer(6)))
    assert told(look(sealed(OFFICE, bare))) == doubt(Sub.NO_SIGNING_CERTIFICATE_FOUND)
    raw = Sealing(layout="gbt35275", wreck_value=lambda _v: bytes(64))
    assert told(look(sealed(OFFICE, raw))) == doubt(Sub.NO_SIGNING_CERTIFICATE_FOUND)
    assert seq(bits(b""), octets(b""))


def test_signed_data_over_another_list() -> None:
    layouts: tuple[Layout, ...] = ("gbt35275", "gbt35275_attributes")
    for layout in layouts:
        parts = sealed(OFFICE, Sealing(layout=layout))
        part = "Doc_0/Signs/Sign_0/Signature.xml"
        assert told(look(parts | {part: parts[part] + b"\n"})) == failed(Sub.HASH_FAILURE)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_byte_of_a_signed_part_changed_never_passes(data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(sorted(document())))
    content = bytearray(GOOD[part])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert look(GOOD | {part: bytes(content)}).indication is not Indication.TOTAL_PASSED


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_byte_of_the_signatures_own_parts_changed_never_raises(data: st.DataObject) -> None:
    part = data.draw(st.sampled_from([path for path in GOOD if "/Signs/" in path]))
    content = bytearray(GOOD[part])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    report = look(GOOD | {part: bytes(content)})
    if part.endswith(("Signature.xml", "SignedValue.dat", "Seal.esl")) and bytes(content) != GOOD[part]:
        assert report.indication is not Indication.TOTAL_PASSED


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_file_gets_a_report(data: st.DataObject) -> None:
    content = bytearray(GOOD_FILE)
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    whole = bytes(content[:cut]) if data.draw(st.booleans()) else bytes(content)
    report = verify(whole, judging())
    assert report.size_bytes == len(whole)
    if len(whole) < len(GOOD_FILE):
        assert report.indication is not Indication.TOTAL_PASSED
