"""PDF签名核验: one signature's range, value, certificate and time, by our own readers and nothing of a PDF library.

A signature value is CMS or GB/T 35275 signed data, or the raw structure of an electronic seal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.trust import der, ses
from gateway.trust.certificates import Certificate, CertificateError, certificate
from gateway.trust.chains import Use, check_chain
from gateway.trust.checks import Ledger
from gateway.trust.der import DerError
from gateway.trust.judging import Judging
from gateway.trust.keys import digest_of, family
from gateway.trust.ofd_digests import hash_of
from gateway.trust.ofd_seal import (
    Signed,
    check_algorithm,
    check_holder,
    check_maker,
    check_seal_value,
    check_span,
    check_value,
    time_of,
)
from gateway.trust.pdf_parts import PdfSignature
from gateway.trust.signed_data import SignedData, signed_data
from gateway.trust.snapshot import Purpose
from gateway.trust.timestamps import Stamped, check_stamp
from schemas.verification import SubIndication as Sub

_KNOWN = frozenset({"/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/adbe.pkcs7.sha1"})


@dataclass(frozen=True, slots=True)
class Covered:
    """What one signature is judged by."""

    content: bytes
    """The bytes its range names."""
    value: bytes
    """The signature value without its padding."""
    claimed: datetime | None
    stamp: Stamped | None
    """A document timestamp over the whole signature, where there is one that holds."""


def covered(ledger: Ledger, file: bytes, signature: PdfSignature) -> tuple[bytes, bytes] | None:
    """(bytes signed, signature value). The range is the whole file but for the value, or nothing is to be believed."""
    signed = _signed(file, signature)
    if signed is None:
        text = "签名范围不规范，文件中有未被签名的部分。"
        numbers = [str(one) for one in signature.byte_range]
        ledger.failed("byte_range", Sub.FORMAT_FAILURE, text, step=6, range=numbers)
        return None
    ledger.passed("byte_range", "签名范围从文件开头起，只空出签名值。", step=6, bytes=len(signed))
    try:
        value, padding = der.leading(bytes.fromhex(signature.contents_hex))
    except DerError as error:
        ledger.failed("signature_structure", Sub.FORMAT_FAILURE, "签名数据不符合编码规范。", step=3, reason=str(error))
        return None
    if padding.strip(b"\0"):
        text = "签名数据之后夹有其他内容。"
        ledger.failed("signature_structure", Sub.FORMAT_FAILURE, text, step=3, reason="bytes after the end")
        return None
    return signed, value


def _signed(file: bytes, signature: PdfSignature) -> bytes | None:
    if len(signature.byte_range) != 4:
        return None
    start, length, begins, rest = signature.byte_range
    end = begins + rest
    if start != 0 or length <= 0 or rest <= 0 or not length < begins <= end <= len(file):
        return None
    # the gap is the value itself, in the writing that PDF producers use, and not one byte more
    if file[length:begins].lower() != b"<" + signature.contents_hex.encode() + b">":
        return None
    return file[:length] + file[begins:end]


def check_signature(ledger: Ledger, of: Covered, signature: PdfSignature, judging: Judging) -> Signed:
    """Note everything about the value of one signature of content."""
    if signature.sub_filter not in _KNOWN:
        ledger.dialect("pdf_sub_filter_unknown")
    try:
        data = signed_data(of.value)
    except DerError as error:
        return _check_seal(ledger, of, judging, str(error))
    ledger.passed("signature_structure", "签名数据结构完整。", step=3)
    signer = data.signer()
    if signer is None:
        text = "签名中没有签名证书，无法确认签名人。"
        ledger.unsure("signing_certificate", Sub.NO_SIGNING_CERTIFICATE_FOUND, text, step=3)
        return Signed("pdf")
    claimed = data.signing_time or of.claimed
    if not _supported(ledger, data) or not check_algorithm(ledger, data.algorithm, data.algorithm, signer):
        return Signed("pdf", signer.subject_text, claimed)
    _check_digest(ledger, data.digest, judging)
    _check_named(ledger, data, signer)
    _check_message(ledger, data, signer, of.content)
    stamped = check_stamp(ledger, data.timestamp, data.signature, judging) or of.stamp
    use = time_of(ledger, claimed, stamped, judging)
    check_chain(ledger, signer, judging, Purpose.SIGNER, Use(use.at, use.proved, 9), extra=data.certificates)
    return Signed("pdf", signer.subject_text, use.at, use.proved)


def _supported(ledger: Ledger, data: SignedData) -> bool:
    if family(data.algorithm):
        return True
    text = "本系统尚不能核验这种签名算法。"
    ledger.unsure("algorithm", Sub.CRYPTO_CONSTRAINTS_FAILURE, text, step=3, signed=data.algorithm)
    return False


def _check_digest(ledger: Ledger, digest: str, judging: Judging) -> None:
    if digest not in judging.policy.strong_digests:
        text = "签名所用的摘要算法已不安全。"
        ledger.unsure("digest_algorithm", Sub.CRYPTO_CONSTRAINTS_FAILURE, text, step=6, digest=digest[:60])


def _check_named(ledger: Ledger, data: SignedData, signer: Certificate) -> None:
    """A signed hash of the signer's certificate keeps another certificate for the same key from taking its place."""
    if data.certificate_hash is None:
        return
    digest, value = data.certificate_hash
    if hash_of(digest, signer.der) == value:
        ledger.passed("signing_certificate", "签名指明的证书就是签名人证书。", step=3)
    else:
        text = "签名指明的证书与所附证书不是同一张。"
        ledger.failed("signing_certificate", Sub.SIG_CONSTRAINTS_FAILURE, text, step=3, digest=digest[:60])


def _check_message(ledger: Ledger, data: SignedData, signer: Certificate, content: bytes) -> None:
    messages = _messages(ledger, data, content)
    if not messages:
        ledger.failed("data_hash", Sub.HASH_FAILURE, "签名后文件内容被改动过。", step=5)
        return
    if data.signed_attributes is not None or data.content is not None:
        ledger.passed("data_hash", "被签名的文件内容未被改动。", step=5, digest=data.digest)
    raw = signer.key.kind == "sm2" and len(data.signature) == 64
    held = [one for one in messages if signer.key.verify(data.algorithm, one, data.signature, raw=raw)]
    if held and held[0] != messages[0]:
        ledger.dialect("digest_signed_as_content")
    check_value(ledger, signer, data.algorithm, held[0] if held else messages[0], data.signature)


def _messages(ledger: Ledger, data: SignedData, content: bytes) -> Sequence[bytes]:
    """What the value may hold over; nothing where the signature is not bound to the content.

    Some issuers put the digest of the content inside as the content, or sign the digest where no attributes are.
    """
    digest = hash_of(data.digest, content)
    if data.content is not None:
        if not digest or data.content not in (digest, hash_of("sha1", content)):
            return ()
        if data.content != digest:
            text = "签名所用的摘要算法已不安全。"
            ledger.unsure("digest_algorithm", Sub.CRYPTO_CONSTRAINTS_FAILURE, text, step=6, digest="sha1")
        else:
            ledger.dialect("digest_inside")
    if data.signed_attributes is not None:
        told = digest if data.content is None else hash_of(data.digest, data.content)
        allowed = {told, digest} - {b""}
        return (data.signed_attributes,) if data.message_digest in allowed else ()
    if data.content is not None:
        return (data.content,)
    return (content, digest) if family(data.algorithm) == "sm2" else (content,)


def _check_seal(ledger: Ledger, of: Covered, judging: Judging, reason: str) -> Signed:
    """A value that is not signed data: the raw structure of an electronic seal, or nothing we know."""
    try:
        found = ses.seal_signature(of.value)
        signer = certificate(found.signer)
    except (DerError, CertificateError) as error:
        told = [reason, str(error)]
        ledger.failed("signature_structure", Sub.FORMAT_FAILURE, "签名数据不符合编码规范。", step=3, reason=told)
        return Signed("pdf")
    ledger.passed("seal_structure", "签章数据结构完整。", step=3, version=found.version)
    signed = Signed(found.version, signer.subject_text, found.claimed_time)
    if not check_algorithm(ledger, found.algorithm, found.algorithm, signer):
        return signed
    check_value(ledger, signer, found.algorithm, found.tbs, found.signature)
    if hash_of(digest_of(found.algorithm), of.content) == found.data_hash:
        ledger.passed("data_hash", "被签名的文件内容未被改动。", step=5)
    else:
        ledger.failed("data_hash", Sub.HASH_FAILURE, "签名后文件内容被改动过。", step=5)
    stamped = check_stamp(ledger, found.timestamp, found.signature, judging) or of.stamp
    use = time_of(ledger, found.claimed_time or of.claimed, stamped, judging)
    maker = check_seal_value(ledger, found.seal)
    if maker is not None:
        check_maker(ledger, maker, found.seal, judging, use)
    check_holder(ledger, found.seal, signer)
    check_span(ledger, found.seal, use)
    check_chain(ledger, signer, judging, Purpose.SIGNER, Use(use.at, use.proved, 9))
    return Signed(found.version, signer.subject_text, use.at, use.proved)
