"""报文: what gateway and adapters hand each other: an outbound message, an acknowledgement, a progress report."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from schemas.application import Application, Material, StoredFile
from schemas.identifiers import DivisionCode, TaskCode
from schemas.model import Model, Moment, Sha256Hex, ShortText


class Step(StrEnum):
    """办件步骤: what can happen to a case. Names follow the event types of the public contract."""

    SUBMITTED = "SUBMITTED"
    """申办."""
    RECEIVED = "RECEIVED"
    """收件."""
    INTAKE_SUPPLEMENT_ASKED = "INTAKE_SUPPLEMENT_ASKED"
    """收件补正告知."""
    INTAKE_SUPPLEMENT_GIVEN = "INTAKE_SUPPLEMENT_GIVEN"
    """收件补正."""
    PUSHED = "PUSHED"
    """推送: the partner has the message."""
    ARRIVED = "ARRIVED"
    """属地接收."""
    SUPPLEMENT_ASKED = "SUPPLEMENT_ASKED"
    """补正告知."""
    SUPPLEMENT_GIVEN = "SUPPLEMENT_GIVEN"
    """补正."""
    ACCEPTED = "ACCEPTED"
    """受理."""
    REJECTED = "REJECTED"
    """不予受理."""
    SPECIAL_STARTED = "SPECIAL_STARTED"
    """特别程序开始."""
    SPECIAL_ENDED = "SPECIAL_ENDED"
    """特别程序结束."""
    EXTENDED = "EXTENDED"
    """延长."""
    DECIDED = "DECIDED"
    """办结."""
    DELIVERED = "DELIVERED"
    """送达."""
    RETURNED = "RETURNED"
    """退件."""
    FORWARDED = "FORWARDED"
    """转办."""
    WITHDRAWN = "WITHDRAWN"
    """撤回."""
    FOLLOW_UP_SENT = "FOLLOW_UP_SENT"
    """后续报文送出: the deciding city has the supplement or the withdrawal."""
    FILE_STORED = "FILE_STORED"
    """结果文件入库: a result file of the deciding city is stored here, with its digest."""
    UNKNOWN = "UNKNOWN"
    """未知: the partner's code is in no table of its profile; kept, and put before a person (待核)."""


class Outcome(StrEnum):
    """办结结果, in our words; vendors' codes are mapped by the city profile."""

    GRANTED = "GRANTED"
    """准予."""
    REFUSED = "REFUSED"
    """不予."""
    COMPLETED = "COMPLETED"
    """办结, where there is nothing to grant."""
    TRANSFERRED_UP = "TRANSFERRED_UP"
    """转报."""
    RETURNED = "RETURNED"
    """退回."""
    VOIDED = "VOIDED"
    """作废."""
    NOT_SUPPLEMENTED = "NOT_SUPPLEMENTED"
    """补交不来."""


class MessageKind(StrEnum):
    """报文种类 in the outbox."""

    SUBMIT = "SUBMIT"
    """The application goes to the deciding city."""
    SUPPLEMENT = "SUPPLEMENT"
    """补正: what the deciding city asked for follows the application."""
    WITHDRAW = "WITHDRAW"
    """撤回: the applicant takes the application back."""
    FETCH = "FETCH"
    """A result file is brought from the deciding city."""
    REPORT = "REPORT"
    """进度: what happened here is told to the collecting city's gateway, where it can be called."""


class OutboundFile(Model):
    """随件文件: a stored file in its place in the application."""

    file: StoredFile
    material_code: ShortText | None = None
    """Absent for 授权委托书, identity evidence and consent."""
    material_name: ShortText | None = None


class OutboundMessage(Model):
    """出站报文: one application on its way to the deciding city.

    `message_id` stays the same over every try; a partner may use it, or `application_id`, to recognise a duplicate.
    """

    message_id: UUID
    application_id: UUID
    task_code: TaskCode
    """实施编码 of the deciding city's item, pinned when the case was taken."""
    item_name: ShortText
    project_type: ShortText
    """办件类型 in our code: INSTANT 即办 or PROMISED 承诺."""
    received_at: Moment
    application: Application
    files: tuple[OutboundFile, ...] = ()
    material_names: dict[str, ShortText] = Field(default_factory=dict)
    """材料名称 by code, as the item's list has them; papers without a file are named by it."""


FollowUpKind = Literal[MessageKind.SUPPLEMENT, MessageKind.WITHDRAW]


class FollowUp(Model):
    """后续报文: what follows an application its deciding city has: the answer to a 补正告知, or a 撤回.

    `message_id` stays the same over every try, as with the application itself.
    """

    message_id: UUID
    application_id: UUID
    kind: FollowUpKind
    task_code: TaskCode
    collecting_city: DivisionCode
    deciding_city: DivisionCode
    case_number: ShortText | None = None
    """办件编号 of the deciding city, where it is known."""
    occurred_at: Moment
    """When the applicant gave it, or took the application back."""
    reason: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    """撤回: why. 补正: a note to the deciding city, if any."""
    materials: Annotated[tuple[Material, ...], Field(max_length=100)] = ()
    files: tuple[OutboundFile, ...] = ()

    @model_validator(mode="after")
    def _has_substance(self) -> Self:
        if self.kind is MessageKind.WITHDRAW and (self.reason is None or self.materials):
            raise ValueError("撤回须有理由，且不附材料 / a withdrawal has a reason and no materials")
        if self.kind is MessageKind.SUPPLEMENT and not self.materials and self.reason is None:
            raise ValueError("补正须有材料或说明 / a supplement has materials or a note")
        return self


class Acknowledgement(Model):
    """对方回应: the partner has the message. `duplicate` = it had it before, under the same number."""

    case_number: ShortText | None = None
    """办件编号, where the partner issues it at once."""
    duplicate: bool = False
    partner_reference: ShortText | None = None
    receipt: Annotated[str, Field(max_length=4096)] | None = None
    """回执 the partner signed, as it came (compact JWS), where it signs any; the original one on a duplicate."""


class RemoteFile(Model):
    """对方文件: a result file that is still with the partner."""

    reference: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$")]
    """What the adapter's `fetch` needs to get it: the partner's number, or its address."""
    name: ShortText
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    sha256: Sha256Hex | None = None
    sm3: Sha256Hex | None = None


class ProgressReport(Model):
    """办件进度: one thing that happened to one case in the deciding city, as it reports it.

    Reports may come repeated, late and in any order. `report_id` is the same for the same report, so that a
    repeat changes nothing.
    """

    report_id: ShortText
    application_id: UUID
    deciding_city: DivisionCode
    step: Step
    occurred_at: Moment
    partner_sequence: Annotated[int, Field(ge=0)] | None = None
    case_number: ShortText | None = None
    outcome: Outcome | None = None
    licence_issued: bool | None = None
    """是否出证, apart from the outcome."""
    reason: Annotated[str, Field(max_length=4000)] | None = None
    """The partner's words; may hold personal data, so it stays out of events and logs."""
    partner_code: ShortText | None = None
    """The partner's own status code, as it came."""
    files: tuple[RemoteFile, ...] = ()


class ListedCase(Model):
    """对账行: one case as its deciding city lists it."""

    application_id: UUID
    case_number: ShortText | None = None
    step: Step
    """The last thing that happened to it there; UNKNOWN for a code in no table."""
    outcome: Outcome | None = None


class Event(Model):
    """办件事件: one link of a case's chain, as read back. Holds references and digests, never personal data."""

    seq: Annotated[int, Field(ge=1)]
    type: Step
    occurred_at: Moment
    recorded_at: Moment
    side: ShortText
    """applicant, collecting, deciding, transit or system."""
    data: dict[str, str | int | bool | list[str] | None]
    previous_hash: Sha256Hex | None
    hash: Sha256Hex
    alg: ShortText
    signature: str | None = None
