"""The back office's signatures: HMAC-SM3 over method, path, query, time, nonce and the body's SM3."""

import hashlib
import hmac

from aiohttp import web

TOLERANCE_S = 180


def sm3(content: bytes) -> str:
    return hashlib.new("sm3", content).hexdigest()


def signature(key: str, method: str, target: str, timestamp: str, nonce: str, body: bytes) -> str:
    """`target` is path and query as they stand in the request line."""
    path, _, query = target.partition("?")
    text = "\n".join((method, path, query, timestamp, nonce, sm3(body)))
    return hmac.new(key.encode(), text.encode(), "sm3").hexdigest()


class Gate:
    """The check of incoming requests: time, nonce used once, signature."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._nonces: dict[str, float] = {}

    async def objection(self, request: web.Request, now: float) -> str | None:
        timestamp, nonce, given = (
            request.headers.get(f"X-Office-{name}", "") for name in ("Time", "Nonce", "Signature")
        )
        if not (timestamp.isdecimal() and timestamp.isascii()) or abs(int(timestamp) / 1000 - now) > TOLERANCE_S:
            return "签名时间超出允许范围"
        wanted = signature(self._key, request.method, request.raw_path, timestamp, nonce, await request.read())
        if not nonce or not hmac.compare_digest(given.encode(), wanted.encode()):
            return "签名错误"
        return None if self._is_new(nonce, now) else "nonce 重复使用"

    def _is_new(self, nonce: str, now: float) -> bool:
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * TOLERANCE_S:
            del self._nonces[next(iter(self._nonces))]
        if nonce in self._nonces:
            return False
        self._nonces[nonce] = now
        return True
