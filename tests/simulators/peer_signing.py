"""Signed HTTP between gateways, written from the protocol's page alone: signature bases by hand, ECDSA by cryptography.

RFC 9421 with ecdsa-p256-sha256, RFC 9530 with sha-256. Only the form the page describes is read: one signature with
the tag tongban-peer; items of its list are quoted names, one of them with ;req;key.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

TAG = "tongban-peer"
LIFE_S = 300
WANTED = frozenset({"@method", "@path", "@query", "content-digest", "tongban-from", "tongban-to", "tongban-version"})
_INPUT = re.compile(r'^([a-z*][a-z0-9_.*-]*)=(\(([^()]*)\)((?:;[a-z]+=(?:"[^"\\]*"|[0-9]+))*))$')
_PARAMETER = re.compile(r';([a-z]+)=("[^"\\]*"|[0-9]+)')
_ES256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_ANY_ES256 = ec.ECDSA(hashes.SHA256())


class Objection(Exception):
    """Why a signature is not taken."""


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest_field(body_sha256: bytes) -> str:
    return f"sha-256=:{base64.b64encode(body_sha256).decode()}:"


class Key:
    """A private key with the name its JWK has: RFC 7638."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self.private = private
        numbers = private.public_key().public_numbers()
        x, y = (base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        members = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        text = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
        self.kid = base64url(hashlib.sha256(text.encode()).digest())
        self.jwk: dict[str, str] = members | {"kid": self.kid, "alg": "ES256", "use": "sig"}

    @classmethod
    def new(cls) -> "Key":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "Key":
        private = serialization.load_pem_private_key(pem, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError("not an EC key")
        return cls(private)

    def pem(self) -> bytes:
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self.private.private_bytes(encoding, form, serialization.NoEncryption())

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(data, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jws(self, claims: Mapping[str, Any], typ: str) -> str:
        header = base64url(orjson.dumps({"alg": "ES256", "kid": self.kid, "typ": typ}))
        signed = f"{header}.{base64url(orjson.dumps(dict(claims)))}"
        return f"{signed}.{base64url(self.sign(signed.encode()))}"


def public_keys(jwks: Mapping[str, Any]) -> dict[str, ec.EllipticCurvePublicKey]:
    """The keys of a JWK set by kid."""
    found = {}
    for jwk in jwks["keys"]:
        x, y = (int.from_bytes(unbase64url(jwk[name]), "big") for name in ("x", "y"))
        found[str(jwk["kid"])] = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    return found


def is_signed(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    if len(signature) != 64:
        return False
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), data, _ANY_ES256)
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Request:
    """Header names in lower case. `target` is path and query as on the wire."""

    method: str
    target: str
    headers: Mapping[str, str]

    def value(self, name: str) -> str:
        path, question, query = self.target.partition("?")
        derived = {"@method": self.method, "@path": path or "/", "@query": question + query or "?"}
        if name in derived:
            return derived[name]
        if name not in self.headers:
            raise Objection(f"{name} 未随请求提供")
        return self.headers[name].strip()


def _base(lines: list[tuple[str, str]], parameters: str) -> bytes:
    whole = [*lines, ('"@signature-params"', parameters)]
    return "\n".join(f"{name}: {value}" for name, value in whole).encode()


def sign_request(request: Request, key: Key, *, now: float, nonce: str, life_s: int = LIFE_S) -> dict[str, str]:
    """The two headers."""
    names = [*sorted(WANTED), *(["content-type"] if "content-type" in request.headers else [])]
    created = int(now)
    listed = " ".join(f'"{name}"' for name in names)
    parameters = f'({listed});created={created};expires={created + life_s};nonce="{nonce}";keyid="{key.kid}"'
    parameters += f';tag="{TAG}"'
    base = _base([(f'"{name}"', request.value(name)) for name in names], parameters)
    signature = base64.b64encode(key.sign(base)).decode()
    return {"signature-input": f"their={parameters}", "signature": f"their=:{signature}:"}


def sign_response(status: int, headers: Mapping[str, str], request: Request, key: Key, *, now: float) -> dict[str, str]:
    """The two headers of the answer to a request that was checked."""
    label, _, _ = _read(request.headers.get("signature-input", ""))
    binding = f'"signature";req;key="{label}"'
    lines = [('"@status"', str(status)), ('"content-digest"', headers["content-digest"])]
    lines += [(f'"{name}"', headers[name]) for name in ("content-type", "idempotent-replayed") if name in headers]
    lines.append((binding, request.headers["signature"].partition("=")[2]))
    parameters = f'({" ".join(name for name, _ in lines)});created={int(now)};keyid="{key.kid}";tag="{TAG}"'
    signature = base64.b64encode(key.sign(_base(lines, parameters))).decode()
    return {"signature-input": f"answer={parameters}", "signature": f"answer=:{signature}:"}


def _read(text: str) -> tuple[str, str, dict[str, str]]:
    """Label, the whole value, its parameters. Raises Objection."""
    found = _INPUT.match(text)
    if found is None:
        raise Objection("Signature-Input 无法识别")
    parameters = {name: value.strip('"') for name, value in _PARAMETER.findall(found[4])}
    return found[1], found[2], parameters


def check_request(
    request: Request, keys: Mapping[str, ec.EllipticCurvePublicKey], *, now: float, tolerance_s: int = 300
) -> tuple[str, str]:
    """(key id, nonce) of a request whose signature holds. Raises Objection. The body is not looked at."""
    label, parameters_text, parameters = _read(request.headers.get("signature-input", ""))
    names = re.findall(r'"([^"]+)"', _INPUT.match(request.headers["signature-input"])[3])  # type: ignore[index]
    if not set(names) >= WANTED or ("content-type" in request.headers) > ("content-type" in names):
        raise Objection("签名未覆盖规定的内容")
    if parameters.get("tag") != TAG or parameters.get("alg", "ecdsa-p256-sha256") != "ecdsa-p256-sha256":
        raise Objection("tag 或 alg 不正确")
    created, expires = int(parameters.get("created", "0")), int(parameters.get("expires", "0"))
    if abs(created - now) > tolerance_s or not created < expires <= created + LIFE_S or now > expires:
        raise Objection("签名时间超出允许范围")
    key, nonce = keys.get(parameters.get("keyid", "")), parameters.get("nonce", "")
    if key is None or len(nonce) < 16:
        raise Objection("密钥未知，或缺少随机数")
    given = re.fullmatch(rf"{re.escape(label)}=:([A-Za-z0-9+/=]+):", request.headers.get("signature", ""))
    base = _base([(f'"{name}"', request.value(name)) for name in names], parameters_text)
    if given is None or not is_signed(key, base64.b64decode(given[1]), base):
        raise Objection("签名错误")
    return parameters["keyid"], nonce
