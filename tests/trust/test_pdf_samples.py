"""Every PDF sample comes out as its entry says; those of other projects are judged by the certificates they bring."""

from datetime import UTC, datetime

import pytest

pytest.importorskip("pyhanko", reason="NOT CHECKED: the extra pdf is not installed")

from gateway.trust import der
from gateway.trust.judging import Judging
from gateway.trust.pdf import read_pdf
from gateway.trust.policy import DEFAULT
from gateway.trust.signed_data import signed_data
from gateway.trust.snapshot import Anchor, TrustSnapshot
from gateway.trust.verify import verify
from gateway.usecases.trust_folder import trust_folder
from schemas.verification import Indication, Report
from schemas.verification import SubIndication as Sub
from tests.trust.samples import samples

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NO_VALUE = frozenset({"base.pdf", "one-byterange.pdf", "signature-gap-too-big.pdf"})


def own_certificates(content: bytes) -> TrustSnapshot:
    """Trust in whatever goes with the signatures of content."""
    values = [
        signed_data(der.leading(bytes.fromhex(one.contents_hex))[0]) for one in read_pdf(content, DEFAULT).signatures
    ]
    values += [signed_data(one.timestamp) for one in values if one.timestamp is not None]
    return TrustSnapshot("own", tuple(Anchor(one) for value in values for one in value.certificates))


def look(name: str) -> Report:
    content = (samples() / "pdf" / name).read_bytes()
    snapshot = TrustSnapshot("none") if name in NO_VALUE else own_certificates(content)
    return verify(content, Judging(snapshot, DEFAULT, NOW))


@pytest.mark.parametrize("name", ["base.pdf", "one-byterange.pdf", "signature-gap-too-big.pdf"])
def test_ranges_that_leave_something_out_fail(name: str) -> None:
    report = look(name)
    assert (report.indication, report.sub_indication) == (Indication.TOTAL_FAILED, Sub.FORMAT_FAILURE)


def test_a_tail_that_no_signature_covers_fails() -> None:
    report = look("tail-uncovered.pdf")
    assert report.indication is Indication.TOTAL_FAILED
    assert Sub.UNSIGNED_CONTENT in {check.sub_indication for check in report.checks}


def test_two_signatures_the_second_over_the_first() -> None:
    report = look("minimal-two-fields-signed-twice.pdf")
    later = {check.signature: check.evidence.get("later") for check in report.checks if check.name == "coverage"}
    assert sorted(str(one) for one in later.values()) == ["none", "signatures"]
    assert [one.indication for one in report.signatures] == [Indication.TOTAL_PASSED] * 2


def test_signed_data_without_attributes_passes() -> None:
    report = look("sig-no-signed-attrs.pdf")
    assert (report.indication, report.sub_indication) == (Indication.TOTAL_PASSED, None)


def test_archive_updates_after_a_signature_pass_and_prove_its_time() -> None:
    report = look("pades-lta-dss-indirect-arrs-test.pdf")
    assert (report.indication, report.sub_indication) == (Indication.TOTAL_PASSED, None)
    assert all(one.time_proof for one in report.signatures)


def test_an_sm2_signature_passes_under_its_root() -> None:
    content = (samples() / "pdf" / "synthetic-sm2-pades.pdf").read_bytes()
    trust = trust_folder(samples() / "trust-synthetic")
    report = verify(content, Judging(trust, DEFAULT, NOW))
    assert (report.indication, report.sub_indication) == (Indication.TOTAL_PASSED, None)
