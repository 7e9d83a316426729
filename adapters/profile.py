"""城市配置: everything the gateway knows about how to speak with one city: a YAML file, never code.

docs/adding-a-city.md explains it; seeds/cities/ holds the profiles; every profile carries worked examples that
adapters/profile_check.py runs.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from adapters.dialect import Compiler, Dialect, DialectError, Reports
from adapters.examples import Examples
from adapters.exchange_calls import ExchangeCalls
from adapters.exchange_operations import ExchangeOperations
from adapters.hooks import Hooks, load_hooks
from adapters.manual_calls import ManualCalls
from adapters.manual_operations import ManualOperations
from adapters.normalization.dialect_file import FOLDER, load_dialects, resolve
from adapters.normalization.item_dialect import ItemDialect
from adapters.operations import (
    Auth,
    HookAuth,
    InboundAuth,
    NationalExchangeAuth,
    ReportMap,
    TifAuth,
    Tree,
)
from adapters.peer_operations import PeerOperations
from adapters.profile_file import read_profile_file
from adapters.rest_calls import RestCalls
from adapters.rest_operations import Charset, RestOperations
from adapters.sftp_calls import SftpCalls
from adapters.sftp_operations import SftpOperations
from adapters.soap_calls import SoapCalls
from adapters.soap_operations import SoapOperations
from adapters.trial import Trials
from adapters.via_rules import check_alone
from schemas.identifiers import CaseNumberFormat, DivisionCode, TaskCodeShape
from schemas.model import Model, Provenance, ShortText


class Transport(StrEnum):
    """通信方式."""

    REST = "rest"
    SOAP = "soap"
    EXCHANGE_DATABASE = "exchange_database"
    SFTP_BATCH = "sftp_batch"
    PEER_GATEWAY = "peer_gateway"
    """同类网关: another gateway that speaks the peer protocol."""
    MANUAL = "manual"
    """手工: the city has no system; a packet waits for a person to carry it."""
    VIA = "via"
    """经枢纽: through the interface of another profile, named by `via`."""
    INBOUND = "inbound"
    """Our own city: others call us, nobody is called."""
    NONE = "none"
    """未接通: only its catalogue is known yet; cases to it wait for a person."""


_SECTIONS = (
    Transport.REST,
    Transport.SOAP,
    Transport.EXCHANGE_DATABASE,
    Transport.SFTP_BATCH,
    Transport.PEER_GATEWAY,
    Transport.MANUAL,
)
"""Ways of talking that have a section of their own, under their name."""


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

    in_flight: Annotated[int, Field(ge=1, le=20_000)] = 16
    """Messages under way at the same time."""
    timeout_s: Annotated[float, Field(gt=0, le=7200)] = 15
    """One whole delivery, files included; for batches also the window."""
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 5
    """How long after an unclear send the city may still book it."""
    max_file_bytes: Annotated[int, Field(ge=1024, le=1024**3)] = 30 * 1024**2
    per_second: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Calls a second over HTTP, of this process; a call waits for its turn. Absent = as fast as messages come."""


class Collection(Model):
    """轮询."""

    every_s: Annotated[float, Field(gt=0, le=86_400)]


class Inbound(Model):
    """来向: how the city calls us."""

    callback: InboundAuth | None = None
    """How its callbacks are signed; absent = it does not call back."""
    tolerance_s: Annotated[int, Field(ge=1, le=900)] = 180
    """How far its clock may be from ours."""
    reply: dict[str, Any] = Field(default_factory=dict)
    """What it expects for a callback that was taken."""
    echo: Tree = Field(default_factory=dict)
    """Added to `reply`: expressions over the callback (`body`) and `now`."""
    charset: Charset = "utf-8"
    """Of its callbacks; replies are UTF-8."""
    keys: tuple[dict[str, Any], ...] = ()
    """Public JWKs that sign the city's own tokens for our API."""

    @model_validator(mode="after")
    def _keys_are_public(self) -> Self:
        if any({"d", "k"} & key.keys() for key in self.keys):
            raise ValueError("配置中不得出现私钥 / a profile never holds a private key")
        return self


class CityProfile(Model):
    """城市配置."""

    code: DivisionCode
    name: ShortText
    provenance: dict[str, Provenance]
    transport: Transport
    via: DivisionCode | None = None
    """枢纽: the profile whose interface this city is reached through."""
    duplicates: Duplicates = Duplicates.UNSAFE
    limits: Limits = Limits()
    collection: Collection | None = None
    codes: TaskCodeShape = TaskCodeShape()
    """编码长度."""
    reports_back: bool = False
    """回告进度: whether its gateway is told what happens here to the cases it collected (peer gateways)."""
    case_number: CaseNumberFormat | None = None
    """办件编号格式, where numbers are given by this gateway."""
    auth: Auth | None = None
    inbound: Inbound | None = None
    hooks: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,60}\.py$")] | None = None
    """钩子模块: a file beside the profile, for what the profile cannot say; see adapters/hooks.py."""
    dialect: Dialect = Dialect()
    reports: dict[str, ReportMap] = Field(default_factory=dict)
    rest: RestOperations | None = None
    soap: SoapOperations | None = None
    exchange_database: ExchangeOperations | None = None
    sftp_batch: SftpOperations | None = None
    peer_gateway: PeerOperations | None = None
    manual: ManualOperations | None = None
    catalogue: tuple[ItemDialect, ...] = ()
    """事项方言: how the city writes its catalogue; several with the days from which each holds."""
    examples: Examples = Examples()
    conformance: Trials | None = None
    """试办约定, for `tongban conformance`."""

    @model_validator(mode="after")
    def _catalogue_versions_differ(self) -> Self:
        versions = [(one.dialect, one.version) for one in self.catalogue]
        days = [one.effective_from for one in self.catalogue]
        if len(set(versions)) != len(versions) or len(set(days)) != len(days):
            raise ValueError("事项方言的版本或生效日重复 / two catalogue dialects share version or effective_from")
        return self

    @model_validator(mode="after")
    def _via_fits(self) -> Self:
        check_alone(self)
        return self

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        for name in _SECTIONS:
            if (getattr(self, name.value) is not None) is not (self.transport is name):
                raise ValueError(f"transport与{name}段落不符 / the section {name} does not fit the transport")
        if self.manual is not None and self.duplicates is not Duplicates.IDEMPOTENT:
            raise ValueError("手工办理的duplicates应为idempotent / a manual city is idempotent: its tray numbers once")
        if self.rest is not None and self.auth is None:
            raise ValueError("REST接口缺少auth / rest needs auth")
        if (
            self.soap is not None
            and self.soap.auth_header
            and not isinstance(self.auth, TifAuth | NationalExchangeAuth)
        ):
            raise ValueError("auth_header需要tif或national_exchange / auth_header needs tif or national_exchange")
        called = self.rest or self.soap or self.sftp_batch
        asked_here = self.duplicates is Duplicates.QUERY_FIRST and self.via is None
        if asked_here and (called is None or called.query is None):
            raise ValueError("query_first需要query操作 / query_first needs a query operation")
        if missing := sorted(self._needed_reports() - self.reports.keys()):
            raise ValueError(f"reports缺少{missing} / reports lacks {missing}")
        return self

    @model_validator(mode="after")
    def _collection_fits(self) -> Self:
        if self.peer_gateway is not None:
            self.peer_gateway.check(polled=self.collection is not None)
            return self
        called = self.rest or self.soap
        polled = bool(self.exchange_database or self.sftp_batch) or (called is not None and called.progress is not None)
        if polled is not (self.collection is not None):
            raise ValueError("collection与进度轮询不符 / collection is needed exactly where progress is polled")
        return self

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.sftp_batch is not None:
            self.sftp_batch.check_limits(self.limits.timeout_s)
        elif self.limits.in_flight > 256 or self.limits.timeout_s > 600:
            raise ValueError("in_flight至多256，timeout_s至多600 / in_flight is at most 256, timeout_s at most 600")
        return self

    def _needed_reports(self) -> set[str]:
        needed = set(self.exchange_database.sources) if self.exchange_database else set()
        if self.sftp_batch is not None:
            needed |= set(self.sftp_batch.incoming.sources.values())
        called = self.rest or self.soap
        if called is not None and called.progress is not None:
            needed.add("progress")
        if self.inbound is not None and self.inbound.callback is not None:
            needed.add("callback")
        return needed

    def compiler(self) -> Compiler:
        """For the dialect's expressions."""
        return Compiler(self.dialect, self.hook_functions().functions)

    def hook_functions(self) -> Hooks:
        """What the hook module defines; nothing without one. Raises DialectError."""
        return Hooks() if self.hooks is None else load_hooks(Path(self.hooks))

    def compiled_reports(self, compiler: Compiler) -> dict[str, Reports]:
        """Every entry of `reports`, ready to read. Raises DialectError."""
        return {
            name: Reports(report_map, compiler, ("reports", name), self.code)
            for name, report_map in self.reports.items()
        }


def load_profile(
    path: Path, settings: Mapping[str, str] | None = None, *, bases: Mapping[str, ItemDialect] | None = None
) -> CityProfile:
    """The profile in a YAML file; `settings` fill its ${name} places, `bases` are what its catalogue may extend.

    Absent bases are those in the folder dialects/ beside the profile's own.

    Raises SeedInvalid naming file, line and field of the first fault: YAML, shape, expression or table.
    """
    file = read_profile_file(path, settings or {})
    try:
        profile = CityProfile.model_validate(file.data)
    except ValidationError as error:
        raise file.first_fault(error) from None
    if profile.soap is not None:
        profile = profile.model_copy(update={"soap": profile.soap.beside(path)})
    if profile.hooks is not None:
        profile = profile.model_copy(update={"hooks": str(path.parent / profile.hooks)})
    try:
        compile_everything(profile)
    except DialectError as error:
        raise file.at(error.place, error.message, error.message_zh) from None
    if not profile.catalogue:
        return profile
    bases = load_dialects(path.parent.parent / FOLDER) if bases is None else bases
    whole = [resolve(file, one, bases, ("catalogue", number)) for number, one in enumerate(profile.catalogue)]
    return profile.model_copy(update={"catalogue": tuple(whole)})


def compile_everything(profile: CityProfile) -> None:
    """Raises DialectError for the first expression that does not compile."""
    compiler = profile.compiler()
    if isinstance(profile.auth, HookAuth) and profile.hook_functions().signer is None:
        raise DialectError(("auth", "scheme"), "the hook module has no sign(request)", "钩子模块没有sign(request)")
    profile.compiled_reports(compiler)
    if profile.inbound is not None:
        compiler.tree(profile.inbound.echo, ("inbound", "echo"))
    if profile.rest is not None:
        RestCalls(profile.rest, compiler, profile.reports)
    if profile.soap is not None:
        from adapters.soap_definition import SoapDefinition  # noqa: PLC0415 - zeep is slow to import

        SoapDefinition(profile.soap).check(SoapCalls(profile.soap, compiler, profile.reports))
    if profile.exchange_database is not None:
        ExchangeCalls(profile.exchange_database, compiler, profile.reports)
    if profile.sftp_batch is not None:
        SftpCalls(profile.sftp_batch, compiler, profile.reports)
    if profile.manual is not None:
        ManualCalls(profile.manual, compiler)
