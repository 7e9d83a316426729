"""城市配置: everything the gateway knows about how to speak with one city: a YAML file, never code.

docs/adding-a-city.md explains it; seeds/cities/ holds the profiles; every profile carries worked examples that
adapters/profile_check.py runs.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from adapters.calls import ExchangeCalls, RestCalls
from adapters.dialect import Compiler, Dialect, DialectError, Place, Reports
from adapters.operations import Auth, ExchangeOperations, ReportMap, RestOperations
from adapters.profile_file import ProfileFile, read_profile_file
from schemas.identifiers import CaseNumberFormat, DivisionCode, TaskCodeShape
from schemas.model import Model, Provenance, ShortText


class Transport(StrEnum):
    """通信方式."""

    REST = "rest"
    EXCHANGE_DATABASE = "exchange_database"
    INBOUND = "inbound"
    """Our own city: others call us, nobody is called."""


class Duplicates(StrEnum):
    """重复报文: what the city does with a message that reaches it twice; decides what an unclear send may lead to."""

    IDEMPOTENT = "idempotent"
    """It books it once: send again."""
    QUERY_FIRST = "query_first"
    """It books it twice: ask before sending again."""
    UNSAFE = "unsafe"
    """It books it twice and cannot be asked: a person decides."""


class Limits(Model):
    """限额."""

    in_flight: Annotated[int, Field(ge=1, le=256)] = 16
    """Messages under way at the same time."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 15
    """One whole delivery, files included."""
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 5
    """How long after an unclear send the city may still book it."""
    max_file_bytes: Annotated[int, Field(ge=1024, le=1024**3)] = 30 * 1024**2


class Collection(Model):
    """轮询."""

    every_s: Annotated[float, Field(gt=0, le=86_400)]


class Inbound(Model):
    """来向: how the city calls us."""

    callback: Auth | None = None
    """How its callbacks are signed; absent = it does not call back."""
    tolerance_s: Annotated[int, Field(ge=1, le=900)] = 180
    """How far its clock may be from ours."""
    reply: dict[str, Any] = Field(default_factory=dict)
    """What it expects for a callback that was taken."""
    keys: tuple[dict[str, Any], ...] = ()
    """Public JWKs that sign the city's own tokens for our API."""

    @model_validator(mode="after")
    def _keys_are_public(self) -> Self:
        if any({"d", "k"} & key.keys() for key in self.keys):
            raise ValueError("配置中不得出现私钥 / a profile never holds a private key")
        return self


class SubmitExample(Model):
    """申报样例: a message of ours and the exact object the city must get."""

    name: ShortText
    message: dict[str, Any]
    uploaded: tuple[str, ...] = ()
    """The numbers the city gave the files, in order."""
    now: str = "2026-11-23T09:00:00+08:00"
    expect: dict[str, Any]


class ReportExample(Model):
    """进度样例: what came from the city and what it must become; `expect` null = noted, changes nothing."""

    name: ShortText
    via: str
    """Which entry of `reports`."""
    received: dict[str, Any]
    expect: dict[str, Any] | None


class Examples(Model):
    """样例."""

    submit: tuple[SubmitExample, ...] = ()
    reports: tuple[ReportExample, ...] = ()


class CityProfile(Model):
    """城市配置."""

    code: DivisionCode
    name: ShortText
    provenance: dict[str, Provenance]
    transport: Transport
    duplicates: Duplicates = Duplicates.UNSAFE
    limits: Limits = Limits()
    collection: Collection | None = None
    codes: TaskCodeShape = TaskCodeShape()
    """编码长度."""
    case_number: CaseNumberFormat | None = None
    """办件编号格式, where numbers are given by this gateway."""
    auth: Auth | None = None
    inbound: Inbound | None = None
    dialect: Dialect = Dialect()
    reports: dict[str, ReportMap] = Field(default_factory=dict)
    rest: RestOperations | None = None
    exchange_database: ExchangeOperations | None = None
    examples: Examples = Examples()

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        for name in (Transport.REST, Transport.EXCHANGE_DATABASE):
            if (getattr(self, name.value) is not None) is not (self.transport is name):
                raise ValueError(f"transport与{name}段落不符 / the section {name} does not fit the transport")
        if self.rest is not None and self.auth is None:
            raise ValueError("REST接口缺少auth / rest needs auth")
        if self.duplicates is Duplicates.QUERY_FIRST and (self.rest is None or self.rest.query is None):
            raise ValueError("query_first需要rest.query / query_first needs rest.query")
        if missing := sorted(self._needed_reports() - self.reports.keys()):
            raise ValueError(f"reports缺少{missing} / reports lacks {missing}")
        return self

    @model_validator(mode="after")
    def _collection_fits(self) -> Self:
        polled = self.exchange_database is not None or (self.rest is not None and self.rest.progress is not None)
        if polled is not (self.collection is not None):
            raise ValueError("collection与进度轮询不符 / collection is needed exactly where progress is polled")
        return self

    def _needed_reports(self) -> set[str]:
        needed = set(self.exchange_database.sources) if self.exchange_database else set()
        if self.rest is not None and self.rest.progress is not None:
            needed.add("progress")
        if self.inbound is not None and self.inbound.callback is not None:
            needed.add("callback")
        return needed

    def compiler(self) -> Compiler:
        """For the dialect's expressions."""
        return Compiler(self.dialect)

    def compiled_reports(self, compiler: Compiler) -> dict[str, Reports]:
        """Every entry of `reports`, ready to read. Raises DialectError."""
        return {
            name: Reports(report_map, compiler, ("reports", name), self.code)
            for name, report_map in self.reports.items()
        }


def load_profile(path: Path, settings: Mapping[str, str] | None = None) -> CityProfile:
    """The profile in a YAML file; `settings` fill its ${name} places.

    Raises SeedInvalid naming file, line and field of the first fault: YAML, shape, expression or table.
    """
    file = read_profile_file(path, settings or {})
    try:
        profile = CityProfile.model_validate(file.data)
    except ValidationError as error:
        raise _first_fault(file, error) from None
    try:
        compile_everything(profile)
    except DialectError as error:
        raise file.at(error.place, error.message, error.message_zh) from None
    return profile


def compile_everything(profile: CityProfile) -> None:
    """Raises DialectError for the first expression that does not compile."""
    compiler = profile.compiler()
    profile.compiled_reports(compiler)
    if profile.rest is not None:
        RestCalls(profile.rest, compiler)
    if profile.exchange_database is not None:
        ExchangeCalls(profile.exchange_database, compiler)


def _first_fault(file: ProfileFile, error: ValidationError) -> Exception:
    first = min(error.errors(), key=lambda one: file.line(one["loc"]))
    ours = first.get("ctx", {}).get("error")
    text = first["msg"] if ours is None else str(ours)
    chinese, both, english = text.partition(" / ")
    place: Place = first["loc"]
    if both:
        return file.at(place, english, chinese)
    return file.at(place, text, f"取值无效（{first['type']}）")
