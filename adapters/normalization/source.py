"""数据来源: where a city's catalogue is and in which form; data only, read by adapters/sources."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from adapters.operations import Answers, Column, Expression, Pages, SecretName
from schemas.model import Model, ShortText

_HeaderRow = Annotated[int, Field(ge=1, le=100)]
_Sheet = Annotated[int, Field(ge=1, le=256)] | ShortText


class Children(Model):
    """子表: a sheet whose rows belong to rows of the main one."""

    sheet: _Sheet
    key: ShortText
    """Column of this sheet that names the parent."""
    parent_key: ShortText | None = None
    """Column of the main sheet it is compared with; absent = the same name."""
    header_row: _HeaderRow = 1
    columns: dict[str, ShortText] = Field(default_factory=dict)


class Listing(Pages):
    """分页接口: a REST listing; a cursor that is null, empty or the same again ends it."""

    path: Annotated[str, StringConstraints(pattern=r"^/[^?#\s]*$")]
    query: dict[str, Expression] = Field(default_factory=dict)
    answers: Answers | None = None


class View(Model):
    """数据库视图."""

    database_url: SecretName
    view: Column
    key: Column
    """Unique and sortable: pages follow it."""
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]


class Source(Model):
    """数据来源."""

    format: Literal["json", "xml", "sheet", "csv", "rest", "database"]
    encoding: ShortText | None = None
    """Declared; absent = by byte-order mark, else UTF-8, else GB18030. What does not fit is an error with its place.

    Undeclared bytes that make sense in both are read as UTF-8: a GB18030 file with very little Chinese should say so.
    """
    records: str | None = None
    """json: dotted path of the list or of one record, absent = the document is the list; xml: slash path."""
    sheet: _Sheet | None = None
    """Name, or number from 1; absent = the first."""
    header_row: _HeaderRow = 1
    columns: dict[str, ShortText] = Field(default_factory=dict)
    """表头 → name; a header not listed keeps its own text."""
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    children: dict[str, Children] = Field(default_factory=dict)
    """sheet: each record gets a list under this name."""
    lists: tuple[ShortText, ...] = ()
    """xml: elements that are a list even when there is one."""
    listing: Listing | None = None
    view: View | None = None
    max_bytes: Annotated[int, Field(ge=1024, le=2 * 1024**3)] = 200 * 1024**2
    max_rows: Annotated[int, Field(ge=1, le=10_000_000)] = 1_100_000

    @field_validator("delimiter")
    @classmethod
    def _delimiter_delimits(cls, delimiter: str) -> str:
        if delimiter in '"\r\n\0':
            raise ValueError("分隔符不能是引号、换行或空字符 / a delimiter is no quotation mark, line break or NUL")
        return delimiter

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        if (self.listing is not None) is not (self.format == "rest"):
            raise ValueError("rest来源须有listing，且仅rest可有 / exactly a rest source has a listing")
        if (self.view is not None) is not (self.format == "database"):
            raise ValueError("database来源须有view，且仅database可有 / exactly a database source has a view")
        if self.children and self.format != "sheet":
            raise ValueError("只有表格可有子表 / only a sheet has children")
        return self
