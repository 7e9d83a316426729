"""事项方言: what a profile may say about a city's catalogue: where each of our fields comes from, in data alone.

A target is one of our fields as schemas/service_item_columns.py writes it: `name`, `implementing_body.name`,
`materials[].name`; `materials[]` itself says where the list is. docs/adding-a-city.md explains every word.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from adapters.normalization.source import Source
from adapters.operations import Expression
from schemas.model import Model, Provenance, ShortText

DialectName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,59}$")]
TableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Scalar = bool | int | str


class DateShape(StrEnum):
    """日期写法. The first three have shapes of their own and are always recognised; the others must be named."""

    ISO = "iso"
    """2026-01-31, with or without a time."""
    COMPACT = "compact"
    """20260131. Source: GB/T 39046-2020."""
    COMPACT_TIME = "compact_time"
    """20260131T080000. Source: GB/T 39046-2020."""
    CHINESE = "chinese"
    """2026年1月31日."""
    EPOCH_MS = "epoch_ms"
    """Milliseconds since 1970; the day is Beijing's."""
    EPOCH_S = "epoch_s"
    """Seconds since 1970."""
    SLASHED = "slashed"
    """2026/1/31."""


class CodeMeaning(Model):
    """代码含义, where a plain word does not say all."""

    to: ShortText | None = None
    """Our value; absent = known, but no word of ours says it, and then `lossy` says what it is."""
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    """For a unit of time: how many of ours one of theirs is."""
    lossy: ShortText | None = None
    """损失: what our word does not say, in Chinese; makes a warning and keeps the field from counting as filled."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.to is None and self.lossy is None:
            raise ValueError("代码含义应写to或lossy / the meaning of a code needs to or lossy")
        return self


def _words(table: object) -> object:
    """YAML's true and numbers as the texts they are; a table with nothing but comments is empty."""
    if table is None:
        return {}
    if not isinstance(table, dict):
        return table
    plain = {True: "true", False: "false"}
    return {
        code: plain[one] if isinstance(one, bool) else str(one) if isinstance(one, int) else one
        for code, one in table.items()
    }


def _meaning_kind(value: object) -> str:
    """Which of the three a meaning is, so that a fault is told about the one that was meant."""
    if value is None:
        return "open"
    return "meaning" if isinstance(value, dict | CodeMeaning) else "word"


CodeTable = dict[
    ShortText,
    Annotated[
        Annotated[ShortText, Tag("word")] | Annotated[CodeMeaning, Tag("meaning")] | Annotated[None, Tag("open")],
        Discriminator(_meaning_kind),
    ],
]
"""代码表: theirs → ours; a code that is not in it is never guessed, and null means that nobody has said yet."""


class FieldSpec(Model):
    """字段映射: where one of our fields comes from. A plain text in YAML is `from`."""

    model_config = ConfigDict(populate_by_name=True)

    source: Annotated[Expression | None, Field(alias="from")] = None
    """A field or JMESPath of the record, of the element inside a list; `@` is the element itself."""
    when: Expression | None = None
    """Only where this holds; else the field is absent."""
    constant: Scalar | None = None
    """常量: known from the mapping, not from the record; does not count as filled."""
    default: Scalar | None = None
    """默认值 where the source has nothing: marked by a finding, does not count as filled."""
    serial: Annotated[str, StringConstraints(pattern=r"^[^{}]*\{n(:[0-9]+)?\}[^{}]*$", max_length=40)] | None = None
    """顺序号 where the source has nothing, by place in the list: `M{n:02}`."""
    codes: TableName | None = None
    """代码表 that translates the value, or each part of a list; for a number, the words that stand for one."""
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    """倍数: how many of ours one of theirs is, for numbers: 100 for 元 to 分."""
    split: Annotated[str, StringConstraints(min_length=1, max_length=10)] | None = None
    """分隔符: each of these characters divides a text into a list."""
    pattern: Annotated[str, StringConstraints(max_length=200)] | None = None
    """正则: the part of the text that its first group finds."""
    dates: tuple[DateShape, ...] = ()
    """日期写法 besides those that are always recognised."""
    clean: bool = True
    """文本清理: take out markup, make full-width letters and digits half-width."""
    cut: bool = False
    """截断: a text that is too long is cut, with a finding, instead of refused."""
    confirmed: bool = True
    """false = 猜测: written by `cities new`; a person must confirm it before the profile passes its check."""

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> Self:
        if (self.source is None) and self.constant is None and self.default is None and self.serial is None:
            raise ValueError(
                "字段没有来源：应写from、constant、default或serial / a field needs from, constant, default or serial"
            )
        if self.constant is not None and (self.source is not None or self.default is not None):
            raise ValueError("constant不能与from或default同用 / constant stands alone")
        if self.when is not None and self.source is None:
            raise ValueError("when须与from同用 / when needs from")
        return self


class ItemDialect(Model):
    """事项方言: one version of how a city writes its catalogue."""

    dialect: DialectName
    version: Annotated[int, Field(ge=1)] = 1
    title: ShortText | None = None
    extends: DialectName | None = None
    """The dialect in seeds/dialects/ that this one starts from; what is written here wins, null takes away."""
    effective_from: date | None = None
    """The first day of catalogues that it reads; absent = from the beginning."""
    provenance: Provenance = Provenance.SOURCE
    """Of the records it reads: 演示数据 is `fictitious`."""
    source: Source | None = None
    fields: dict[str, FieldSpec | None] = Field(default_factory=dict)
    codes: dict[TableName, Annotated[CodeTable, BeforeValidator(_words)]] = Field(default_factory=dict)
    bijective: tuple[TableName, ...] = ()
    """一一对应: tables that must lead back as well."""
    ignored: dict[str, ShortText] = Field(default_factory=dict)
    """有意忽略: path of a source field → why it is left out; `name.*` covers a whole object or list."""
    none_words: tuple[ShortText, ...] = ("无", "没有", "不涉及")
    """Words that say there is none: an answer, not a gap."""
    severities: dict[str, str] = Field(default_factory=dict)
    """轻重: consistency rule → error, warning or off, where the city has agreed to another weight."""

    @field_validator("fields", "codes", "ignored", mode="before")
    @classmethod
    def _nothing_but_comments(cls, given: object) -> object:
        return {} if given is None else given

    @field_validator("fields", mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {name: {"from": spec} if isinstance(spec, str) else spec for name, spec in given.items()}

    @model_validator(mode="after")
    def _bijective_tables_are(self) -> Self:
        for name in self.bijective:
            if name in self.codes:
                check_bijective(name, self.codes[name])
        return self

    def over(self, base: "ItemDialect") -> "ItemDialect":
        """叠加: the dialect laid over the one it extends."""
        own = self.model_dump(exclude_unset=True, by_alias=True)
        whole = base.model_dump(exclude_unset=True, by_alias=True)
        merged = whole | own
        for name in ("fields", "codes", "ignored", "severities"):
            merged[name] = whole.get(name, {}) | own.get(name, {})
        gone = tuple(f"{name}." for name, spec in self.fields.items() if spec is None and name.endswith("[]"))
        merged["fields"] = {
            name: spec
            for name, spec in merged["fields"].items()
            if spec is not None and (name in own.get("fields", {}) or not name.startswith(gone))
        }
        if self.source is not None and base.source is not None and self.source.format == base.source.format:
            merged["source"] = whole["source"] | own["source"]
        kept = [name for name in base.bijective if name not in self.codes]  # its own table makes its own promise
        merged["bijective"] = tuple(dict.fromkeys((*kept, *self.bijective)))
        return ItemDialect.model_validate(merged | {"extends": None})


def check_bijective(name: str, table: CodeTable) -> None:
    """Raises ValueError where two codes share a meaning, or one says more than ours."""
    meanings = [one.to if isinstance(one, CodeMeaning) else one for one in table.values() if one is not None]
    if len(set(meanings)) != len(meanings):
        raise ValueError(f"代码表{name}声明为一一对应，但有两个代码同义 / two codes of {name} mean the same")
    if any(isinstance(one, CodeMeaning) and (one.lossy or one.times != 1) for one in table.values()):
        raise ValueError(f"代码表{name}声明为一一对应，但有损失 / {name} is declared bijective and loses something")
