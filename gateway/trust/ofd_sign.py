"""数字签名核验: a signature without a seal (Type=Sign), GB/T 35275 signed data over the digest of Signature.xml."""

from datetime import UTC, datetime

from gateway.trust.chains import Use, check_chain
from gateway.trust.checks import Ledger
from gateway.trust.der import DerError, moment
from gateway.trust.judging import Judging
from gateway.trust.keys import digest_of
from gateway.trust.ofd_digests import hash_of
from gateway.trust.ofd_seal import Signed, check_algorithm, check_value, time_of
from gateway.trust.ofd_structure import SignatureEntry
from gateway.trust.signed_data import SignedData, signed_data
from gateway.trust.snapshot import Purpose
from gateway.trust.zip_container import Package
from schemas.verification import SubIndication as Sub

_KIND = "gbt_35275"


def check_sign(ledger: Ledger, package: Package, entry: SignatureEntry, judging: Judging) -> Signed:
    """Note everything about one signature."""
    content = package.read(entry.value_part)
    try:
        data = signed_data(content)
    except DerError as error:
        if _is_bare(content):
            text = "签名中没有签名证书，无法确认签名人。"
            ledger.unsure("signing_certificate", Sub.NO_SIGNING_CERTIFICATE_FOUND, text, step=3)
        else:
            text = "签名数据不符合编码规范。"
            ledger.failed("signature_structure", Sub.FORMAT_FAILURE, text, step=3, reason=str(error))
        return Signed(_KIND)
    ledger.passed("signature_structure", "签名数据结构完整。", step=3)
    signer = data.signer()
    if signer is None:
        text = "签名中没有签名证书，无法确认签名人。"
        ledger.unsure("signing_certificate", Sub.NO_SIGNING_CERTIFICATE_FOUND, text, step=3)
        return Signed(_KIND)
    claimed = data.signing_time or _written(entry.claimed_time)
    if not check_algorithm(ledger, entry.method, data.algorithm, signer):
        return Signed(_KIND, signer.subject_text, claimed)
    message = _bound(data, package.read(entry.part))
    if message is None:
        ledger.failed("data_hash", Sub.HASH_FAILURE, "签名后清单被改动过。", step=5, part=entry.part)
    else:
        ledger.passed("data_hash", "被签名的清单未被改动。", step=5)
        check_value(ledger, signer, data.algorithm, message, data.signature)
    use = time_of(ledger, claimed, None, judging)
    check_chain(ledger, signer, judging, Purpose.SIGNER, Use(use.at, use.proved, 9), extra=data.certificates)
    return Signed(_KIND, signer.subject_text, use.at, use.proved)


def _bound(data: SignedData, described: bytes) -> bytes | None:
    """What the signature value must hold over, if that is bound to Signature.xml; None where it is not.

    Seen in real files: the content is the 32-byte digest, signed as it is or through signed attributes.
    """
    digest = hash_of(digest_of(data.algorithm), described)
    if data.content is not None and data.content not in (digest, described):
        return None
    if data.signed_attributes is None:
        return digest if data.content is None else data.content
    told = {hash_of(data.digest, described)} | ({hash_of(data.digest, data.content)} if data.content else set())
    return data.signed_attributes if data.message_digest in told else None


def _is_bare(content: bytes) -> bool:
    """Whether it is a signature value and nothing else: 64 bytes, or two numbers in DER."""
    return len(content) == 64 or (len(content) <= 72 and content[:1] == b"\x30")


def _written(text: str | None) -> datetime | None:
    """SignatureDateTime in one of the ways real files write it; without a zone it is Beijing time."""
    if not text:
        return None
    digits = text.replace("-", "").replace(":", "").replace(" ", "").replace("T", "")
    try:
        return moment(digits).astimezone(UTC)
    except (DerError, ValueError):
        return None
