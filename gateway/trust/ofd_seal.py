"""签章核验: one seal under one document, steps 3 to 11 of verification; coverage is the document's."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.trust import ses
from gateway.trust.certificates import Certificate, CertificateError, certificate
from gateway.trust.chains import Use, check_chain
from gateway.trust.checks import Fact, Ledger
from gateway.trust.der import DerError
from gateway.trust.judging import Judging
from gateway.trust.keys import WEAK_SIGNATURES, digest_of, family
from gateway.trust.ofd_digests import hash_of
from gateway.trust.ofd_structure import SignatureEntry
from gateway.trust.ses import Seal, SealSignature
from gateway.trust.sm2 import sm3
from gateway.trust.snapshot import Purpose
from gateway.trust.timestamps import Stamped, check_stamp
from gateway.trust.zip_container import Package
from schemas.verification import SubIndication as Sub


@dataclass(frozen=True, slots=True)
class Signed:
    """What is known of a signature once it was looked at."""

    kind: str
    signer: str | None = None
    at: datetime | None = None
    proved: bool = False


def check_seal(ledger: Ledger, package: Package, entry: SignatureEntry, judging: Judging) -> Signed:
    """Note everything about one seal."""
    content = package.read(entry.value_part)
    try:
        found = ses.seal_signature(content)
        signer = certificate(found.signer)
    except (DerError, CertificateError) as error:
        text = "签章数据不符合编码规范。"
        ledger.failed("seal_structure", Sub.FORMAT_FAILURE, text, step=3, reason=str(error))
        return Signed("seal")
    ledger.passed("seal_structure", "签章数据结构完整。", step=3, version=found.version)
    if found.version == "ses_v1" and found.seal.version > 3:
        ledger.dialect("v1_layout_with_later_header")
    signed = Signed(found.version, signer.subject_text, found.claimed_time)
    if not check_algorithm(ledger, entry.method, found.algorithm, signer):
        return signed
    check_value(ledger, signer, found.algorithm, found.tbs, found.signature)
    _check_binding(ledger, package, entry, found)
    stamped = check_stamp(ledger, found.timestamp, found.signature, judging)
    use = time_of(ledger, found.claimed_time, stamped, judging)
    maker = check_seal_value(ledger, found.seal)
    if maker is not None:
        _check_seal_file(ledger, package, entry, found.seal)
        check_maker(ledger, maker, found.seal, judging, use)
    check_holder(ledger, found.seal, signer)
    check_span(ledger, found.seal, use)
    check_chain(ledger, signer, judging, Purpose.SIGNER, Use(use.at, use.proved, 9))
    return Signed(found.version, signer.subject_text, use.at, use.proved)


def check_algorithm(ledger: Ledger, method: str | None, algorithm: str, signer: Certificate) -> bool:
    """Whether the numbers in the description, in the signature and in the certificate mean one algorithm."""
    told = family(method) if method else family(algorithm)
    if not family(algorithm) or told != family(algorithm) or signer.key.kind != family(algorithm):
        ledger.failed(
            "algorithm",
            Sub.FORMAT_FAILURE,
            "签名算法的三处写法互相矛盾。",
            step=3,
            described=method,
            signed=algorithm,
            key=signer.key.kind,
        )
        return False
    if method is None:
        ledger.dialect("signature_without_method")
    if algorithm in WEAK_SIGNATURES or signer.key.is_weak:
        text = "签名算法已不安全。"
        ledger.unsure("algorithm", Sub.CRYPTO_CONSTRAINTS_FAILURE, text, step=3, signed=algorithm)
    else:
        ledger.passed("algorithm", "签名算法一致且安全。", step=3, signed=algorithm)
    return True


def check_value(ledger: Ledger, signer: Certificate, algorithm: str, message: bytes, signature: bytes) -> None:
    """Whether the signature value holds over what was signed."""
    raw = signer.key.kind == "sm2" and len(signature) == 64
    if raw:
        ledger.dialect("raw_signature_value")
    if signer.key.verify(algorithm, message, signature, raw=raw):
        ledger.passed("signature_value", "签名值与签名内容、签章人证书相符。", step=4)
    else:
        ledger.failed("signature_value", Sub.SIG_CRYPTO_FAILURE, "签名值不符，文件或签名被改动过。", step=4)


def _check_binding(ledger: Ledger, package: Package, entry: SignatureEntry, found: SealSignature) -> None:
    digest = hash_of(digest_of(found.algorithm), package.read(entry.part))
    if digest == found.data_hash:
        ledger.passed("data_hash", "被签名的清单未被改动。", step=5)
    else:
        ledger.failed("data_hash", Sub.HASH_FAILURE, "签名后清单被改动过。", step=5, part=entry.part)
    path = found.property_info.strip().lstrip("/")
    if path == entry.part:
        ledger.passed("property", "签章属于本文件的这个位置。", step=5)
    else:
        told: dict[str, Fact] = {"signed": path[:200], "found": entry.part}
        ledger.failed("property", Sub.PROPERTY_MISMATCH, "签章是为文件的另一位置所作，被搬移过。", step=5, **told)


def check_seal_value(ledger: Ledger, seal: Seal) -> Certificate | None:
    """The maker of a seal, after its signature was looked at; None where its certificate cannot be read."""
    try:
        maker = certificate(seal.maker)
    except CertificateError as error:
        text = "印章中的制章者证书无法识别。"
        ledger.failed("seal_value", Sub.FORMAT_FAILURE, text, step=7, reason=str(error))
        return None
    raw = maker.key.kind == "sm2" and len(seal.signature) == 64
    if raw:
        ledger.dialect("raw_seal_value")
    if maker.key.verify(seal.algorithm, seal.signed, seal.signature, raw=raw):
        ledger.passed("seal_value", "印章与制章者的签名相符。", step=7, seal=seal.name, identifier=seal.identifier)
    else:
        ledger.failed("seal_value", Sub.SEAL_SIG_FAILURE, "印章内容被改动过，与制章者的签名不符。", step=7)
    return maker


def check_maker(ledger: Ledger, maker: Certificate, seal: Seal, judging: Judging, use: Use) -> None:
    """Whether the maker could make this seal, and is one of those who may."""
    check_chain(ledger, maker, judging, Purpose.SEALER, Use(seal.created, use.proved, 7))
    sealers = judging.snapshot.sealers
    if sealers is None:
        ledger.skipped("sealer_authorised", "未配置授权制章者名单，未检查。", step=7)
    elif maker.sha256 in sealers:
        ledger.passed("sealer_authorised", "制章者在授权名单中。", step=7)
    else:
        text = "制章者不在授权名单中，请核对印章来源。"
        told: dict[str, Fact] = {"maker": maker.subject_text, "certificate_sha256": maker.sha256}
        ledger.unsure("sealer_authorised", Sub.SEALER_NOT_AUTHORISED, text, step=7, **told)


def _check_seal_file(ledger: Ledger, package: Package, entry: SignatureEntry, seal: Seal) -> None:
    if entry.seal_part is None:
        ledger.dialect("seal_file_not_named")
    elif entry.seal_part not in package or package.read(entry.seal_part) != seal.encoded:
        ledger.failed("seal_file", Sub.SEAL_MISMATCH, "文件中的印章与签章所用的印章不是同一枚。", step=7)
    else:
        ledger.passed("seal_file", "文件中的印章就是签章所用的印章。", step=7)


def check_holder(ledger: Ledger, seal: Seal, signer: Certificate) -> None:
    """Whether the signer is one of those for whom the seal was made."""
    if signer.der in seal.signers or sm3(signer.der) in seal.signer_digests:
        ledger.passed("signer_in_seal", "签章人有权使用这枚印章。", step=8)
    else:
        ledger.failed(
            "signer_in_seal", Sub.SIGNER_NOT_IN_SEAL, "签章人不在这枚印章的签章人名单中，属冒用印章。", step=8
        )


def check_span(ledger: Ledger, seal: Seal, use: Use) -> None:
    """Whether the seal was valid when it was put under the document."""
    span: dict[str, Fact] = {
        "from": seal.valid_from.isoformat(),
        "until": seal.valid_until.isoformat(),
        "at": use.at.isoformat(),
    }
    if seal.valid_from <= use.at <= seal.valid_until:
        ledger.passed("seal_validity", "签章时印章在有效期内。", step=10, **span)
    else:
        ledger.failed("seal_validity", Sub.SEAL_EXPIRED, "签章时印章不在有效期内。", step=10, **span)


def time_of(ledger: Ledger, claimed: datetime | None, stamped: Stamped | None, judging: Judging) -> Use:
    """The time that counts as that of signing: a timestamp's, else the one the signer claims, else now."""
    at = stamped.at if stamped else claimed or judging.now
    if at > judging.now + timedelta(seconds=judging.policy.clock_skew_s):
        text = "签名时间在核验时刻之后。"
        ledger.unsure("signing_time", Sub.SIG_CONSTRAINTS_FAILURE, text, step=10, at=at.isoformat())
    elif claimed is None and stamped is None:
        ledger.unsure("signing_time", Sub.SIG_CONSTRAINTS_FAILURE, "签名没有时间。", step=10)
    else:
        source = "由时间戳证明" if stamped else "为签章人所称"
        ledger.passed("signing_time", f"签名时间{source}。", step=10, at=at.astimezone(UTC).isoformat())
    return Use(at, stamped is not None)
