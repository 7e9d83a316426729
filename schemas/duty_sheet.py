"""受理要点: what the receiving window of one city must and must not do for an item of another, and whom it may call."""

from enum import StrEnum

from schemas.agreement import Limit, Mode
from schemas.application import Warning  # noqa: A004 - the word the API uses
from schemas.identifiers import CatalogCode, DivisionCode
from schemas.model import Model, ShortText


class Duty(Model):
    """要点: one thing to do or to leave, and what it rests on."""

    text_zh: str
    basis: str
    """Document, or 本项目规则 where it is our own."""
    confirmed: bool = True
    """False: the basis was not seen in an official text (未核实)."""


class MaterialDuty(Model):
    """材料要点: what the window looks at in one material."""

    material_code: ShortText
    name: ShortText
    checks_zh: tuple[str, ...]
    """Formal points only; empty where the window does not check."""
    mailed: bool | None
    """Whether its paper travels to the deciding city; null = the item does not say in which form it is wanted."""


class CallSource(StrEnum):
    """联系方式来源."""

    AGREEMENT = "agreement"
    """通办协议联系人册."""
    CONSULTATION = "consultation"
    """事项咨询方式."""
    WINDOW = "window"
    """事项办理窗口."""


class Call(Model):
    """联系方式: whom to call about what; an office, never a person."""

    about_zh: str
    office: str
    city: DivisionCode
    phone: ShortText
    hours: ShortText | None = None
    source: CallSource


class TimeLimit(Model):
    """时限要点: which clock, how long, from when to when."""

    name_zh: str
    limit: Limit | None
    """Absent where neither item nor agreement says."""
    text_zh: str


class DutySheet(Model):
    """受理要点: generated from the item and the agreement; it holds for the versions named here."""

    item_code: CatalogCode
    item_name: ShortText
    item_version: int
    mode: Mode
    collecting_city: DivisionCode
    deciding_city: DivisionCode
    agreement_id: ShortText
    must: tuple[Duty, ...]
    """必须做."""
    must_not: tuple[Duty, ...]
    """不得做."""
    materials: tuple[MaterialDuty, ...]
    mailing_zh: str
    """寄什么, in one sentence."""
    calls: tuple[Call, ...]
    """联系谁, the deciding city first."""
    limits: tuple[TimeLimit, ...]
    result_zh: tuple[str, ...]
    """结果如何送达."""
    notes_zh: tuple[str, ...] = ()
    """What is missing or to be known besides: no contact, a mode not carried yet."""
    warnings: tuple[Warning, ...] = ()
    """Where the item asks more than the collecting city's own; empty also where it was not compared."""
