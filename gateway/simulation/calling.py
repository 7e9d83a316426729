"""回调本网关: a simulated city's calls to the gateway, signed as the profile's `inbound` says."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from adapters.contract import AdapterContext
from adapters.expression_functions import json_bytes
from adapters.operations import InboundAuth
from adapters.signing import SignedRequest, digests_of, sign
from gateway.simulation.engine import Engine

_TRIES = 20
_PAUSE_S = 0.3
_LIMIT = aiohttp.ClientTimeout(total=10)


class Caller:
    """回调者: sends until it is answered 200, twenty times at most."""

    def __init__(self, auth: InboundAuth, context: AdapterContext, engine: Engine, base: str) -> None:
        self._auth, self._engine = auth, engine
        self._context = replace(context, now=engine.now)
        self._url = f"{base.rstrip('/')}/v1/callbacks/{engine.profile.code}"
        self._session: aiohttp.ClientSession | None = None

    async def call(self, body: Mapping[str, Any]) -> bool:
        """Whether it was taken."""
        raw = json_bytes(body)
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_LIMIT)
        for _ in range(_TRIES):
            try:
                async with self._session.post(self._url, data=raw, headers=self._headers(raw)) as answer:
                    if answer.status == 200:
                        return True
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_PAUSE_S)
        return False

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()

    def _headers(self, raw: bytes) -> dict[str, str]:
        plain = {"Content-Type": "application/json"}
        if "unsigned_callback" in self._engine.faults:
            return plain
        parts = urlsplit(self._url)
        request = SignedRequest("POST", parts.path, parts.query, digests_of(raw))
        return {**plain, **sign(self._auth, self._context, request)}
