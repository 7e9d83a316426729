"""信任材料: what a trust snapshot is made of, each piece read and checked once before it is kept."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from gateway.trust.certificates import Certificate, CertificateError, certificate, from_file
from gateway.trust.crls import crl
from gateway.trust.jws import TokenError, take_apart
from gateway.trust.snapshot import ALL_PURPOSES, Anchor, Issuer, Purpose, StatusList, TrustSnapshot
from gateway.trust.strict_json import JsonError, strict_object
from schemas.errors import Invalid
from schemas.model import Model, Moment, Sha256Hex

Address = Annotated[str, Field(max_length=500, pattern=r"^https?://[\x21-\x7e]+$")]


class Kind(StrEnum):
    """信任材料的种类."""

    ANCHOR = "anchor"
    """信任锚."""
    INTERMEDIATE = "intermediate"
    """中级发证机构."""
    CRL = "crl"
    """吊销列表."""
    SEALER = "sealer"
    """授权制章者."""
    ISSUER = "issuer"
    """令牌签发者."""
    STATUS_LIST = "status_list"
    """状态列表."""


CERTIFICATES = frozenset({Kind.ANCHOR, Kind.INTERMEDIATE, Kind.SEALER})


class IssuerFile(Model):
    """令牌签发者: a JSON file that says who may sign tokens, with which keys and algorithms."""

    issuer: Annotated[str, Field(min_length=1, max_length=200)]
    algorithms: Annotated[
        tuple[Literal["RS256", "PS256", "ES256", "ES384", "EdDSA"], ...], Field(min_length=1, max_length=5)
    ]
    keys: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=20)]
    """Public JWKs; a private part is refused."""
    status_lists: Annotated[tuple[Address, ...], Field(max_length=50)] = ()
    """Where the issuer's status lists are, for the refresh."""

    @field_validator("keys")
    @classmethod
    def _public(cls, keys: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for key in keys:
            if key.get("kty") not in ("EC", "RSA", "OKP") or {"d", "p", "q", "k"} & key.keys():
                raise ValueError("密钥应为 EC、RSA 或 OKP 公钥，不得含私钥 / keys are public EC, RSA or OKP keys")
        return keys


class TrustPart(Model):
    """信任材料: one piece of a generation. Its bytes are kept under `sha256`."""

    kind: Kind
    sha256: Sha256Hex
    about: str
    """Subject of a certificate, issuer of a list or of tokens, or the address of a status list."""
    purposes: tuple[Purpose, ...] = ()
    """What an anchor is trusted for."""
    not_before: Moment | None = None
    """From when we trust an anchor; absent = as its certificate says."""
    not_after: Moment | None = None
    source: str = ""
    """Where the operator got it."""
    address: str | None = None
    """Where a list is fetched from again."""
    etag: str | None = None
    fetched_at: Moment | None = None
    """When a list was fetched."""


@dataclass(frozen=True, slots=True)
class Read:
    """One piece as it was read: its kind, bytes as they are kept, and what it is about."""

    kind: Kind
    content: bytes
    about: str


def guess_kind(content: bytes, where: str) -> Kind:
    """CRLs and issuers are told by their content; for certificates the operator must say. Invalid otherwise."""
    head = content.lstrip()[:64]
    if head.startswith(b"{"):
        return Kind.ISSUER
    if b"X509 CRL" in head or not (head.startswith(b"-----") or _is_certificate(content)):
        return Kind.CRL
    raise Invalid(
        f"{where} holds certificates; say with --kind whether they are anchors, intermediates or sealers.",
        f"{where} 是证书，请用 --kind 说明是 anchor 信任锚、intermediate 中级机构还是 sealer 制章者。",
    )


def _is_certificate(content: bytes) -> bool:
    try:
        return bool(from_file(content))
    except CertificateError:
        return False


def read_part(kind: Kind, content: bytes, where: str) -> list[Read]:
    """Every piece of a file. Invalid, naming `where`, for one that cannot be used."""
    try:
        if kind in CERTIFICATES:
            return [Read(kind, one.der, one.subject_text) for one in from_file(content)]
        if kind is Kind.CRL:
            return [Read(kind, content, "; ".join("/".join(v for _, v in part) for part in crl(content).issuer))]
        if kind is Kind.ISSUER:
            return [Read(kind, content, IssuerFile.model_validate_json(content).issuer)]
        return [Read(kind, content.strip(), status_list_uri(content))]
    except (CertificateError, TokenError, JsonError) as error:
        reason = str(error)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        reason = f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
    raise Invalid(f"{where} cannot be used: {reason}.", f"文件 {where} 无法使用（{reason}），请核对后重新导入。")


def status_list_uri(token: bytes) -> str:
    """The address that a status-list token says it is the list of. TokenError or JsonError."""
    claims = strict_object(take_apart(token.decode("ascii", errors="replace").strip()).payload)
    uri = claims.get("sub")
    if not isinstance(uri, str):
        raise JsonError("the status list does not say which list it is (sub)")
    return uri[:500]


def snapshot_of(
    generation: str, pieces: Iterable[tuple[TrustPart, bytes]], *, keeps_sealers: bool, now: datetime
) -> TrustSnapshot:
    """The snapshot of these pieces; `now` stands in where it is not known when a status list was fetched."""
    by_kind: Mapping[Kind, list[tuple[TrustPart, bytes]]] = {kind: [] for kind in Kind}
    for part, content in pieces:
        by_kind[part.kind].append((part, content))
    return TrustSnapshot(
        generation=generation,
        anchors=tuple(_anchor(part, content) for part, content in by_kind[Kind.ANCHOR]),
        intermediates=tuple(_certificates(by_kind[Kind.INTERMEDIATE])),
        crls=tuple(crl(content) for _, content in by_kind[Kind.CRL]),
        sealers=frozenset(one.sha256 for one in _certificates(by_kind[Kind.SEALER])) if keeps_sealers else None,
        issuers={one.issuer: one for one in (_issuer(content) for _, content in by_kind[Kind.ISSUER])},
        status_lists={
            part.about: StatusList(part.about, content.decode("ascii"), part.fetched_at or now)
            for part, content in by_kind[Kind.STATUS_LIST]
        },
    )


def _certificates(pieces: Iterable[tuple[TrustPart, bytes]]) -> Iterator[Certificate]:
    return (certificate(content) for _, content in pieces)


def _anchor(part: TrustPart, content: bytes) -> Anchor:
    purposes = frozenset(part.purposes) or ALL_PURPOSES
    return Anchor(certificate(content), purposes, part.not_before, part.not_after, part.source)


def _issuer(content: bytes) -> Issuer:
    read = IssuerFile.model_validate_json(content)
    return Issuer(read.issuer, read.keys, frozenset(read.algorithms))
