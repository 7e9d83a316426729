"""办件申请: what a window or a partner system hands in, and what it gets back."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, StringConstraints, model_validator

from schemas.agreement import Mode
from schemas.identifiers import CatalogCode, CreditCode, DivisionCode, LicenceIdentifier, check_resident_number
from schemas.model import Model, Moment, Sha256Hex, ShortText

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9\- ]{4,24}$")]
"""联系电话: digits with optional +, spaces and hyphens; 5 to 26 characters."""
FormValue = Annotated[
    Annotated[str, StringConstraints(max_length=4000)] | StrictInt | StrictBool | None,
    Field(union_mode="left_to_right"),
]
"""表单值: text, whole number, yes/no or empty. Amounts are text or the smallest unit, never a binary fraction."""
FormField = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class DocumentKind(StrEnum):
    """证件类型 of a person."""

    RESIDENT = "resident"
    """居民身份证, GB 11643."""
    PASSPORT = "passport"
    HONG_KONG_MACAO = "hong_kong_macao"
    TAIWAN = "taiwan"
    OTHER = "other"


class NaturalPerson(Model):
    """自然人 as applicant."""

    kind: Literal["person"] = "person"
    name: ShortText
    """May hold any character a name can have, rare ones included."""
    document_kind: DocumentKind = DocumentKind.RESIDENT
    document_number: ShortText
    phone: PhoneNumber | None = None
    address: ShortText | None = None

    @model_validator(mode="after")
    def _number_fits_kind(self) -> Self:
        if self.document_kind is DocumentKind.RESIDENT:
            check_resident_number(self.document_number)
        return self


class LegalPerson(Model):
    """法人 or other organisation as applicant."""

    kind: Literal["organisation"] = "organisation"
    name: ShortText
    credit_code: CreditCode
    representative_name: ShortText | None = None
    """法定代表人."""
    phone: PhoneNumber | None = None
    address: ShortText | None = None


Applicant = Annotated[NaturalPerson | LegalPerson, Field(discriminator="kind")]


class Agent(Model):
    """经办人: who acts for the applicant, on a 授权委托书."""

    name: ShortText
    document_kind: DocumentKind = DocumentKind.RESIDENT
    document_number: ShortText
    phone: PhoneNumber
    authorisation_file: UUID
    """授权委托书, by file id."""

    @model_validator(mode="after")
    def _number_fits_kind(self) -> Self:
        if self.document_kind is DocumentKind.RESIDENT:
            check_resident_number(self.document_number)
        return self


class IdentityMethod(StrEnum):
    """身份核验方式."""

    CARD_READER = "card_reader"
    FACE = "face"
    VIDEO = "video"
    COUNTER = "counter"
    PLATFORM = "platform"
    """实名认证 of the platform; enough for 全程网办."""


class IdentityCheck(Model):
    """身份核验: who was checked how, by whom and when."""

    method: IdentityMethod
    by: ShortText
    """Clerk or system; a work number, not a name, where there is one."""
    by_city: DivisionCode
    at: Moment
    evidence_file: UUID | None = None


class Consent(Model):
    """知情同意: the applicant agreed to the transfer of the data between the two cities."""

    at: Moment
    text_version: ShortText
    file: UUID | None = None


class MaterialSource(StrEnum):
    """材料来源: how this material was obtained."""

    UPLOADED = "uploaded"
    """Scanned or photographed at the window, or uploaded by the applicant."""
    LICENCE = "licence"
    """免提交: taken from an e-licence."""
    PAPER = "paper"
    """The original travels by post."""


class Material(Model):
    """申请材料: one material of the item's list, with its files."""

    material_code: ShortText
    source: MaterialSource = MaterialSource.UPLOADED
    files: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    licence_identifier: LicenceIdentifier | None = None
    copies: Annotated[int, Field(ge=0, le=99)] = 1

    @model_validator(mode="after")
    def _has_substance(self) -> Self:
        if self.source is MaterialSource.UPLOADED and not self.files:
            raise ValueError("上传的材料没有文件 / an uploaded material has no file")
        if self.source is MaterialSource.LICENCE and self.licence_identifier is None:
            raise ValueError("免提交材料缺少证照标识 / a licence material has no licence_identifier")
        return self


class Organisation(Model):
    """机构: an office with its credit code where known."""

    name: ShortText
    credit_code: CreditCode | None = None
    division: DivisionCode | None = None


class Application(Model):
    """办件申请: one application for one item of the deciding city.

    Three division codes travel with every case (GB/T 39046): where the applicant is, which city collects,
    which city decides.
    """

    item_code: CatalogCode
    """基本编码 (12); the deciding city's own 实施编码 is looked up and pinned by the gateway."""
    mode: Mode
    applicant_division: DivisionCode
    """申请人所在地."""
    collecting_city: DivisionCode
    """收件地."""
    deciding_city: DivisionCode
    """属地."""
    applicant: Applicant
    agent: Agent | None = None
    identity_check: IdentityCheck | None = None
    consent: Consent
    form: Annotated[dict[FormField, FormValue], Field(max_length=200, default_factory=dict)]
    materials: Annotated[tuple[Material, ...], Field(max_length=100)] = ()
    acting_org: Organisation | None = None
    """实际办理机构: who does the work (授权办理: the collecting city's office)."""
    authority_org: Organisation | None = None
    """法定实施机构: whose power it is."""
    caller_reference: ShortText | None = None
    """来文方流水号: the caller's own number for the case."""

    def file_ids(self) -> tuple[UUID, ...]:
        """Every file the application refers to, in order of appearance, without repeats."""
        ids = [file for material in self.materials for file in material.files]
        if self.agent is not None:
            ids.append(self.agent.authorisation_file)
        if self.identity_check is not None and self.identity_check.evidence_file is not None:
            ids.append(self.identity_check.evidence_file)
        if self.consent.file is not None:
            ids.append(self.consent.file)
        return tuple(dict.fromkeys(ids))


class StoredFile(Model):
    """文件: one stored file; its bytes are found by `sha256`."""

    file_id: UUID
    name: ShortText
    media_type: ShortText
    """Sniffed from the bytes, never taken from the sender's word."""
    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256Hex
    sm3: Sha256Hex


class Receipt(Model):
    """回执: the signed proof that an application was taken.

    `jws` is a compact JWS (ES256) over {iss, sub, iat, body_sha256, caller, idempotency_key_sha256}.
    """

    application_id: UUID
    body_sha256: Sha256Hex
    accepted_at: Moment
    jws: str


class Warning(Model):  # noqa: A001 - the word the API uses; the built-in is not meant anywhere near here
    """提示: something the window should know, but no reason to refuse."""

    code: ShortText
    pointer: str
    message: str
    message_zh: str


class Submitted(Model):
    """申请结果: the 202 answer to POST /v1/applications."""

    application_id: UUID
    state: str
    receipt: Receipt
    warnings: tuple[Warning, ...] = ()
