"""证照核验请求与结果: what a window asks to have checked, for what use, and the answer that is kept."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from schemas.identifiers import CaseNumber, CatalogCode, DivisionCode, LicenceIdentifier
from schemas.licence import LicenceTypeCode
from schemas.model import Model, Moment, ShortText
from schemas.verification import Evidence, Report

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_~.\-]+$", max_length=200_000)]
"""令牌: a compact JWS or an SD-JWT."""
PolicyName = Literal["window", "strict", "archive"]
"""核验策略: window 窗口, strict 从严, archive 存档."""


class EvidenceGrade(StrEnum):
    """证据等级 of a material (国办函〔2016〕108号, by way of a secondary source [M])."""

    ISSUED = "A"
    """由发证机关签发并核验通过."""
    COMPARED = "B"
    """窗口人员已与原件核对."""
    UPLOADED = "C"
    """申请人上传，尚待核对."""
    PROMISED = "D"
    """自行出具并作出承诺."""


class Origin(StrEnum):
    """来历: how the file or token came to the window."""

    UPLOADED = "uploaded"
    """申请人提交."""
    COMPARED = "compared"
    """窗口人员已与原件核对."""
    PROMISED = "promised"
    """申请人自行出具并承诺."""


class UsePurpose(Model):
    """用途: what a licence is used for; recorded with every verification."""

    item_code: CatalogCode
    """办理的事项."""
    application_id: UUID | None = None
    """办件: the report is kept with it, and its applicant is the holder that is expected."""
    case_number: CaseNumber | None = None
    operator: ShortText | None = None
    """经办人员: a work number, not a name; absent = the caller's account."""


class Holder(Model):
    """应为持证主体: who the licence should belong to. Never kept, never logged."""

    name: ShortText | None = None
    number: ShortText | None = None
    """Resident number, passport number or credit code."""


class LicenceToCheck(Model):
    """待核验证照: exactly one of token, file_id, licence_identifier."""

    token: Token | None = None
    file_id: UUID | None = None
    """A file that the caller brought with POST /v1/files."""
    licence_identifier: LicenceIdentifier | None = None
    """免提交: fetched from the office that issued it. With a token or file: the identifier it should have."""
    type_code: LicenceTypeCode | None = None
    """The kind of licence that is needed."""
    holder: Holder | None = None
    origin: Origin = Origin.UPLOADED

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.token is not None and self.file_id is not None:
            raise ValueError("token 与 file_id 只能给一个 / give a token or a file_id, not both")
        if self.token is None and self.file_id is None and self.licence_identifier is None:
            raise ValueError(
                "须给出 token、file_id 或 licence_identifier / a token, a file_id or a licence_identifier is needed"
            )
        return self


class CheckOne(LicenceToCheck):
    """核验请求: one licence."""

    purpose: UsePurpose
    policy: PolicyName = "window"
    reuse: bool = False
    """沿用: take a prior passed check of the very same bytes while it is valid."""


class CheckMany(Model):
    """批量核验请求: up to 100 licences for one use."""

    licences: Annotated[tuple[LicenceToCheck, ...], Field(min_length=1, max_length=100)]
    purpose: UsePurpose
    policy: PolicyName = "window"
    reuse: bool = False


class LicenceFinding(Model):
    """内容核对: what the licence says, compared with what it should say; personal data masked."""

    rule: ShortText
    severity: Literal["error", "warning", "info"]
    message_zh: str
    message: str
    evidence: Evidence = Field(default_factory=dict)


class PriorCheck(Model):
    """此前的核验: who passed the same bytes, and when."""

    verification_id: UUID
    verified_at: Moment
    operator: ShortText
    policy: ShortText


class Verification(Model):
    """核验结果: the report on authenticity, the comparison of contents, and the use it was made for."""

    verification_id: UUID
    verified_at: Moment
    caller: ShortText
    city: DivisionCode
    """The caller's city."""
    purpose: UsePurpose
    usable: bool
    """Authentic, and nothing in it speaks against this use."""
    message_zh: str
    """One sentence for the clerk."""
    evidence_grade: EvidenceGrade
    report: Report
    findings: tuple[LicenceFinding, ...] = ()
    licence_identifier: str | None = None
    file_id: UUID | None = None
    """The file that was checked; of a fetched licence it can be named in an application's material."""
    reused: PriorCheck | None = None
    """沿用: the report is that of this earlier check."""
    earlier: PriorCheck | None = None
    """The newest check before that passed the same bytes."""
