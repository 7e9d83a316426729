"""回调: a partner's call authenticated and translated; pure but for the clock."""

from collections.abc import Mapping
from typing import Any

import orjson

from adapters.contract import AdapterContext, Callback, CallbackRequest
from adapters.dialect import Reports
from adapters.expression_functions import Unmappable
from adapters.profile import CityProfile
from adapters.signing import verify
from schemas.errors import Internal, Invalid, Malformed, NotFound


class CallbackReader:
    """One city's callbacks."""

    def __init__(self, profile: CityProfile, context: AdapterContext, reports: Reports | None) -> None:
        self._inbound, self._context, self._reports = profile.inbound, context, reports
        echo = {} if profile.inbound is None else profile.inbound.echo
        self._echo = profile.compiler().tree(echo, ("inbound", "echo")) if echo else None

    @property
    def reply(self) -> Mapping[str, Any]:
        """What the partner expects for a callback that was taken."""
        return {} if self._inbound is None else self._inbound.reply

    def read(self, request: CallbackRequest) -> Callback:
        """Unauthenticated, Malformed or Invalid for what cannot be taken; NotFound for a city that does not call."""
        inbound, reports = self._inbound, self._reports
        if inbound is None or inbound.callback is None or reports is None:
            raise NotFound("This city has no callbacks here.", "该城市未配置回调。")
        try:
            signed = verify(inbound.callback, request, self._context, tolerance_s=inbound.tolerance_s)
        except KeyError as error:
            name = str(error.args[0])
            raise Internal(f"The secret {name} is not configured.", f"尚未配置密钥{name}。") from None
        try:
            body = _parsed(request.body, inbound.charset)
            report, reply = reports.read(body), self._reply_to(body)
        except Unmappable as error:
            raise Invalid(
                f"The callback cannot be understood: {error.message}.", f"回调内容无法识别：{error.message_zh}。"
            ) from None
        return Callback(signed.nonce, signed.expires_at, () if report is None else (report,), reply)

    def _reply_to(self, body: dict[str, Any]) -> Mapping[str, Any] | None:
        if self._echo is None:
            return None
        return {**self.reply, **self._echo({"body": body, "now": self._context.now().isoformat()})}


def _parsed(body: bytes, charset: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body if charset == "utf-8" else body.decode(charset))
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        name = charset.upper()
        raise Malformed(f"The callback is not {name} JSON.", f"回调报文不是{name}编码的JSON。") from None
    if not isinstance(parsed, dict):
        raise Malformed("The callback is not a JSON object.", "回调报文不是JSON对象。")
    return parsed
