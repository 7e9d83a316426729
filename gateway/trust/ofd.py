"""OFD核验 (GB/T 33190): the container, its structure, each signature, the references, and what they leave uncovered."""

from gateway.trust.checks import Ledger, verdict
from gateway.trust.judged import Judged
from gateway.trust.judging import Judging
from gateway.trust.ofd_coverage import check_coverage
from gateway.trust.ofd_digests import hash_of
from gateway.trust.ofd_seal import Signed, check_seal
from gateway.trust.ofd_sign import check_sign
from gateway.trust.ofd_structure import SignatureEntry, Structure, read_structure
from gateway.trust.zip_container import Package, PackageError, open_package
from schemas.verification import Indication, LicenceFormat, SignatureReport
from schemas.verification import SubIndication as Sub

_SHOWN = 20


def verify_ofd(content: bytes, judging: Judging) -> Judged:
    """Every check of an OFD file."""
    document = Ledger()
    try:
        return _verify(content, judging, document)
    except PackageError as error:
        document.failed("container", Sub.FORMAT_FAILURE, f"文件结构不可信：{error.message_zh}", step=1, part=error.part)
    except KeyError as error:
        part = str(error.args[0])[:200] if error.args else ""
        document.failed("container", Sub.FORMAT_FAILURE, "文件缺少应有的部件。", step=1, part=part)
    return Judged(LicenceFormat.OFD, tuple(document.checks), dialects=tuple(document.dialects))


def _verify(content: bytes, judging: Judging, document: Ledger) -> Judged:
    package = open_package(content, judging.policy)
    document.passed("container", "文件容器完整，没有重名、隐藏或越界的部件。", step=1, parts=len(package.entries))
    structure = read_structure(package, document, most=judging.policy.max_signatures)
    document.passed("structure", "文件结构可以识别。", step=2, signatures=len(structure.signatures))
    if not structure.signatures:
        document.unsure("signed", Sub.NO_SIGNATURE, "文件没有任何签名或签章。")
        return Judged(LicenceFormat.OFD, tuple(document.checks), dialects=tuple(document.dialects))
    checks, reports, covered = [], [], set()
    dialects = list(document.dialects)
    for index, entry in enumerate(structure.signatures):
        ledger = Ledger(index)
        report = _signature(ledger, package, entry, index, judging)
        checks += ledger.checks
        reports.append(report)
        dialects += ledger.dialects
        if report.indication is not Indication.TOTAL_FAILED:
            covered |= {reference.part for reference in entry.references}
    tail = Ledger()
    if covered or all(report.indication is not Indication.TOTAL_FAILED for report in reports):
        check_coverage(tail, package, structure, covered)
    else:
        _note_uncovered(tail, structure)
    every = (*document.checks, *checks, *tail.checks)
    return Judged(LicenceFormat.OFD, every, tuple(reports), tuple(dict.fromkeys(dialects)))


def _note_uncovered(ledger: Ledger, structure: Structure) -> None:
    count = len(structure.signatures)
    ledger.skipped("coverage", "没有成立的签名，未检查覆盖范围。", step=12, signatures=count)


def _signature(
    ledger: Ledger, package: Package, entry: SignatureEntry, index: int, judging: Judging
) -> SignatureReport:
    signed = Signed("unknown")
    if entry.value_part not in package:
        ledger.failed("signature_value", Sub.FORMAT_FAILURE, "缺少签名值文件。", step=3, part=entry.value_part)
    elif entry.kind == "Sign":
        signed = check_sign(ledger, package, entry, judging)
    elif entry.kind == "Seal":
        signed = check_seal(ledger, package, entry, judging)
    else:
        ledger.failed("signature_type", Sub.FORMAT_FAILURE, "签名类型不能识别。", step=3, type=entry.kind[:50])
    _check_references(ledger, package, entry, judging)
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


def _check_references(ledger: Ledger, package: Package, entry: SignatureEntry, judging: Judging) -> None:
    if not entry.references:
        ledger.failed("references", Sub.UNSIGNED_CONTENT, "签名没有引用任何内容。", step=6)
        return
    if entry.digest not in judging.policy.strong_digests:
        text = "签名所用的摘要算法已不安全。"
        ledger.unsure("digest_algorithm", Sub.CRYPTO_CONSTRAINTS_FAILURE, text, step=6, digest=entry.digest[:60])
    altered = [
        reference.part
        for reference in entry.references
        if reference.part not in package or hash_of(entry.digest, package.read(reference.part)) != reference.digest
    ]
    if altered:
        ledger.failed(
            "references",
            Sub.HASH_FAILURE,
            "签名后内容被改动或缺失。",
            step=6,
            parts=altered[:_SHOWN],
            count=len(altered),
        )
    else:
        ledger.passed("references", "签名引用的内容均未被改动。", step=6, parts=len(entry.references))
