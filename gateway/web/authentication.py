"""身份验证: bearer tokens (ES256 JWT) into principals.

Tokens are signed by this gateway (`tongban token issue`) or by a partner city with a key in its profile; a partner's
own token can only ever speak for that city. pyjwt alone accepts duplicate JSON keys, missing exp and a foreign
`typ`; those are refused here first. A verified token is remembered until it expires, because checking its signature
costs more than the rest of a request.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.domain.access import Principal, Role
from gateway.evidence.keys import KeyRing
from gateway.trust.strict_json import strict_object
from schemas.errors import Unauthenticated

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type, no secret
AUDIENCE = "tongban"
_REMEMBERED = 4096
_LONGEST_TOKEN = 4096
_SHAPE = re.compile(r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")
_CALLER = re.compile(r"^[A-Za-z0-9._:@-]{1,100}$")


@dataclass(frozen=True, slots=True)
class _Key:
    key: ec.EllipticCurvePublicKey
    city: str | None
    """Set for a partner's key: the only city, and the only role, it may speak for."""


def _refuse(detail: str, detail_zh: str) -> Unauthenticated:
    return Unauthenticated(detail, detail_zh)


class TokenVerifier:
    """Checks bearer tokens against a set of keys."""

    def __init__(
        self,
        ring: KeyRing,
        partner_keys: Iterable[tuple[str, Mapping[str, Any]]],
        now: Callable[[], datetime],
    ) -> None:
        self._now = now
        self._keys = {kid: _Key(key, None) for kid, key in ring.public_keys.items()}
        for city, jwk in partner_keys:
            key = jwt.PyJWK(dict(jwk), algorithm="ES256").key
            self._keys.setdefault(str(jwk.get("kid")), _Key(key, city))
        self._remembered: dict[str, tuple[Principal, float]] = {}

    def principal(self, authorization: str | None) -> Principal:
        """Who sends this Authorization header; Unauthenticated when that cannot be established."""
        if authorization is None or not authorization.startswith("Bearer "):
            raise _refuse("A bearer token is needed.", "请求缺少 Bearer 令牌。")
        token = authorization[7:]
        known = self._remembered.get(token)
        now_s = self._now().timestamp()
        if known is not None and now_s < known[1]:
            return known[0]
        principal, expires_s = self._verify(token, now_s)
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[token] = (principal, expires_s)
        return principal

    def _verify(self, token: str, now_s: float) -> tuple[Principal, float]:
        if len(token) > _LONGEST_TOKEN or not _SHAPE.match(token):
            raise _refuse("The token is not a compact JWS.", "令牌格式不正确。")
        header = _segment(token, 0)
        if header.get("typ") != TOKEN_TYPE or header.get("alg") != "ES256" or "crit" in header:
            raise _refuse("The token's header is not that of an access token.", "令牌类型或算法不被接受。")
        found = self._keys.get(str(header.get("kid")))
        if found is None:
            raise _refuse("The token is signed by an unknown key.", "令牌的签名密钥不在受信名单中。")
        claims = _segment(token, 1)
        try:
            jwt.decode(
                token,
                found.key,
                algorithms=["ES256"],
                audience=AUDIENCE,
                options={
                    "require": ["exp", "iat", "sub", "aud"],
                    "verify_exp": False,  # against our own clock, below
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError:
            raise _refuse("The token does not verify.", "令牌验签未通过。") from None
        return _principal(claims, found, now_s)


def _principal(claims: Mapping[str, Any], found: _Key, now_s: float) -> tuple[Principal, float]:
    expires_s, issued_s, not_before_s = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if now_s >= expires_s or issued_s > now_s + 60 or not_before_s > now_s + 60:
        raise _refuse("The token has expired or is not valid yet.", "令牌已过期或尚未生效。")
    caller, city, role = claims.get("sub"), claims.get("city"), claims.get("role")
    if not isinstance(caller, str) or not _CALLER.match(caller) or not isinstance(city, str):
        raise _refuse("sub and city must be set.", "令牌缺少调用方或城市。")
    if role not in {member.value for member in Role}:
        raise _refuse("The token's role is unknown.", "令牌的角色不被识别。")
    if found.city is not None and (found.city != city or role != Role.PARTNER.value):
        raise _refuse("A partner's key speaks for that partner only.", "对方城市的密钥只能代表该城市。")
    scope = f"{city}:{caller}" if found.city is not None else caller
    return Principal(scope, Role(role), city), float(expires_s)


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name, 0)
    if type(value) is not int:
        raise _refuse("exp, iat and nbf must be whole seconds.", "令牌的时间字段必须是整数秒。")
    return int(value)


def _segment(token: str, index: int) -> dict[str, Any]:
    """One JSON segment; duplicate keys, wrong padding and anything but an object are refused."""
    part = token.split(".")[index]
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == part
        value = strict_object(raw)
    except ValueError:
        raise _refuse("The token cannot be read.", "令牌无法解析。") from None
    if not canonical:
        raise _refuse("The token cannot be read.", "令牌无法解析。")
    return value
