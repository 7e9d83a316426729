"""SOAP通道: one operation of one city: the envelope over HTTP, its answer made safe, read and judged."""

from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import ClientResponse
from lxml import etree
from yarl import URL

from adapters.answers import Answer, judged, whole
from adapters.contract import AdapterContext
from adapters.faults import Submission, check_status, lost, retry_after_s, unavailable, unreadable
from adapters.http_channel import Channel, not_configured
from adapters.operations import HookAuth, NationalExchangeAuth, RecipeAuth, TifAuth
from adapters.profile import CityProfile
from adapters.signing import SignedRequest, digests_of, sign
from adapters.soap_body import Contents, SoapBody
from adapters.soap_calls import SoapCalls, SoapRequest
from adapters.soap_definition import SoapDefinition, fault_code
from adapters.soap_operations import SoapOperations
from adapters.xml_reading import XmlLimits, XmlRefused, as_words, decoded, parsed
from adapters.xml_writing import in_charset
from schemas.errors import PartnerError, PartnerProtocol

_FAULT_STATUSES = frozenset({400, 500})
_SERVER_FAULTS = frozenset({"Server", "Receiver"})


class SoapChannel:
    """SOAP to one city. Whoever calls maps faults and limits time."""

    def __init__(self, profile: CityProfile, soap: SoapOperations, context: AdapterContext, calls: SoapCalls) -> None:
        self._soap, self._context, self._auth = soap, context, profile.auth
        self._definition = SoapDefinition(soap)
        http_auth = None if soap.auth_header else profile.auth
        self._channel = Channel(profile, http_auth, context, calls.answers)
        self._url = URL(soap.url, encoded=True)
        self._limits = XmlLimits(soap.xml.max_answer_bytes, soap.xml.max_depth)
        self._lists = frozenset(soap.xml.lists)

    async def call(
        self,
        request: SoapRequest,
        words: Mapping[str, Any],
        submission: Submission | None = None,
        contents: Contents | None = None,
    ) -> Answer:
        """One operation. Raises Unmappable before anything is sent."""
        envelope = self._definition.envelope(request.operation, request.arguments(words), self._header())
        sent = _serialised(envelope, self._soap.xml.envelope)
        body = SoapBody([sent]) if contents is None else contents.body(sent)
        headers = self._definition.http_headers(request.operation, self._soap.xml.envelope)
        headers["Content-Length"] = str(body.size_bytes)
        digests = await body.digests() if isinstance(self._auth, RecipeAuth | HookAuth) else None
        try:
            async with self._channel.send(self._url, body.data(), headers, submission, body_digest=digests) as response:
                return await self._read(response, request, submission)
        except aiohttp.ClientError:
            if body.failure is not None:
                raise body.failure from None
            raise

    async def close(self) -> None:
        """Release connections."""
        await self._channel.close()

    def _header(self) -> Any:
        """The signature as a SOAP header, where the city wants it there."""
        if self._soap.auth_header is None or not isinstance(self._auth, TifAuth | NationalExchangeAuth):
            return None
        element = etree.Element(self._soap.auth_header)
        unsigned = SignedRequest("POST", self._url.raw_path, self._url.raw_query_string, digests_of(b""))
        try:
            for name, value in sign(self._auth, self._context, unsigned).items():
                etree.SubElement(element, name).text = value
        except KeyError as error:
            raise not_configured(error) from None
        return element

    async def _read(self, response: ClientResponse, request: SoapRequest, submission: Submission | None) -> Answer:
        now = self._context.now()
        if response.status not in _FAULT_STATUSES:
            check_status(response.status, response.headers, now, submission)
        try:
            body = await self._words(response, request, submission)
        except XmlRefused:
            check_status(response.status, response.headers, now, submission)
            raise unreadable(submission) from None
        return judged(body, response.headers, request.judge, now, submission)

    async def _words(
        self, response: ClientResponse, request: SoapRequest, submission: Submission | None
    ) -> dict[str, Any]:
        content = await whole(response, submission, self._soap.xml.max_answer_bytes)
        envelope = parsed(decoded(content, response.charset), self._limits)
        if (code := fault_code(envelope)) is not None:
            raise self._fault(code, response, submission)
        check_status(response.status, response.headers, self._context.now(), submission)
        return as_words(parsed(self._definition.result(request.operation, envelope), self._limits), self._lists)

    def _fault(self, code: str, response: ClientResponse, submission: Submission | None) -> PartnerError:
        if code.partition(".")[0] in _SERVER_FAULTS:
            if self._soap.server_fault == "later":
                return unavailable(retry_after_s(response.headers, self._context.now()))
            return lost(submission)
        return PartnerProtocol(
            "The partner city's SOAP service refuses our request as wrong.",
            "对方城市的SOAP服务认为请求有误。",
            status=response.status,
        )


def _serialised(envelope: Any, charset: str) -> bytes:
    text = in_charset(etree.tostring(envelope, encoding="unicode"), charset)
    return f'<?xml version="1.0" encoding="{charset}"?>{text}'.encode(charset)
