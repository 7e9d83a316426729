"""HTTP报文签名: signatures between gateways by RFC 9421 (ecdsa-p256-sha256) over digests by RFC 9530 (sha-256).

A request covers method, path, query, body digest, both cities and the protocol's version; a response covers its
status, its digest and the signature of the request it answers. Host name and scheme are left out: a proxy that ends
TLS changes both, and `tongban-to` says better than a host name whom a request is meant for. `tongban-from` says whose
keys to look among: nobody can get in the way of a peer by listing its key as his own.

One fixed form, written by hand: a message has exactly one signature, its list names fields and the derived components
above, its parameters are whole numbers and strings without escapes, in any order. A general library takes four times
as long on each of the four signatures of a round trip; in the tests it stands against this module both ways.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, ItemsView, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from adapters.contract import RequestSigner
from adapters.signing.signed import wrong_signature
from schemas.errors import Unauthenticated

LABEL = "tongban"
TAG = "tongban-peer"
ALGORITHM = "ecdsa-p256-sha256"
LIFE_S = 300
"""How long a request is good for, at most."""
FROM, TO, VERSION = "Tongban-From", "Tongban-To", "Tongban-Version"
_REQUEST = ("@method", "@path", "@query", "content-digest", "tongban-from", "tongban-to", "tongban-version")
_RESPONSE = ("@status", "content-digest")
_ALSO_COVERED = ("content-type", "idempotent-replayed")
"""Where they are there."""
_NONCE_LENGTH = range(16, 129)
_ES256 = ec.ECDSA(hashes.SHA256())
_STRING = r'"[ !#-\[\]-~]*"'
_ITEM = re.compile(r'"(@?[a-z][a-z0-9-]*)"(;req;key="[a-z*][a-z0-9_.*-]*")?')
_PARAMETER = re.compile(rf";([a-z]+)=({_STRING}|[0-9]{{1,15}})")
_INPUT = re.compile(rf"([a-z*][a-z0-9_.*-]*)=(\(([^()]*)\)((?:;[a-z]+=(?:{_STRING}|[0-9]{{1,15}}))*))")
_SIGNATURE = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]{86}==):")
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_MEMBER = re.compile(r"[a-z0-9-]+=:[A-Za-z0-9+/=]*:")
_PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "tag", "alg"})

FindKey = Callable[[str], ec.EllipticCurvePublicKey | None]


class Headers(Protocol):
    """Header lines in order; a dict or aiohttp's multidicts."""

    def items(self) -> ItemsView[str, str]:
        """Name and value of every line."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """请求 as it is signed. `target` is path and query as they stand on the wire."""

    method: str
    target: str
    headers: Headers

    def values(self) -> dict[str, str]:
        """What each component is."""
        path, question, query = self.target.partition("?")
        return _fields(self.headers) | {"@method": self.method, "@path": path or "/", "@query": question + query or "?"}


@dataclass(frozen=True, slots=True)
class Response:
    """应答 as it is signed, with the request it answers, whose signature bears `label`."""

    status_code: int
    headers: Headers
    request: Request
    label: str = LABEL

    def values(self) -> dict[str, str]:
        """What each component is; the request's signature under the name that binds the two."""
        label, _, signature = _fields(self.request.headers).get("signature", "").partition("=")
        bound = {_binding(label): signature} if label == self.label else {}
        return _fields(self.headers) | {"@status": str(self.status_code)} | bound


@dataclass(frozen=True, slots=True)
class Verified:
    """已验签. `nonce` must not be taken again before `expires_at`; the body is still to be held against `sha256`."""

    kid: str
    label: str
    nonce: str
    expires_at: datetime
    sha256: bytes

    def holds(self, sha256: bytes) -> bool:
        """Whether this is the digest that was signed."""
        return hmac.compare_digest(self.sha256, sha256)


@dataclass(frozen=True, slots=True)
class _Read:
    """What Signature-Input says: the list's items as they are written, and the parameters."""

    label: str
    text: str
    items: Sequence[str]
    parameters: Mapping[str, int | str]


def content_digest(sha256: bytes) -> str:
    """The Content-Digest field."""
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"


def sign_request(request: Request, signer: RequestSigner, *, now: datetime, nonce: str) -> dict[str, str]:
    """The two signature headers of a request that has its digest and its Tongban headers already."""
    created = int(now.timestamp())
    ends = f';expires={created + LIFE_S};nonce="{nonce}"'
    return _signature(request.values(), _REQUEST, signer, f'created={created};keyid="{signer.kid}"', ends)


def sign_response(response: Response, signer: RequestSigner, *, now: datetime) -> dict[str, str]:
    """The two signature headers of the answer to a request that was verified."""
    covered = (*_RESPONSE, _binding(response.label))
    return _signature(response.values(), covered, signer, f'created={int(now.timestamp())};keyid="{signer.kid}"')


def _signature(
    values: Mapping[str, str], covered: Sequence[str], signer: RequestSigner, begins: str, ends: str = ""
) -> dict[str, str]:
    items = [_written(name) for name in (*covered, *(name for name in _ALSO_COVERED if name in values))]
    parameters = f'({" ".join(items)});{begins};alg="{ALGORITHM}"{ends};tag="{TAG}"'
    signature = base64.b64encode(signer.sign(_base(values, items, parameters))).decode()
    return {"Signature-Input": f"{LABEL}={parameters}", "Signature": f"{LABEL}=:{signature}:"}


def verify_request(request: Request, find_key: FindKey, *, now: datetime, tolerance_s: int) -> Verified:
    """Check all but the body, and whether the nonce is new. Unauthenticated says what is wrong."""
    read = _verified(request.values(), _REQUEST, find_key)
    kid, nonce = str(read.parameters["keyid"]), read.parameters.get("nonce")
    created, expires = _created(read.parameters, now, tolerance_s), read.parameters.get("expires")
    if not isinstance(nonce, str) or len(nonce) not in _NONCE_LENGTH:
        raise Unauthenticated("The signature needs a nonce of 16 to 128 characters.", "签名须含16至128个字符的随机数。")
    if not isinstance(expires, int) or not created < expires <= created + LIFE_S:
        raise Unauthenticated(
            f"The signature needs an end (expires) within {LIFE_S} seconds of its beginning.",
            f"签名须有截止时间（expires），且在生成后 {LIFE_S} 秒以内。",
        )
    if now.timestamp() > expires:
        raise _stale(tolerance_s)
    ends = datetime.fromtimestamp(expires + 1, UTC)
    return Verified(kid, read.label, nonce, ends, signed_sha256(request.headers))


def verify_response(response: Response, find_key: FindKey, *, now: datetime, tolerance_s: int) -> bytes:
    """The SHA-256 the answer's body must have. Unauthenticated where it is not the peer's answer to this request."""
    read = _verified(response.values(), (*_RESPONSE, _binding(response.label)), find_key)
    _created(read.parameters, now, tolerance_s)
    return signed_sha256(response.headers)


def signed_sha256(headers: Headers) -> bytes:
    """The SHA-256 in Content-Digest; other algorithms beside it are not read. Unauthenticated where there is none."""
    members = [member.strip() for member in _fields(headers).get("content-digest", "").split(",")]
    found = [match[1] for member in members if (match := _DIGEST.fullmatch(member))]
    if len(found) != 1 or not all(_MEMBER.fullmatch(member) for member in members):
        raise Unauthenticated("Content-Digest lacks a sha-256.", "Content-Digest缺少sha-256摘要。")
    return base64.b64decode(found[0])


def body_differs() -> Unauthenticated:
    """The error for a body that is not the one that was signed."""
    return Unauthenticated("The body is not the one that was signed.", "报文内容与签名的摘要不符。")


def _verified(values: Mapping[str, str], wanted: Sequence[str], find_key: FindKey) -> _Read:
    read = _read(values.get("signature-input", ""))
    needed = {_written(name) for name in (*wanted, *(name for name in _ALSO_COVERED if name in values))}
    given = _SIGNATURE.fullmatch(values.get("signature", ""))
    if not needed <= set(read.items) or given is None or given[1] != read.label:
        raise wrong_signature()
    key = find_key(str(read.parameters["keyid"]))
    if key is None:
        raise Unauthenticated(
            "The request or answer is signed by a key that is not this peer's.", "签名所用密钥不是该对方的密钥。"
        )
    try:
        raw = base64.b64decode(given[2], validate=True)
        numbers = (int.from_bytes(part, "big") for part in (raw[:32], raw[32:]))
        key.verify(encode_dss_signature(*numbers), _base(values, read.items, read.text), _ES256)
    except (InvalidSignature, binascii.Error):
        raise wrong_signature() from None
    return read


def _read(text: str) -> _Read:
    """Signature-Input in its one form; Unauthenticated for any other."""
    found = _INPUT.fullmatch(text)
    items = [] if found is None or not found[3] else found[3].split(" ")
    if found is None or len(set(items)) != len(items) or not all(_ITEM.fullmatch(item) for item in items):
        raise wrong_signature()
    pairs = _PARAMETER.findall(found[4])
    parameters = {name: value[1:-1] if value[0] == '"' else int(value) for name, value in pairs}
    if len(parameters) != len(pairs) or not parameters.keys() <= _PARAMETERS:
        raise wrong_signature()
    if parameters.get("tag") != TAG or parameters.get("alg", ALGORITHM) != ALGORITHM:
        raise wrong_signature()
    if not isinstance(parameters.get("keyid"), str):
        raise wrong_signature()
    return _Read(found[1], found[2], items, parameters)


def _base(values: Mapping[str, str], items: Sequence[str], parameters: str) -> bytes:
    """What is signed (RFC 9421 §2.5). Unauthenticated where a listed component is not in the message."""
    lines = []
    for item in items:
        value = values.get(item if ";" in item else item[1:-1])
        if value is None:
            raise wrong_signature()
        lines.append(f"{item}: {value}")
    lines.append(f'"@signature-params": {parameters}')
    try:
        return "\n".join(lines).encode("ascii")
    except UnicodeEncodeError:
        raise wrong_signature() from None


def _fields(headers: Headers) -> dict[str, str]:
    """Every field under its name in lower case; lines of one name joined (RFC 9421 §2.1)."""
    fields: dict[str, str] = {}
    for name, value in headers.items():
        lower, clean = name.lower(), value.strip(" \t")
        fields[lower] = f"{fields[lower]}, {clean}" if lower in fields else clean
    return fields


def _written(name: str) -> str:
    return name if ";" in name else f'"{name}"'


def _binding(label: str) -> str:
    return f'"signature";req;key="{label}"'


def _created(parameters: Mapping[str, int | str], now: datetime, tolerance_s: int) -> int:
    created = parameters.get("created")
    if not isinstance(created, int):
        raise wrong_signature()
    if abs(created - now.timestamp()) > tolerance_s:
        raise _stale(tolerance_s)
    return created


def _stale(tolerance_s: int) -> Unauthenticated:
    return Unauthenticated(
        "The time in the signature is too far from ours.", "签名时间与本机时间相差过大。", tolerance_s=tolerance_s
    )
