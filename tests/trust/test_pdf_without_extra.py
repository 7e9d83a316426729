"""Without the extra `pdf` a PDF is neither passed nor refused, and the report says what to install."""

import sys

import pytest

from gateway.trust.judging import Judging
from gateway.trust.pdf import judge_pdf, read_pdf
from gateway.trust.pdf_parts import PdfDocument
from gateway.trust.policy import DEFAULT
from gateway.trust.snapshot import TrustSnapshot
from gateway.trust.verify import verify
from schemas.verification import Indication
from schemas.verification import SubIndication as Sub
from tests.trust.test_chains import NOW

JUDGING = Judging(TrustSnapshot("none"), DEFAULT, NOW)


def test_the_report_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gateway.trust.pdf_document", raising=False)
    # the import system takes None for "there is no such module"
    monkeypatch.setitem(sys.modules, "pyhanko.pdf_utils.decode_limits", None)
    report = verify(b"%PDF-1.7 whatever", JUDGING)
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, Sub.TRY_LATER)
    assert "tongban[pdf]" in report.message_zh


def test_a_file_that_needs_more_memory_than_there_is_counts_as_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    document = pytest.importorskip("gateway.trust.pdf_document", reason="NOT CHECKED: the extra pdf is not installed")

    def hungry(content: bytes, policy: object) -> PdfDocument:
        raise MemoryError

    monkeypatch.setattr(document, "read_document", hungry)
    found = read_pdf(b"%PDF-1.7", DEFAULT)
    assert found.fault == "exhausted"
    assert judge_pdf(b"%PDF-1.7", found, JUDGING).checks[0].sub_indication is Sub.FORMAT_FAILURE
