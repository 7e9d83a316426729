"""TIF 网关 headers: how they are signed and how a city checks them."""

import hashlib
import hmac

from aiohttp import web

TOLERANCE_S = 180


def tif_signature(timestamp: str, token: str, nonce: str) -> str:
    return hashlib.sha256(f"{timestamp}{token}{nonce}{timestamp}".encode()).hexdigest().upper()


class Gate:
    """The TIF check of incoming requests: paasid, time, nonce used once, signature."""

    def __init__(self, paasid: str, token: str) -> None:
        self.paasid = paasid
        self._token = token
        self._nonces: dict[str, float] = {}

    def objection(self, request: web.Request, now: float) -> str | None:
        headers = request.headers
        timestamp, nonce = headers.get("x-tif-timestamp", ""), headers.get("x-tif-nonce", "")
        if headers.get("x-tif-paasid") != self.paasid:
            return "paasid 无效"
        if not (timestamp.isdecimal() and timestamp.isascii()) or abs(int(timestamp) - now) > TOLERANCE_S:
            return "时间戳超出允许范围"
        signature = headers.get("x-tif-signature", "")
        if not nonce or not hmac.compare_digest(
            signature.encode(), tif_signature(timestamp, self._token, nonce).encode()
        ):
            return "签名错误"
        return None if self._is_new(nonce, now) else "nonce 重复使用"

    def _is_new(self, nonce: str, now: float) -> bool:
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * TOLERANCE_S:
            del self._nonces[next(iter(self._nonces))]
        if nonce in self._nonces:
            return False
        self._nonces[nonce] = now
        return True
