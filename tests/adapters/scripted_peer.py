"""A peer that answers what a test tells it to, signed or not; the way it breaks the protocol is the test's."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from adapters.contract import AdapterContext, FileSource, Tray
from adapters.peer_gateway import PeerGatewayAdapter
from adapters.profile import CityProfile
from tests.simulators.peer_signing import Key, Request, digest_field, sign_response

CITY, OWN = "350600", "445200"
Reply = tuple[int, Any]
APPLICATIONS, FILES, REPORTS = ("POST", "/v1/peer/applications"), ("PUT", "/v1/peer/files"), ("GET", "/v1/peer/reports")


@dataclass
class ScriptedPeer:
    """`replies` by method and path prefix: status and JSON (or bytes), or a function of the body that gives them."""

    replies: dict[tuple[str, str], Reply | Callable[[bytes], Reply]] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=lambda: {"city": CITY, "versions": ["1"]})
    signing: Key | None = field(default_factory=Key.new)
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    keys: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        assert self.signing is not None
        self.keys = {"keys": [self.signing.jwk]}
        self.own = self.signing

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/.well-known/tongban":
            return web.json_response(self.description)
        body = await request.read()
        self.seen.append((request.method, request.raw_path, body))
        for (method, prefix), reply in self.replies.items():
            if request.method == method and request.path.startswith(prefix):
                return self._answer(request, reply(body) if callable(reply) else reply)
        return web.Response(status=404)

    def _answer(self, request: web.Request, reply: Reply) -> web.Response:
        status, content = reply
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"content-type": "application/json"} | self.headers
        if self.signing is not None:
            asked = Request(request.method, request.raw_path, {n.lower(): v for n, v in request.headers.items()})
            headers["content-digest"] = digest_field(hashlib.sha256(raw).digest())
            now = datetime.now(UTC).timestamp()
            headers |= sign_response(status, headers, asked, self.signing, now=now)
        return web.Response(body=raw, status=status, headers=headers)

    def submitted(self, body: bytes, **claims: Any) -> Reply:
        message = json.loads(body)
        text = json.dumps(message["application"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        ref = message["application_id"]
        said = {"iss": CITY, "sub": ref, "iat": 1, "body_sha256": digest, "caller": f"{OWN}:gateway"} | claims
        jws = self.own.jws(said, "tongban-receipt+jws")
        receipt = {"application_id": ref, "body_sha256": digest, "accepted_at": "2026-11-24T00:00:00Z", "jws": jws}
        return 202, {"application_id": ref, "state": "ARRIVED", "receipt": receipt, "warnings": []}


@dataclass
class Speaking:
    """The peer, and the adapter that speaks to it. `secrets` may be changed."""

    peer: ScriptedPeer
    adapter: PeerGatewayAdapter
    secrets: dict[str, str]


def profile_of(url: str | None, *, collection: bool = True, delivery: str = "push") -> CityProfile:
    section: dict[str, Any] = {"keys": f"{CITY}.peer_keys", "delivery": delivery, "limit": 2}
    whole: dict[str, Any] = {
        "code": CITY,
        "name": "漳州市",
        "provenance": {"default": "fictitious"},
        "transport": "peer_gateway",
        "duplicates": "idempotent",
        "reports_back": True,
        "limits": {"timeout_s": 5},
        "peer_gateway": section | ({"url": url} if url else {}),
    }
    return CityProfile.model_validate(whole | ({"collection": {"every_s": 1}} if collection else {}))


@asynccontextmanager
async def speaking(
    peer: ScriptedPeer | None = None,
    *,
    tray: Tray | None = None,
    files: FileSource | None = None,
    collection: bool = True,
    delivery: str = "push",
) -> AsyncIterator[Speaking]:
    scripted = peer or ScriptedPeer()
    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_route("*", "/{anything:.*}", scripted.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    hidden = {f"{CITY}.peer_keys": json.dumps(scripted.keys)}
    own = Key.new()
    context = AdapterContext(
        now=lambda: datetime.now(UTC),
        secret=lambda name: hidden[name],
        nonce=lambda: "0123456789abcdef",
        signer=lambda: own,
        tray=tray,
        files=files,
        city=OWN,
    )
    profile = profile_of(None if delivery == "left" else url, collection=collection, delivery=delivery)
    adapter = PeerGatewayAdapter(profile, context)
    try:
        yield Speaking(scripted, adapter, hidden)
    finally:
        await adapter.close()
        await runner.cleanup()


def taking(peer: ScriptedPeer) -> ScriptedPeer:
    peer.replies[APPLICATIONS] = peer.submitted
    peer.replies[FILES] = lambda body: (201, {"sha256": hashlib.sha256(body).hexdigest()})
    return peer
