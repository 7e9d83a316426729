"""对等路由表: every endpoint of the peer protocol; the router and the protocol's own OpenAPI document come from it.

They are not in the main document: what the gateway's clients call, and what another gateway must offer, are two
things, and a second implementation wants the latter alone.
"""

from typing import Any

from gateway.web import health, openapi
from gateway.web.api import peer, peer_digests, peer_files, peer_messages
from gateway.web.openapi import Route
from schemas.application import StoredFile, Submitted
from schemas.message import FollowUp, OutboundMessage
from schemas.peer import GatewayDescription, MessageAnswer
from schemas.reconciliation import CaseDigest

_PAGES = {"after": "`next` of the page before; absent: from the beginning.", "limit": "1 to 200, default 50."}
_INTAKE = (
    "request.invalid",
    "request.idempotency_mismatch",
    "request.item_unknown",
    "request.agreement_missing",
    "request.agreement_expired",
    "request.mode_not_available",
    "request.materials_incomplete",
    "request.file_unknown",
)
_SIGNED = ("request.unauthenticated", "request.version_not_spoken", "request.forbidden")
_CASES, _FILES, _PROGRESS, _LEFT, _KNOWING = (
    "办件 cases",
    "文件 files",
    "进度 progress",
    "留件 messages left",
    "相识 discovery",
)

PEER_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/peer/probe",
        "peer.probe",
        peer.probe,
        "签名自检: who the caller is here; tries both signatures.",
        _KNOWING,
        codes=_SIGNED,
    ),
    Route(
        "GET",
        "/v1/peer/items",
        "peer.items",
        peer.items,
        "事项: the items this gateway's city offers today, in canonical form.",
        _KNOWING,
        query=_PAGES,
        codes=_SIGNED,
    ),
    Route(
        "PUT",
        "/v1/peer/files/{file_id}",
        "peer.files_bring",
        peer_files.bring,
        "送文件: the raw bytes, before the message that names the file; 200 where the same file is here already.",
        _FILES,
        body="application/octet-stream",
        answer=StoredFile,
        status=201,
        query={"name": "!The file's name, percent-encoded UTF-8."},
        codes=(*_SIGNED, "request.too_large", "request.idempotency_mismatch"),
    ),
    Route(
        "GET",
        "/v1/peer/files/{file_id}",
        "peer.files_give",
        peer_files.give,
        "取文件: a file of a case of the caller's city.",
        _FILES,
        codes=(*_SIGNED, "request.not_found"),
    ),
    Route(
        "POST",
        "/v1/peer/applications",
        "peer.applications_submit",
        peer.submit,
        "送件: an application collected by the caller's city, decided by this one; 202 with the signed receipt.",
        _CASES,
        body=OutboundMessage,
        answer=Submitted,
        status=202,
        codes=(*_SIGNED, *_INTAKE),
    ),
    Route(
        "GET",
        "/v1/peer/applications/{application_id}",
        "peer.applications_show",
        peer.show,
        "查件: the state of a case the caller handed in, and its receipt.",
        _CASES,
        answer=Submitted,
        codes=(*_SIGNED, "request.not_found"),
    ),
    Route(
        "POST",
        "/v1/peer/follow-ups",
        "peer.follow_ups_take",
        peer.follow_up,
        "补正、撤回: what follows an application the caller handed in.",
        _CASES,
        body=FollowUp,
        status=202,
        codes=(*_SIGNED, "request.invalid", "request.not_found", "request.step_not_allowed", "request.file_unknown"),
    ),
    Route(
        "POST",
        "/v1/peer/reports",
        "peer.reports_take",
        peer.take_reports,
        '报进度: `{"data": [ProgressReport, …]}` on cases this city collected and the caller\'s decides.',
        _PROGRESS,
        body="application/json",
        codes=(*_SIGNED, "request.invalid", "request.not_found", "request.file_unknown"),
    ),
    Route(
        "GET",
        "/v1/peer/reports",
        "peer.reports_give",
        peer.give_reports,
        "取进度: what happened here to the caller's cases. Asking on after a number says that all up to it is stored.",
        _PROGRESS,
        query=_PAGES,
        codes=_SIGNED,
    ),
    Route(
        "GET",
        "/v1/peer/messages",
        "peer.messages_waiting",
        peer_messages.waiting,
        "取留件: applications, supplements and withdrawals left for the caller, until it has answered each.",
        _LEFT,
        query=_PAGES,
        codes=_SIGNED,
    ),
    Route(
        "POST",
        "/v1/peer/messages/{message_id}/taken",
        "peer.messages_taken",
        peer_messages.taken,
        "留件答复: the caller has the message, with its receipt; or it does not take it, and why.",
        _LEFT,
        body=MessageAnswer,
        codes=(*_SIGNED, "request.invalid", "request.not_found"),
    ),
    Route(
        "GET",
        "/v1/peer/listings/{day}",
        "peer.listings",
        peer.listing,
        "对账清单: the caller's cases of one Beijing day, as ListedCase rows.",
        _PROGRESS,
        query=_PAGES,
        codes=(*_SIGNED, "request.invalid"),
    ),
    Route(
        "GET",
        "/v1/peer/digests/{day}",
        "peer.digests",
        peer_digests.digest,
        "对账摘要: count and hashes of the caller's cases of one Beijing day, as docs/reconciliation.md defines them.",
        _PROGRESS,
        answer=CaseDigest,
        codes=(*_SIGNED, "request.invalid"),
    ),
    Route(
        "GET",
        "/v1/peer/digests/{day}/{bucket}",
        "peer.digests_bucket",
        peer_digests.bucket,
        "对账分组清单: the caller's cases in one bucket (0 to f), as ListedCase rows, whole.",
        _PROGRESS,
        codes=(*_SIGNED, "request.invalid"),
    ),
)
"""Signed both ways."""

OPEN_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/.well-known/tongban",
        "peer.description",
        peer.well_known,
        "网关说明: city, versions, capabilities and where things are; for anyone, unsigned.",
        _KNOWING,
        answer=GatewayDescription,
        secured=False,
    ),
)
"""For anyone. The keys at /.well-known/jwks.json are in the main table already."""

_DESCRIPTION = """\
同类网关之间的协议（版本 1）。Gateways of this kind speak this to each other; another implementation needs nothing else.

Every request and every answer to a request whose signature holds is signed by RFC 9421 with ecdsa-p256-sha256, tag
`tongban-peer`; a message has exactly one signature. A request covers `@method`, `@path`, `@query`, `content-digest`,
`tongban-from`, `tongban-to`, `tongban-version`, and `content-type` where there is a body; its parameters are `created`,
`expires` (at most 300 s later), `nonce` (16 to 128 characters, never used twice) and `keyid`. An answer covers
`@status`, `content-digest`, `"signature";req;key="<label of the request's signature>"`, and `content-type` and
`idempotent-replayed` where they are there; its parameters are `created` and `keyid`. Further fields may be covered, no
other derived component. Content-Digest is RFC 9530 with sha-256, also of an empty body. Host name and scheme are not
covered: proxies change them. Keys are those at /.well-known/jwks.json, exchanged and compared beforehand.

A receipt is a compact JWS (ES256, typ `tongban-receipt+jws`) over iss (the deciding city), sub (application_id),
body_sha256, caller (`<collecting city>:gateway`), iat. body_sha256 is SHA-256 over the message's `application` in the
canonical form of RFC 8785, whole numbers with all their digits. The same message_id again gets the same receipt, with
`Idempotent-Replayed: true`.
"""
_HEADERS = {
    "Tongban-From": "Division code of the caller's city: its keys are looked among.",
    "Tongban-To": "Division code of the city the request is meant for.",
    "Tongban-Version": "Version of the protocol: 1.",
    "Content-Digest": "RFC 9530, sha-256.",
    "Signature-Input": "RFC 9421.",
    "Signature": "RFC 9421.",
}


def peer_document(version: str) -> dict[str, Any]:
    """The OpenAPI document of the peer protocol."""
    document = openapi.document((*OPEN_ROUTES, _KEYS, *PEER_ROUTES), version)
    document["info"] |= {"title": "通办对等协议 Tongban peer protocol", "description": _DESCRIPTION}
    components = document["components"]
    components["securitySchemes"] = {
        "signature": {
            "type": "apiKey",
            "in": "header",
            "name": "Signature",
            "description": "RFC 9421 HTTP message signature as described above.",
        }
    }
    components["parameters"] = {
        name: {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS.items()
    }
    for operation in (one for path in document["paths"].values() for one in path.values()):
        if operation["security"]:
            operation["security"] = [{"signature": []}]
            operation["parameters"] += [{"$ref": f"#/components/parameters/{name}"} for name in _HEADERS]
    return document


_KEYS = Route(
    "GET",
    "/.well-known/jwks.json",
    "keys.jwks",
    health.jwks,
    "公钥: the keys signatures and receipts verify with, old ones included.",
    _KNOWING,
    secured=False,
)
