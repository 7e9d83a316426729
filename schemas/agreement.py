"""通办协议: which city may collect what for which other city, in which mode."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.identifiers import CatalogCode, DivisionCode
from schemas.model import Model, Provenance, ShortText


class Mode(StrEnum):
    """办理模式. Source: 国办发〔2020〕35号 (three modes; 异地代收代办 splits into collecting and delegated)."""

    ONLINE = "ONLINE"
    """全程网办: the applicant applies online, the deciding city does the rest."""
    COLLECT = "COLLECT"
    """异地代收代办: the collecting city checks identity and form, the deciding city the substance."""
    DELEGATED = "DELEGATED"
    """授权办理: the deciding city has delegated powers to the collecting city."""
    JOINT = "JOINT"
    """多地联办: several cities decide parts of one matter."""


RUNNING_MODES = frozenset({Mode.ONLINE, Mode.COLLECT})
"""Modes the gateway carries today; the others are refused with request.mode_not_available."""


class ClockStart(StrEnum):
    """时限起算点: which moment starts the statutory clock for 异地代收代办; no source settles it."""

    ACCEPTED = "ACCEPTED"
    RECEIVED = "RECEIVED"


class LimitUnit(StrEnum):
    """期限单位: 工作日, 自然日 or 小时."""

    WORKDAY = "workday"
    NATURAL_DAY = "natural_day"
    HOUR = "hour"


class Limit(Model):
    """时限: a number of days or hours."""

    value: Annotated[int, Field(ge=0, le=3650)]
    """数值."""
    unit: LimitUnit
    """单位."""


class ContactPurpose(StrEnum):
    """联系事由: what to call about."""

    BUSINESS = "BUSINESS"
    """业务咨询: the item itself, a pre-check, a doubt about a material."""
    SYSTEM = "SYSTEM"
    """系统故障: a case that does not arrive."""
    PARCEL = "PARCEL"
    """材料寄递: papers on their way."""


class AgreementContact(Model):
    """联系人册 entry: an office, not a person; who is called when something is unclear."""

    city: DivisionCode
    """Whose office it is; one of the agreement's two cities."""
    purpose: ContactPurpose
    office: ShortText
    phone: ShortText
    hours: ShortText | None = None
    """When it answers."""


class Agreement(Model):
    """通办协议: directed from the collecting city 收件地 to the deciding city 属地; never a symmetric pair."""

    agreement_id: ShortText
    collecting_city: DivisionCode
    deciding_city: DivisionCode
    items: Annotated[tuple[CatalogCode, ...], Field(min_length=1)]
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)]
    valid_from: date
    valid_until: date | None = None
    """The last day in force; absent = open-ended."""
    hop_limit: Limit | None = None
    """收件 → 属地接收."""
    intake_limit: Limit | None = None
    """属地接收 → 受理 or 不予受理."""
    clock_start: ClockStart = ClockStart.ACCEPTED
    deemed_acceptance: bool | None = None
    title: ShortText | None = None
    contacts: tuple[AgreementContact, ...] = ()
    """联系人册 of both sides."""
    provenance: dict[str, Provenance]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("协议终止日早于起始日 / valid_until is before valid_from")
        if self.collecting_city == self.deciding_city:
            raise ValueError("收件地与属地相同 / collecting_city equals deciding_city")
        if any(contact.city not in {self.collecting_city, self.deciding_city} for contact in self.contacts):
            raise ValueError("联系人不属于协议双方 / a contact is of neither city of the agreement")
        return self

    def in_force(self, today: date) -> bool:
        """Whether `today` (a Beijing date) lies in the agreement's validity, both ends included."""
        return self.valid_from <= today and (self.valid_until is None or today <= self.valid_until)
