"""接口操作: what a profile may say about calling a city and about reading what it reports; data only."""

from string import Formatter
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.time_functions import wrong_pattern
from schemas.message import Outcome, Step
from schemas.model import Model

Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
"""JMESPath, compiled in adapters/expressions.py."""
Tree = dict[str, Any]
"""对方报文树: the partner's object with an Expression at each leaf, compiled in adapters/dialect.py."""
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}$")]
"""密钥名: which secret, never the secret."""
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Code = Annotated[str, StringConstraints(max_length=100)]


class Meaning(Model):
    """状态含义: what a partner's status code means in our words."""

    step: Step
    outcome: Outcome | None = None
    licence_issued: bool | None = None


class ReportMap(Model):
    """进度映射: how one kind of row or callback becomes a progress report.

    A code in `steps` is translated, one in `noted` is counted and changes nothing, any other becomes UNKNOWN (待核).
    """

    code: Expression
    """The partner's own status code, as text; parts joined where one column is not enough."""
    steps: dict[Code, Meaning]
    noted: tuple[Code, ...] = ()
    identity: Expression
    """What makes two reports the same one; the code is added to it."""
    application_id: Expression
    deciding_city: Expression | None = None
    """Which city it is about, where the profile serves several; absent = the profile's own."""
    occurred_at: Expression
    sequence: Expression | None = None
    """Only a number that counts within one case."""
    case_number: Expression | None = None
    reason: Expression | None = None
    files: Expression | None = None
    """A list of {reference, name, size_bytes, sha256, sm3}; the last three may be null."""

    @model_validator(mode="after")
    def _a_code_means_one_thing(self) -> Self:
        if both := sorted(self.steps.keys() & set(self.noted)):
            raise ValueError(f"代码{both}同时列于steps与noted / codes {both} are both in steps and in noted")
        return self


class ListingMap(Model):
    """对账映射: how one row of a city's listing of a day becomes a listed case.

    A code that neither `steps` nor the entry `like` of `reports` has is UNKNOWN; `steps` comes first.
    """

    application_id: Expression
    code: Expression
    """The last thing that happened to the case, as text."""
    like: Code | None = None
    """The entry of `reports` whose codes these are."""
    steps: dict[Code, Meaning] = Field(default_factory=dict)
    case_number: Expression | None = None

    @model_validator(mode="after")
    def _knows_a_code(self) -> Self:
        if self.like is None and not self.steps:
            raise ValueError("对账清单的代码缺少like或steps / a listing's codes need `like` or `steps`")
        return self


class Answers(Model):
    """应答判定: what the code in an HTTP 2xx answer means; any other code is for a person (partner.protocol)."""

    code: Expression
    accepted: Annotated[tuple[Code, ...], Field(min_length=1)]
    duplicate: tuple[Code, ...] = ()
    refused: tuple[Code, ...] = ()
    later: tuple[Code, ...] = ()
    absent: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _a_code_means_one_thing(self) -> Self:
        codes = [*self.accepted, *self.duplicate, *self.refused, *self.later, *self.absent]
        if len(set(codes)) != len(codes):
            raise ValueError("同一应答码有两种含义 / an answer code has two meanings")
        return self


_Status = Annotated[int, Field(ge=100, le=599)] | Literal["2xx", "3xx", "4xx", "5xx"]


class OutcomeRule(Model):
    """判定规则 over HTTP status and body; the rules of a profile are tried in order, the first that fits counts.

    What none of them covers is as without them: 429 and 503 later, 401 and 403 our credentials, other 5xx unclear.
    """

    status: Annotated[tuple[_Status, ...], Field(min_length=1)] = ("2xx",)
    when: Expression | None = None
    """Over the body; absent = whatever the body is, also none or one that cannot be read."""
    means: Literal["accepted", "duplicate", "refused", "later", "unknown", "absent"]
    """unknown: it may have been booked, for a submission; a matter for a person, for anything else."""
    retry_after: Expression | None = None
    """Seconds, over the body; absent = the header Retry-After, if there is one."""

    @model_validator(mode="after")
    def _waits_only_for_later(self) -> Self:
        if self.retry_after is not None and self.means != "later":
            raise ValueError("retry_after仅用于later / retry_after belongs to means: later")
        return self

    def statuses(self) -> frozenset[int]:
        """Every status it is about."""
        found: set[int] = set()
        for one in self.status:
            found |= {one} if isinstance(one, int) else set(range(int(one[0]) * 100, int(one[0]) * 100 + 100))
        return frozenset(found)


class UploadAnswer(Model):
    """上传应答: where the answer to an upload says what."""

    reference: Expression
    """The partner's number of the file; the materials of the application carry it as `uploaded`."""
    sha256: Expression | None = None


class SubmitAnswer(Model):
    """申报应答: where the answer to an application says what."""

    case_number: Expression | None = None
    partner_reference: Expression | None = None


class QueryAnswer(Model):
    """查重应答: where the answer says under which number the partner has the message."""

    case_number: Expression


class Pages(Model):
    """分页: page by page; input is `cursor` (text) and `limit` (number)."""

    rows: Expression
    next: Expression
    """The next page's cursor."""
    start: str = "0"
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class MutualTls(Model):
    """双向TLS: secrets that hold PEM texts."""

    certificate: SecretName
    key: SecretName
    authority: SecretName | None = None
    """The city's own root; absent = the roots of this machine."""


class TifUser(Model):
    """TIF用户上下文: sent as x-tif-uid, x-tif-uinfo, x-tif-ext and signed with the rest."""

    uid: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
    info: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,500}$")] = ""
    ext: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,500}$")] = ""


class TifAuth(Model):
    """TIF网关 headers."""

    scheme: Literal["tif"]
    paasid: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
    token: SecretName
    user: TifUser | None = None
    """With a user context the signature has the other form."""


class NationalExchangeAuth(Model):
    """国家数据共享交换平台 headers."""

    scheme: Literal["national_exchange"]
    service_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
    sender_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
    appsecret: SecretName


_SIGNED_WORDS = frozenset({"method", "path", "query", "timestamp", "nonce", "body_digest"})
_HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
_Template = Annotated[str, StringConstraints(pattern=r"^[\x09\x0a\x20-\x7e]{1,500}$")]
_TimePattern = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*%[\x20-\x7e]+$", max_length=60)]


class RecipeAuth(Model):
    """签名配方: a scheme written down as data: header names, canonical string, digest, encoding."""

    scheme: Literal["recipe"]
    secret: SecretName
    mac: Literal["hmac_sha256", "hmac_sm3", "sha256", "sm3"]
    """hmac_*: keyed with the secret; a bare digest covers the secret only where `canonical` names {secret}."""
    canonical: _Template
    """What is signed: {method} {path} {query} {timestamp} {nonce} {body_digest} {secret} and the names in `values`."""
    body_digest: Literal["sha256", "sm3"] = "sha256"
    encoding: Literal["hex", "hex_upper", "base64"] = "hex"
    timestamp: Literal["s", "ms", "compact"] | _TimePattern = "ms"
    """compact: YYYYMMDDhhmmss in Beijing time; or a pattern as for format_time(), in `zone`."""
    zone: Annotated[str, StringConstraints(max_length=40)] = "Asia/Shanghai"
    headers: Annotated[dict[_HeaderName, _Template], Field(min_length=1)]
    """Header → {signature}, {timestamp}, {nonce}, a name in `values`, or fixed text around them."""
    values: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,30}$")], _Template] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _the_time_can_be_read_back(self) -> Self:
        if "%" in self.timestamp:
            zone = None if "%z" in self.timestamp else self.zone
            if (wrong := wrong_pattern(self.timestamp, zone, reads=True)) is not None:
                raise ValueError(f"timestamp：{wrong[1]} / timestamp: {wrong[0]}")
        return self

    @model_validator(mode="after")
    def _templates_fit(self) -> Self:
        words = {name for _, name, _, _ in Formatter().parse(self.canonical) if name is not None}
        if unknown := sorted(words - _SIGNED_WORDS - self.values.keys() - {"secret"}):
            raise ValueError(f"canonical中有未知的词{unknown} / canonical has unknown words {unknown}")
        if self.mac in ("sha256", "sm3") and "secret" not in words:
            raise ValueError("无密钥摘要的canonical须含{secret} / a bare digest needs {secret} in canonical")
        said = {name for one in self.headers.values() for _, name, _, _ in Formatter().parse(one) if name is not None}
        if unknown := sorted(said - {"signature", "timestamp", "nonce"} - self.values.keys()):
            raise ValueError(f"headers中有未知的词{unknown} / headers have unknown words {unknown}")
        if (
            "timestamp" not in words
            or not {"signature", "timestamp"} <= said
            or ("nonce" in words) != ("nonce" in said)
        ):
            raise ValueError(
                "签名须含时间，且时间、签名、随机数都应在请求头中 / sign the time; send time, signature and nonce"
            )
        if clash := sorted(self.values.keys() & (_SIGNED_WORDS | {"secret", "signature"})):
            raise ValueError(f"values不得使用保留词{clash} / values may not use the reserved words {clash}")
        return self


_HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s#]*)?$", max_length=500)]


class OAuth2Auth(Model):
    """OAuth 2 client credentials with private_key_jwt; outbound only."""

    scheme: Literal["oauth2"]
    token_url: _HttpUrl
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
    private_key: SecretName
    """PEM, for `algorithm`."""
    algorithm: Literal["ES256", "ES384", "RS256", "PS256", "EdDSA"] = "ES256"
    key_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None
    audience: str | None = None
    """Of the assertion; absent = the token endpoint."""
    scope: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,500}$")] | None = None
    early: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """A token is fetched anew when this share of its life is left."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10


class HookAuth(Model):
    """钩子签名: by `sign` of the profile's hook module; outbound only."""

    scheme: Literal["hook"]
    secrets: tuple[SecretName, ...] = ()
    """Those the module may ask for."""


InboundAuth = Annotated[TifAuth | NationalExchangeAuth | RecipeAuth, Field(discriminator="scheme")]
"""鉴权方式 of a partner's calls to us."""
Auth = Annotated[TifAuth | NationalExchangeAuth | RecipeAuth | OAuth2Auth | HookAuth, Field(discriminator="scheme")]
"""鉴权方式."""
