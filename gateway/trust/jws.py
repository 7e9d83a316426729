"""JWS: a compact signed token taken apart strictly and verified with one key (RFC 7515, 7518, 8037).

Keys come from the trust snapshot alone: `jwk`, `jku`, `x5u` and `x5c` in a header are noted and ignored. pyjwt does
the arithmetic; what it lets pass (repeated names, loose base64, unfit keys) is refused here first.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import get_default_algorithms

from gateway.trust.strict_json import JsonError, strict_object
from schemas.verification import SubIndication as Sub

MAX_BYTES = 1024 * 1024
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+", re.ASCII)
_ALGORITHMS = get_default_algorithms()
ASYMMETRIC = frozenset({"RS256", "PS256", "ES256", "ES384", "EdDSA"})
"""What issuers of licences may be allowed to use."""
_KNOWN = frozenset(_ALGORITHMS) - {"none"}
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}
_CURVES = {"ES256": {"P-256"}, "ES384": {"P-384"}, "ES512": {"P-521"}, "EdDSA": {"Ed25519"}}
_SMALLEST_RSA, _SMALLEST_SECRET = 2048, {"HS256": 32, "HS384": 48, "HS512": 64}
EMBEDDED = ("jwk", "jku", "x5u", "x5c")


class TokenError(ValueError):
    """The token does not hold; `sub` says in which way, `message_zh` in words for a clerk."""

    def __init__(self, sub: Sub, message_zh: str, message: str = "") -> None:
        super().__init__(message or message_zh)
        self.sub, self.message_zh = sub, message_zh


@dataclass(frozen=True, slots=True)
class Compact:
    """A token taken apart; nothing in it is believed yet."""

    header: Mapping[str, Any]
    payload: bytes
    signature: bytes
    signed: bytes

    @property
    def algorithm(self) -> str:
        """`alg` as the header says."""
        return str(self.header["alg"])

    @property
    def key_id(self) -> str | None:
        """`kid` as the header says."""
        return self.header.get("kid")


def base64url(text: str) -> bytes:
    """The bytes of unpadded base64url in its one right form. TokenError for any other."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise TokenError(Sub.FORMAT_FAILURE, "令牌编码不合规范。", "not base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise TokenError(Sub.FORMAT_FAILURE, "令牌编码不合规范。", "not the one right form of base64url")
    return raw


def take_apart(text: str) -> Compact:
    """Header, payload and signature of a compact JWS. TokenError for what is not exactly one."""
    if len(text) > MAX_BYTES or _SHAPE.fullmatch(text) is None:
        raise TokenError(Sub.FORMAT_FAILURE, "不是完整的签名令牌。", "not a compact JWS")
    first, second, third = text.split(".")
    try:
        header = strict_object(base64url(first))
    except JsonError as error:
        raise TokenError(Sub.FORMAT_FAILURE, "令牌头不合规范。", str(error)) from None
    if "crit" in header or header.get("b64", True) is not True or "zip" in header:
        raise TokenError(Sub.FORMAT_FAILURE, "令牌使用了不支持的扩展。", "crit, b64 or zip")
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("kid", ""), str):
        raise TokenError(Sub.FORMAT_FAILURE, "令牌头缺少算法或写法不合规范。", "alg or kid is not text")
    return Compact(header, base64url(second), base64url(third), f"{first}.{second}".encode())


def verify_jws(token: Compact, key: Mapping[str, Any], algorithms: Collection[str]) -> None:
    """TokenError unless the signature holds with this key, under an algorithm that is allowed and fits the key."""
    name = token.algorithm
    if name not in algorithms or name not in _KNOWN:
        raise TokenError(Sub.CRYPTO_CONSTRAINTS_FAILURE, "令牌的签名算法不被接受。", f"algorithm {name[:20]!r}")
    _check_key(name, key)
    if not _ALGORITHMS[name].verify(token.signed, _prepared(name, orjson.dumps(key, option=_SORTED)), token.signature):
        raise TokenError(Sub.SIG_CRYPTO_FAILURE, "令牌签名不符，内容被改动过或不是该机构签发。", "signature")


_SORTED = orjson.OPT_SORT_KEYS


def _check_key(name: str, key: Mapping[str, Any]) -> None:
    """Whether the key is for verifying, of the algorithm's kind, and large enough."""
    told, use, operations = key.get("alg"), key.get("use", "sig"), key.get("key_ops", ["verify"])
    fits = key.get("kty") == _KINDS[name[:2]] and key.get("crv") in _CURVES.get(name, {key.get("crv")})
    if not fits or use != "sig" or "verify" not in operations or told not in (None, name):
        raise TokenError(Sub.CRYPTO_CONSTRAINTS_FAILURE, "密钥不是用于验证这种签名的。", "the key is not for this")


@lru_cache(maxsize=1024)
def _prepared(name: str, key: bytes) -> Any:
    """A key ready to verify. TokenError for one that is broken or too small."""
    try:
        prepared = jwt.PyJWK(orjson.loads(key), algorithm=name).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise TokenError(Sub.CRYPTO_CONSTRAINTS_FAILURE, "密钥无法使用。", "the key cannot be used") from None
    small = isinstance(prepared, rsa.RSAPublicKey) and (
        prepared.key_size < _SMALLEST_RSA or prepared.public_numbers().e < 3
    )
    if small or (isinstance(prepared, bytes) and len(prepared) < _SMALLEST_SECRET[name]):
        raise TokenError(Sub.CRYPTO_CONSTRAINTS_FAILURE, "密钥过短，不足采信。", "the key is too small")
    return prepared
