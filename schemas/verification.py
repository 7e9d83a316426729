"""核验报告: what came of checking an e-licence, in words for a clerk and in checks for an auditor.

Main and sub-indications are those of ETSI EN 319 102-1, with ours for seals beside them. A report names the moment,
the policy and the generation of the trust store, so that it can be made again years later.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.model import Model, Moment, Sha256Hex, ShortText


class Indication(StrEnum):
    """结论."""

    TOTAL_PASSED = "TOTAL_PASSED"
    """通过: every required signature holds."""
    INDETERMINATE = "INDETERMINATE"
    """无法确定: neither proved good nor proved bad."""
    TOTAL_FAILED = "TOTAL_FAILED"
    """不通过: proved bad."""


class SubIndication(StrEnum):
    """原因. Names of EN 319 102-1 where it has one; the seal's and NO_SIGNATURE, UNSIGNED_CONTENT are ours."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED = "REVOKED"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    TRY_LATER = "TRY_LATER"
    SEAL_SIG_FAILURE = "SEAL_SIG_FAILURE"
    """制章者签名不符."""
    SEAL_MISMATCH = "SEAL_MISMATCH"
    """印章与签章中的印章不一致."""
    SEAL_EXPIRED = "SEAL_EXPIRED"
    """印章不在有效期."""
    SIGNER_NOT_IN_SEAL = "SIGNER_NOT_IN_SEAL"
    """签章人不在印章的签章人名单中."""
    SEALER_NOT_AUTHORISED = "SEALER_NOT_AUTHORISED"
    """制章者不在授权名单中."""
    PROPERTY_MISMATCH = "PROPERTY_MISMATCH"
    """签章的原文属性与其位置不符."""
    UNSIGNED_CONTENT = "UNSIGNED_CONTENT"
    """显示的内容未被签名覆盖."""
    NO_SIGNATURE = "NO_SIGNATURE"
    """没有签名."""


class CheckStatus(StrEnum):
    """单项结果."""

    PASS = "pass"  # noqa: S105 - the word of the contract, no secret
    FAIL = "fail"
    INDETERMINATE = "indeterminate"
    SKIPPED = "skipped"


Evidence = dict[str, str | int | bool | list[str] | None]
"""证据: digests, names of parts, certificate subjects and numbers; never a holder's name or number in full."""


class Check(Model):
    """检查项: one named check and what it found."""

    name: ShortText
    step: Annotated[int, Field(ge=1, le=12)] | None = None
    """Which of the twelve steps of OFD seal verification it carries out [M]: the standards' texts were not at hand."""
    status: CheckStatus
    sub_indication: SubIndication | None = None
    evidence: Evidence = Field(default_factory=dict)
    message_zh: Annotated[str, Field(max_length=500)]
    signature: Annotated[int, Field(ge=0)] | None = None
    """Index of the signature it belongs to; absent for the document as a whole."""


class SignatureReport(Model):
    """单个签名的结论."""

    index: Annotated[int, Field(ge=0)]
    kind: ShortText
    """ses_v1, ses_v4, ses_v5, gbt_35275, pdf, jws, sd_jwt …"""
    signer: str | None = None
    """Subject of the signing certificate, or the issuer of a token."""
    signed_at: Moment | None = None
    time_proof: bool = False
    """Whether the time is proved by a timestamp; otherwise the signer claims it."""
    indication: Indication
    sub_indication: SubIndication | None = None


class LicenceFormat(StrEnum):
    """文件格式."""

    OFD = "ofd"
    PDF = "pdf"
    JWS = "jws"
    SD_JWT = "sd_jwt"
    UNKNOWN = "unknown"


class Report(Model):
    """核验报告: the verdict on one file or token; the worst required signature decides, and no checks prove nothing."""

    format: LicenceFormat
    sha256: Sha256Hex
    size_bytes: Annotated[int, Field(ge=0)]
    indication: Indication
    sub_indication: SubIndication | None = None
    message_zh: str
    """One sentence for the clerk: what it means and what to do."""
    at: Moment
    """The moment for which it was judged."""
    trust_generation: ShortText
    policy: ShortText
    checks: tuple[Check, ...]
    signatures: tuple[SignatureReport, ...]
    dialects: tuple[str, ...] = ()
    """Departures from the standards that real issuers make and we accept, each by its name."""
