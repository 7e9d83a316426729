"""前置库操作: what a profile may say about a database that two sides write to; data only."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from adapters.operations import Column, Expression, ListingMap, SecretName, Tree
from schemas.model import Model


class Condition(Model):
    """条件 on one column: exactly one of the three."""

    filled: bool | None = None
    equals: str | None = None
    differs: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("条件应为filled、equals、differs之一 / a condition is one of filled, equals, differs")
        return self


class FileTable(Model):
    """文件表 on the city's side: rows that belong to a row of a source."""

    table: Column
    key: Column
    link: Column
    """The column that holds the key of the row they belong to."""
    columns: tuple[Column, ...]
    content: Column


class Source(Model):
    """来源表: rows to be collected; `done` marks them once they are stored here."""

    table: Column
    key: Column
    columns: tuple[Column, ...]
    where: Annotated[dict[Column, Condition], Field(min_length=1)]
    order: Annotated[tuple[Column, ...], Field(min_length=1)]
    done: Annotated[dict[Column, Expression], Field(min_length=1)]
    """Column → value; input is `now`."""
    files: FileTable | None = None


class MaterialTable(Model):
    """材料表: one row per file or paper; input is the message's words and `material`."""

    table: Column
    row: Tree
    content: Column


class SubmitTable(Model):
    """申报表, and that of what follows: one row per message; `key` tells a message that is already there."""

    table: Column
    key: Column
    row: Tree
    materials: MaterialTable


class Day(Model):
    """日期 of a row: at `begins` or later, and before `ends`; input is `day`, `day_compact`, `begins` and `ends`."""

    column: Column
    begins: Expression
    ends: Expression


class ListingTable(Model):
    """对账表: a table or view of the city with one row per case of ours."""

    table: Column
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]
    where: dict[Column, Condition] = Field(default_factory=dict)
    day: Day
    order: Annotated[tuple[Column, ...], Field(min_length=1)]
    case: ListingMap


class ExchangeOperations(Model):
    """前置库接口: reports of source `x` are read by `reports.x`."""

    database_url: SecretName
    """Name of the secret that holds the SQLAlchemy URL: it usually contains a password."""
    submit: SubmitTable
    follow_up: SubmitTable | None = None
    """补正、撤回: one row per message; `kind` tells which it is."""
    sources: dict[str, Source]
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    listing: ListingTable | None = None
    """对账."""
