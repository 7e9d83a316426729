"""证照来源（REST）: asks an issuing office for one licence and reads a bounded answer.

POST {base_url}/licences/fetch with {identifier, purpose, request_id}; 200 brings {identifier, name, content, stated},
content in base64; 403 and 404 are the office's refusals. Asking again is harmless: nothing is booked but the request.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from pydantic import Field, ValidationError

from adapters.faults import check_status, map_http_faults, undescribed
from adapters.licence_source import FetchedLicence, LicenceSourceProfile, LicenceWanted
from schemas.errors import PartnerProtocol, PartnerRefused
from schemas.model import Model, ShortText

_CHUNK_BYTES = 256 * 1024
_REFUSALS = {
    403: ("The issuing office does not hand out this licence for this use.", "发证机关不同意将该证照用于本次办理。"),
    404: ("The issuing office has no such licence.", "发证机关没有该证照。"),
}


class _Answer(Model):
    """What the office sends."""

    identifier: ShortText
    name: ShortText
    content: str
    stated: Annotated[dict[str, Any], Field(default_factory=dict)]


class RestLicenceSource:
    """证照来源 over HTTP."""

    def __init__(
        self, profile: LicenceSourceProfile, secret: Callable[[str], str], now: Callable[[], datetime]
    ) -> None:
        self._profile, self._secret, self._now = profile, secret, now
        self._session: ClientSession | None = None

    async def fetch(self, wanted: LicenceWanted) -> FetchedLicence:
        """The licence; see the port. PartnerProtocol for another licence than the one asked for."""
        answer = _read(await self._post(_request(wanted)))
        if answer.identifier != wanted.identifier:
            raise undescribed("licence", "证照")
        try:
            content = base64.b64decode(answer.content, validate=True)
        except binascii.Error:
            raise undescribed() from None
        return FetchedLicence(content, _file_name(answer.name), answer.stated)

    async def _post(self, body: Mapping[str, object]) -> bytes:
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        url = f"{self._profile.base_url}/licences/fetch"
        with map_http_faults():
            async with asyncio.timeout(self._profile.timeout_s):
                session = self._opened()
                sent = session.post(url, data=orjson.dumps(body), headers=headers, allow_redirects=False)
                async with sent as response:
                    return await self._content(response)

    async def _content(self, response: ClientResponse) -> bytes:
        if response.status in _REFUSALS:
            raise PartnerRefused(*_REFUSALS[response.status])
        check_status(response.status, response.headers, self._now())
        most_bytes = self._profile.max_bytes * 4 // 3 + 64 * 1024
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            content += chunk
            if len(content) > most_bytes:
                raise undescribed("licence's size", "证照大小")
        return bytes(content)

    def _token(self) -> str:
        try:
            return self._secret(self._profile.token)
        except KeyError:
            raise PartnerProtocol(
                f"The secret {self._profile.token} of the licence source is not configured.",
                f"证照来源的密钥 {self._profile.token} 尚未配置。",
            ) from None

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(cookie_jar=DummyCookieJar(), timeout=ClientTimeout(total=None))
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _request(wanted: LicenceWanted) -> dict[str, object]:
    purpose = {"item_code": wanted.item_code, "operator": wanted.operator, "case_number": wanted.case_number}
    return {"identifier": wanted.identifier, "purpose": purpose, "request_id": wanted.request_id}


def _read(raw: bytes) -> _Answer:
    try:
        return _Answer.model_validate_json(raw)
    except ValidationError:
        raise undescribed() from None


def _file_name(name: str) -> str:
    """The office's name for the file, without what could be a path."""
    return "".join("_" if one in "/\\" else one for one in name).strip(". ") or "licence"
