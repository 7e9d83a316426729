"""手工办理: what a profile may say about a city without a system: the packet a person carries to it; data only."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.operations import Expression
from schemas.application import PhoneNumber
from schemas.model import Model, ShortText

Header = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""表头 in the other city's words."""
Title = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f\[\]:*?/\\'\"<>|]{1,31}$")]
"""表名: of a page of the workbook, a CSV file or an XML element; what Excel and Windows take as a name."""
TEXT_NAME = "复制用文本.txt"
COVER_NAME = "封面.pdf"
PARCEL_NAME = "邮寄清单.csv"
MANIFEST_NAME = "manifest.json"
SHEET_STEM = "办件信息"
FILES_FOLDER = "附件"

_NUMBER = re.compile(r"(?P<own>[0-9]{6})-(?P<city>[0-9]{6})-(?P<number>[0-9]{6,12})")


def packet_number(own_city: str, city: str, number: int) -> str:
    """报文包编号: collecting city, deciding city, number in its tray: 445200-360700-000123."""
    return f"{own_city}-{city}-{number:06d}"


def read_packet_number(text: str, own_city: str) -> tuple[str, int] | None:
    """City and number of a packet of ours; None for any other text."""
    found = _NUMBER.fullmatch(text)
    if found is None or found["own"] != own_city:
        return None
    return found["city"], int(found["number"])


class Party(Model):
    """收寄一方: an office, never a person."""

    name: ShortText
    address: ShortText
    postcode: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = None
    phone: PhoneNumber | None = None


class Desk(Model):
    """可电话联系的窗口: whom a clerk may phone about a packet."""

    name: ShortText
    phone: PhoneNumber
    hours: ShortText | None = None


class Rows(Model):
    """多行部分: one row per material, or one per field of the form; input of the columns is that one."""

    title: Title
    columns: Annotated[dict[Header, Expression], Field(min_length=1, max_length=100)]


class Page(Model):
    """一份信息: one row about the message, and its materials below it; input of `columns` is the message's words.

    A material is {code, name, source, copies, file}, a form field {field, value}.
    """

    title: Title
    columns: Annotated[dict[Header, Expression], Field(min_length=1, max_length=200)]
    materials: Rows | None = None
    form: Rows | None = None

    @property
    def parts(self) -> tuple["Page | Rows", ...]:
        """The page and its rows, in the order in which they are written."""
        return (self, *(part for part in (self.form, self.materials) if part is not None))

    @model_validator(mode="after")
    def _titles_differ(self) -> Self:
        titles = [part.title.casefold() for part in self.parts]  # Excel tells a page from another without case
        if len(set(titles)) != len(titles):
            raise ValueError("两张表同名 / two tables have one title")
        return self


class Sheet(Model):
    """信息表: the application in the other city's own words."""

    format: Literal["xlsx", "csv", "xml"] = "xlsx"
    charset: Literal["utf-8-sig", "gb18030"] = "utf-8-sig"
    """Of CSV: both open in Excel by a double click."""
    root: ShortText = "办件"
    """XML: the outermost element."""
    row: ShortText = "行"
    """XML: the element of one row."""
    application: Page
    follow_up: Page | None = None
    """For 补正 and 撤回; absent = they go as a letter and text only."""

    @model_validator(mode="after")
    def _follow_ups_have_no_form(self) -> Self:
        if self.follow_up is not None and self.follow_up.form is not None:
            raise ValueError("补正、撤回没有申请表 / supplements and withdrawals have no form")
        return self


class ManualOperations(Model):
    """手工办理: what goes into a packet, where it is sent, and whom one may phone."""

    documents: tuple[Literal["cover", "sheet", "parcel"], ...] = ("cover", "sheet", "parcel")
    """Which documents the packet has besides the text to copy and the manifest."""
    sender: Party
    """寄件方: our side."""
    recipient: Party
    """收件方: the deciding city's office."""
    desks: Annotated[tuple[Desk, ...], Field(max_length=10)] = ()
    sheet: Sheet
    attach_bytes: Annotated[int, Field(ge=0, le=1024**3)] = 256 * 1024**2
    """Files up to this size together go into the packet; more are listed, to be downloaded one by one."""
