"""HTTP报文签名: signatures between gateways by RFC 9421 (ecdsa-p256-sha256) over digests by RFC 9530 (sha-256).

A request covers method, path, query, body digest, the city it is meant for and the protocol's version; a response
covers its status, its digest and the signature of the request it answers. Host name and scheme are left out: a proxy
that ends TLS changes both, and `tongban-to` says better than a host name whom a request is meant for.

The library builds and reads the signature bases. It reads the machine's clock, which is ours to give, and it accepts
what a message covers unless told otherwise: both are settled here.
"""

import base64
import hmac
from collections.abc import Callable, ItemsView
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import http_sf
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from adapters.contract import RequestSigner
from adapters.signing.signed import wrong_signature
from schemas.errors import Unauthenticated

LABEL = "tongban"
TAG = "tongban-peer"
LIFE_S = 300
"""How long a request is good for, at most."""
TO, VERSION = "Tongban-To", "Tongban-Version"
_REQUEST = ("@method", "@path", "@query", "content-digest", "tongban-to", "tongban-version")
_RESPONSE = ("@status", "content-digest")
_ALSO_COVERED = ("content-type", "idempotent-replayed")
"""Where they are there."""
_NONCE_LENGTH = range(16, 129)
_SIGNER = HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256)

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

    @property
    def url(self) -> str:
        """For the library, which wants an absolute address; no part of what is put before the target is signed."""
        return f"http://tongban{self.target}"


@dataclass(frozen=True, slots=True)
class Response:
    """应答 as it is signed, with the request it answers, whose signature bears `label`."""

    status_code: int
    headers: Headers
    request: Request
    label: str = LABEL


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


def content_digest(sha256: bytes) -> str:
    """The Content-Digest field."""
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"


def sign_request(request: Request, signer: RequestSigner, *, now: datetime, nonce: str) -> dict[str, str]:
    """The two signature headers of a request that has its digest and its Tongban headers already."""
    covered = (*_REQUEST, *_also(request.headers))
    return _signature(request, covered, signer, now, nonce=nonce, expires=now + timedelta(seconds=LIFE_S))


def sign_response(response: Response, signer: RequestSigner, *, now: datetime) -> dict[str, str]:
    """The two signature headers of the answer to a request that was verified."""
    covered = (*_RESPONSE, *_also(response.headers), _binding(response.label))
    return _signature(response, covered, signer, now)


def verify_request(
    request: Request, find_key: FindKey, *, now: datetime, tolerance_s: Callable[[str], int]
) -> Verified:
    """Check all but the body, and whether the nonce is new. Unauthenticated says what is wrong.

    `tolerance_s` tells how far the clock of a key's owner may be from ours.
    """
    parameters, label, digest = _verified(request, (*_REQUEST, *_also(request.headers)), find_key)
    allowed_s = tolerance_s(parameters["keyid"])
    _check_time(parameters, now, allowed_s)
    created, expires, nonce = parameters["created"], parameters.get("expires"), parameters.get("nonce")
    if not isinstance(nonce, str) or len(nonce) not in _NONCE_LENGTH:
        raise Unauthenticated("The signature needs a nonce of 16 to 128 characters.", "签名须含16至128个字符的随机数。")
    if type(expires) is not int or not created < expires <= created + LIFE_S:
        raise Unauthenticated(
            f"The signature needs an end (expires) within {LIFE_S} seconds of its beginning.",
            f"签名须有截止时间（expires），且在生成后 {LIFE_S} 秒以内。",
        )
    if now.timestamp() > expires:
        raise _stale(allowed_s)
    return Verified(str(parameters["keyid"]), label, nonce, datetime.fromtimestamp(expires + 1, UTC), digest)


def verify_response(response: Response, find_key: FindKey, *, now: datetime, tolerance_s: int) -> bytes:
    """The SHA-256 the answer's body must have. Unauthenticated where it is not the peer's answer to this request."""
    covered = (*_RESPONSE, *_also(response.headers), _binding(response.label))
    parameters, _, digest = _verified(response, covered, find_key)
    _check_time(parameters, now, tolerance_s)
    return digest


def signed_sha256(headers: Headers) -> bytes:
    """The SHA-256 in Content-Digest; other algorithms beside it are not read. Unauthenticated where there is none."""
    value = ", ".join(value for name, value in headers.items() if name.lower() == "content-digest")
    try:
        digests: Any = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=_no_repeats)
        found = digests["sha-256"][0]
    except (ValueError, LookupError, TypeError):
        found = None
    if not isinstance(found, bytes) or len(found) != 32:
        raise Unauthenticated("Content-Digest lacks a sha-256.", "Content-Digest缺少sha-256摘要。")
    return found


def body_differs() -> Unauthenticated:
    """The error for a body that is not the one that was signed."""
    return Unauthenticated("The body is not the one that was signed.", "报文内容与签名的摘要不符。")


def _no_repeats(key: str, _context: str) -> None:
    raise ValueError(key)


def _also(headers: Headers) -> list[str]:
    there = {name.lower() for name, _ in headers.items()}
    return [name for name in _ALSO_COVERED if name in there]


def _binding(label: str) -> str:
    return f'"signature";req;key="{label}"'


def _signature(
    message: Request | Response,
    covered: tuple[str, ...],
    signer: RequestSigner,
    now: datetime,
    *,
    nonce: str | None = None,
    expires: datetime | None = None,
) -> dict[str, str]:
    prepared = _SIGNER.prepare(
        message,
        key_id=signer.kid,
        created=now,
        expires=expires,
        nonce=nonce,
        label=LABEL,
        tag=TAG,
        covered_component_ids=covered,
        use_existing_digest=True,
    )
    signature = base64.b64encode(signer.sign(prepared.signature_base)).decode()
    return {"Signature-Input": f"{LABEL}={prepared.signature_params}", "Signature": f"{LABEL}=:{signature}:"}


def _stale(tolerance_s: int) -> Unauthenticated:
    return Unauthenticated(
        "The time in the signature is too far from ours.", "签名时间与本机时间相差过大。", tolerance_s=tolerance_s
    )


@dataclass(slots=True)
class _Keys(HTTPSignatureKeyResolver):
    find: FindKey
    unknown: list[str] = field(default_factory=list)

    def resolve_public_key(self, key_id: str) -> ec.EllipticCurvePublicKey | None:
        found = self.find(key_id)
        if found is None:
            self.unknown.append(key_id)
        return found


class _Verifier(HTTPMessageVerifier):
    """The library's verifier without the machine's clock."""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Times are held against our own clock once the signature holds."""


def _check_time(parameters: dict[str, Any], now: datetime, tolerance_s: int) -> None:
    created = parameters.get("created")
    if type(created) is not int:
        raise wrong_signature()
    if abs(created - now.timestamp()) > tolerance_s:
        raise _stale(tolerance_s)


def _verified(
    message: Request | Response, covered: tuple[str, ...], find_key: FindKey
) -> tuple[dict[str, Any], str, bytes]:
    keys = _Keys(find_key)
    verifier = _Verifier(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=keys)
    try:
        results = verifier.verify(message, max_age=None, expect_tag=TAG, require_components=covered)
    except (HTTPMessageSignaturesException, ValueError, TypeError, LookupError):
        if keys.unknown:
            raise Unauthenticated(
                "The request or answer is signed by a key that is not this peer's.", "签名所用密钥不是该对方的密钥。"
            ) from None
        raise wrong_signature() from None
    if len(results) != 1:
        raise wrong_signature()
    return dict(results[0].parameters), results[0].label, signed_sha256(message.headers)
