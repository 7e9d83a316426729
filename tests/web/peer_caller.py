"""A peer as tests play it: its signatures are made by the independent implementation of the simulator."""

import base64
import hashlib
import io
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from yarl import URL

from gateway.clock import new_id, now
from schemas.message import OutboundMessage
from tests.gateways import Gateway
from tests.journeys.peer_world import A, B, application_to, make_sides, peer_secrets, started, write_profiles
from tests.simulators.peer_signing import Key, Request, digest_field, is_signed, public_keys, sign_request

SUBMIT = "/v1/peer/applications"


@dataclass
class PeerAnswer:
    """One answer; `signed` = its signature holds for this very request."""

    status: int
    body: Any
    headers: Mapping[str, str]
    raw: bytes
    signed: bool


@dataclass
class Peer:
    """The gateway of 441300, as 445200's sees it."""

    gateway: Gateway
    key: Key
    city: str = B

    def signed(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        media_type: str | None = "application/json",
        to: str = A,
        version: str = "1",
        nonce: str | None = None,
        ahead_s: float = 0,
    ) -> dict[str, str]:
        headers = {"content-digest": digest_field(hashlib.sha256(body).digest()), "tongban-to": to}
        headers |= {"tongban-from": self.city, "tongban-version": version}
        if media_type is not None and body:
            headers["content-type"] = media_type
        request = Request(method, target, headers)
        at = now().timestamp() + ahead_s
        return headers | sign_request(request, self.key, now=at, nonce=nonce or secrets.token_hex(16))

    async def call(
        self, method: str, target: str, body: object = None, *, headers: dict[str, str] | None = None, **how: Any
    ) -> PeerAnswer:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = self.signed(method, target, raw, **how) if headers is None else headers
        return await self.send(method, target, raw, sent)

    async def send(self, method: str, target: str, raw: bytes, headers: dict[str, str]) -> PeerAnswer:
        large = io.BytesIO(raw) if len(raw) > 2**20 else raw or None
        async with self.gateway.session.request(
            method,
            URL(self.gateway.url + target, encoded=True),
            data=large,
            headers=headers,
            skip_auto_headers=["Content-Type"],
        ) as response:
            content = await response.read()
            is_json = "json" in response.content_type
            named = {name.lower(): value for name, value in response.headers.items()}
            held = self._holds(response.status, named, content, headers)
            return PeerAnswer(response.status, json.loads(content) if is_json else content, named, content, held)

    def _holds(self, status: int, named: Mapping[str, str], content: bytes, sent: Mapping[str, str]) -> bool:
        """By the page alone: status, digest, the request's signature, and the type."""
        if "signature" not in named:
            return False
        parameters = named["signature-input"].partition("=")[2]
        values = {'"@status"': str(status), '"signature";req;key="their"': sent["signature"].partition("=")[2]}
        values |= {f'"{name}"': value for name, value in named.items()}
        names = parameters.partition(")")[0].removeprefix("(").split(" ")
        lines = [f"{name}: {values[name]}" for name in names]
        base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
        keys = public_keys(self.gateway.services.ring.jwks())
        signature = base64.b64decode(named["signature"].partition("=:")[2].removesuffix(":"))
        covers = {'"@status"', '"content-digest"', '"content-type"', '"signature";req;key="their"'} <= set(names)
        digest = named["content-digest"] == digest_field(hashlib.sha256(content).digest())
        return covers and digest and any(is_signed(key, signature, base) for key in keys.values())

    async def bring(self, content: bytes, name: str = "a.pdf", file_id: str | None = None) -> tuple[str, PeerAnswer]:
        number = file_id or str(uuid4())
        target = f"/v1/peer/files/{number}?name={quote(name, safe='')}"
        return number, await self.call("PUT", target, content, media_type="application/octet-stream")

    def message(self, files: Mapping[str, bytes] | None = None, **changes: Any) -> dict[str, Any]:
        """An application of B's collected for A, as its adapter would write it. `files` by their numbers."""
        stored = [
            {
                "file": {
                    "file_id": number,
                    "name": "a.pdf",
                    "media_type": "application/pdf",
                    "size_bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "sm3": hashlib.new("sm3", content).hexdigest(),
                },
                "material_code": "M01",
            }
            for number, content in (files or {}).items()
        ]
        whole = {
            "message_id": str(uuid4()),
            "application_id": new_id(),
            "task_code": "12445200DEMY00015W3002017900002",
            "item_name": "出具贷款职工住房公积金缴存使用证明",
            "project_type": "PROMISED",
            "received_at": now().isoformat(),
            "application": application_to(A, B, list(files or ())),
            "files": stored,
        } | changes
        return json.loads(OutboundMessage.model_validate(whole).model_dump_json(exclude_none=True))  # type: ignore[no-any-return]


@asynccontextmanager
async def peer_of(tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """B as a peer of A's gateway; B has no open port."""
    ours, theirs = make_sides(tmp_path)
    for name, value in peer_secrets(theirs).items():
        monkeypatch.setenv(name, value)
    write_profiles(ours, theirs, called=True, calls=False)
    async with started(ours, database_url) as gateway:
        yield Peer(gateway, Key(theirs.ring.private_key))


def problem(answer: PeerAnswer, status: int, code: str) -> dict[str, Any]:
    assert (answer.status, answer.body["code"]) == (status, code), answer.body
    assert answer.signed
    return dict(answer.body)


async def hand_in(peer: Peer, content: bytes = b"hello") -> tuple[dict[str, Any], PeerAnswer]:
    number, brought = await peer.bring(content)
    assert brought.status == 201, brought.body
    message = peer.message({number: content})
    answer = await peer.call("POST", SUBMIT, message)
    assert (answer.status, answer.signed) == (202, True), answer.body
    return message, answer
