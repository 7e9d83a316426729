"""OAuth 2客户端凭据: an access token for one city, fetched with a signed assertion, kept until it is nearly over.

Client credentials with private_key_jwt. Source: RFC 6749 §4.4, RFC 7523 §2.2.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from aiohttp import ClientSession

from adapters.contract import AdapterContext
from adapters.faults import map_http_faults
from adapters.operations import OAuth2Auth
from schemas.errors import PartnerProtocol, PartnerUnavailable

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE_S = 60
_SHORTEST_LIFE_S, _LONGEST_LIFE_S = 1, 86_400
_FRESH_S = 10.0
_LARGEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Held:
    token: str
    good_until_s: float
    asked_at_s: float
    key: str
    """The private key it was asked for with: another key, another token."""


class TokenHolder:
    """令牌持有者: one token, at most one refresh under way, whoever asks in the meantime waits for it."""

    def __init__(self, auth: OAuth2Auth, context: AdapterContext, session: Callable[[], ClientSession]) -> None:
        self._auth, self._context, self._session = auth, context, session
        self._held: _Held | None = None
        self._refreshing = asyncio.Lock()

    async def token(self) -> str:
        """A token that is still good. KeyError for a missing secret; PartnerUnavailable where none is to be had."""
        key = self._context.secret(self._auth.private_key)
        async with self._refreshing:
            if self._held is None or self._held.key != key or self._now_s() >= self._held.good_until_s:
                self._held = await self._fetch(key)
            return self._held.token

    def refused(self, token: str) -> bool:
        """The city does not take this token: forget it. True where it was old enough to have been good once."""
        if self._held is None or self._held.token != token:
            return True  # another call has seen to it
        fresh = self._now_s() - self._held.asked_at_s < _FRESH_S
        self._held = None
        return not fresh

    def _now_s(self) -> float:
        return self._context.now().timestamp()

    def _assertion(self, key: str) -> str:
        now_s = int(self._now_s())
        claims = {
            "iss": self._auth.client_id,
            "sub": self._auth.client_id,
            "aud": self._auth.audience or self._auth.token_url,
            "iat": now_s,
            "exp": now_s + _ASSERTION_LIFE_S,
            "jti": self._context.nonce(),
        }
        headers = {"kid": self._auth.key_id} if self._auth.key_id else None
        try:
            return jwt.encode(claims, key, algorithm=self._auth.algorithm, headers=headers)
        except (jwt.PyJWTError, ValueError, TypeError):
            name = self._auth.private_key
            raise PartnerUnavailable(
                f"The secret {name} is no private key for {self._auth.algorithm}; nothing was sent.",
                f"密钥{name}不是{self._auth.algorithm}私钥，报文未发出。",
            ) from None

    async def _fetch(self, key: str) -> _Held:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._assertion(key),
        }
        if self._auth.scope:
            form["scope"] = self._auth.scope
        asked_at_s = self._now_s()
        with map_http_faults():
            async with (
                asyncio.timeout(self._auth.timeout_s),
                self._session().post(self._auth.token_url, data=form, allow_redirects=False) as response,
            ):
                body = await response.content.read(_LARGEST_BYTES)
                status = response.status
        if status != 200:
            raise PartnerUnavailable(
                f"The city's token endpoint answered {status}; nothing was sent.",
                f"对方令牌接口返回{status}，报文未发出。",
            )
        token, life_s = _read(body)
        return _Held(token, asked_at_s + life_s * (1 - self._auth.early), asked_at_s, key)


def _read(body: bytes) -> tuple[str, float]:
    """Token and seconds of life. PartnerProtocol for an answer that RFC 6749 §5.1 does not describe."""
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict) and str(answer.get("token_type", "")).lower() == "bearer":
        token, life = answer.get("access_token"), answer.get("expires_in", _SHORTEST_LIFE_S)
        if (
            isinstance(token, str)
            and token.isascii()
            and token.isprintable()
            and token
            and isinstance(life, int | float)
        ):
            return token, min(max(float(life), _SHORTEST_LIFE_S), _LONGEST_LIFE_S)
    raise PartnerProtocol("The city's token endpoint gave no bearer token.", "对方令牌接口没有返回Bearer令牌。")
