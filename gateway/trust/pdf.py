"""PDF核验: every signature of a PDF, and whether what a reader shows is what they signed.

The structure is read by a library that was not made for hostile files (`pdf_document`); the gateway lets a limited
process do that and hands the result to `judge_pdf`. Each signature is then verified by our own code.
"""

from gateway.trust.checks import Ledger, verdict
from gateway.trust.judged import Judged
from gateway.trust.judging import Judging
from gateway.trust.ofd_seal import Signed
from gateway.trust.pdf_parts import Fault, PdfDocument, PdfSignature
from gateway.trust.pdf_signature import Covered, check_signature, covered
from gateway.trust.policy import Policy
from gateway.trust.timestamps import Stamped, check_stamp
from schemas.verification import LicenceFormat, SignatureReport
from schemas.verification import SubIndication as Sub

_FAULTS: dict[Fault, str] = {
    "malformed": "PDF文件结构不规范，不能可靠地解析。",
    "encrypted": "PDF文件已加密，无法核验，请提供未加密的原件。",
    "too_many": "PDF文件的签名或修订过多。",
    "exhausted": "PDF文件在规定的时间和内存内不能解析完。",
}
_MISSING = "本机未安装PDF核验组件，无法核验PDF签章；请管理员安装 tongban[pdf] 后再核验。"


def verify_pdf(content: bytes, judging: Judging) -> Judged:
    """Every check of a PDF, its structure read in this process."""
    return judge_pdf(content, read_pdf(content, judging.policy), judging)


def read_pdf(content: bytes, policy: Policy) -> PdfDocument:
    """What the library makes of a file; whatever it raises is a fault of the file."""
    try:
        from gateway.trust.pdf_document import read_document  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        return PdfDocument(fault="missing")
    try:
        return read_document(content, policy)
    except MemoryError:
        return PdfDocument(fault="exhausted", reason="MemoryError")
    except Exception as error:  # the library raises assertion, key and value errors of every kind on malformed files
        return PdfDocument(fault="malformed", reason=type(error).__name__)


def judge_pdf(content: bytes, document: PdfDocument, judging: Judging) -> Judged:
    """The verdict on a PDF whose structure was read already."""
    ledger = Ledger()
    if document.fault == "missing":
        ledger.unsure("pdf_support", Sub.TRY_LATER, _MISSING, step=1, install="pip install 'tongban[pdf]'")
    elif document.fault is not None:
        ledger.failed("container", Sub.FORMAT_FAILURE, _FAULTS[document.fault], step=1, reason=document.reason)
    else:
        return _judge(ledger, content, document, judging)
    return Judged(LicenceFormat.PDF, tuple(ledger.checks))


def _judge(ledger: Ledger, content: bytes, document: PdfDocument, judging: Judging) -> Judged:
    signatures = document.signatures
    ledger.passed("container", "PDF文件结构完整。", step=1, revisions=document.revisions, signatures=len(signatures))
    if all(one.is_stamp for one in signatures):
        ledger.unsure("signed", Sub.NO_SIGNATURE, "文件没有任何签名或签章。", timestamps=len(signatures))
    stamps: dict[int, tuple[int, Stamped]] = {}
    found: dict[int, tuple[Ledger, SignatureReport]] = {}
    # the longest range first: a timestamp over a signature proves that the signature existed by then
    for index in sorted(range(len(signatures)), key=lambda one: _end(signatures[one]), reverse=True):
        one = signatures[index]
        over = [stamp for end, stamp in stamps.values() if end > _end(one)]
        own = Ledger(index)
        signed = _look(own, content, one, min(over, key=lambda stamp: stamp.at, default=None), judging)
        if one.is_stamp and signed.proved and signed.at is not None:
            stamps[index] = _end(one), Stamped(signed.at)
        found[index] = own, _report(index, signed, own)
    tail = Ledger()
    _check_covering(tail, document)
    checks = [*ledger.checks, *(check for index in sorted(found) for check in found[index][0].checks), *tail.checks]
    dialects = dict.fromkeys(name for index in sorted(found) for name in found[index][0].dialects)
    reports = tuple(found[index][1] for index in sorted(found))
    return Judged(LicenceFormat.PDF, tuple(checks), reports, tuple(dialects))


def _end(signature: PdfSignature) -> int:
    return sum(signature.byte_range[2:4])


def _look(ledger: Ledger, content: bytes, signature: PdfSignature, stamp: Stamped | None, judging: Judging) -> Signed:
    signed = Signed("pdf_timestamp" if signature.is_stamp else "pdf")
    parts = covered(ledger, content, signature)
    if parts is not None and signature.is_stamp:
        stamped = check_stamp(ledger, parts[1], parts[0], judging)
        if stamped is not None:
            signed = Signed("pdf_timestamp", None, stamped.at, proved=True)
    elif parts is not None:
        use = Covered(*parts, signature.claimed, stamp)
        signed = check_signature(ledger, use, signature, judging)
    _check_later(ledger, signature)
    return signed


def _check_later(ledger: Ledger, signature: PdfSignature) -> None:
    """Whether what came after the signature leaves what it signed as it is shown."""
    if not signature.whole_revision:
        text = "签名没有覆盖整个文件，其后的内容未被签名。"
        ledger.failed("coverage", Sub.UNSIGNED_CONTENT, text, step=12)
    elif signature.later == "content":
        ledger.failed("coverage", Sub.UNSIGNED_CONTENT, "签名后文件被增改，显示的内容可能与签名时不同。", step=12)
    elif not signature.within_permission:
        ledger.failed("coverage", Sub.UNSIGNED_CONTENT, "签名不允许其后的改动。", step=12, later=signature.later)
    else:
        text = {
            "none": "签名覆盖整个文件。",
            "archive": "签名后只增加了存档用的吊销信息或时间戳。",
            "signatures": "签名后只增加了其他签名。",
        }[signature.later]
        ledger.passed("coverage", text, step=12, later=signature.later)


def _check_covering(ledger: Ledger, document: PdfDocument) -> None:
    if document.covering:
        text = "签名后增加了可见的空白签名域，可能遮盖已签名的内容。"
        ledger.failed("covering_fields", Sub.UNSIGNED_CONTENT, text, step=12, fields=document.covering)


def _report(index: int, signed: Signed, ledger: Ledger) -> SignatureReport:
    indication, sub = verdict(ledger.checks)
    return SignatureReport(
        index=index,
        kind=signed.kind,
        signer=signed.signer,
        signed_at=signed.at,
        time_proof=signed.proved,
        indication=indication,
        sub_indication=sub,
    )
