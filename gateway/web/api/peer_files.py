"""对等文件接口: a peer brings files under its own numbers before the message that names them, and fetches results."""

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

from aiohttp import web

from adapters.peer_words import caller
from adapters.signing.http_signature import body_differs, content_digest
from gateway.clock import now
from gateway.domain.access import not_found
from gateway.evidence.chain import milliseconds
from gateway.storage import files as stored
from gateway.web.api.files import file_name
from gateway.web.api.peer import identity
from gateway.web.endpoint import json_response
from gateway.web.peer_authentication import PEER, authenticate_peer
from gateway.wiring import Services
from schemas.application import StoredFile
from schemas.errors import IdempotencyMismatch, TooLarge


async def bring(request: web.Request, services: Services) -> web.Response:
    """PUT /v1/peer/files/{file_id}?name=: the raw bytes; 201, or 200 where the same file is here already."""
    city = await authenticate_peer(request, services)
    file_id, name, limit = identity(request, "file_id"), file_name(request), services.settings.max_file_bytes
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(
            f"The file exceeds {limit} bytes.", f"文件超过 {limit // 1048576} MB 的上限。", limit_bytes=limit
        )
    if (known := await _known(services, city, file_id, request)) is not None:
        async for _ in _whole(request):
            pass
        return json_response(known.model_dump(mode="json"))
    content = await services.store.save(_whole(request), limit_bytes=limit)
    file = StoredFile(
        file_id=UUID(file_id),
        name=name,
        media_type=content.media_type,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
        sm3=content.sm3,
    )
    async with services.db.transaction() as tx:
        first = await stored.insert_once(tx, caller(city), file, milliseconds(now()))
    if not first and await _known(services, city, file_id, request) is None:
        raise not_found()  # it was removed just now; nothing removes files today
    return json_response(file.model_dump(mode="json"), status=201 if first else 200)


async def _known(services: Services, city: str, file_id: str, request: web.Request) -> StoredFile | None:
    """The file, where this very one was brought before. IdempotencyMismatch for another one under this number."""
    found = (await stored.by_ids(services.db, [file_id])).get(file_id)
    if found is None:
        return None
    file, brought_by = found
    if brought_by != caller(city) or not request[PEER].verified.holds(bytes.fromhex(file.sha256)):
        raise IdempotencyMismatch("Another file has this number.", "该文件编号已用于内容不同的文件。")
    return file


async def _whole(request: web.Request) -> AsyncIterator[bytes]:
    """The body; an error at its end, before it is kept, where it is not the one that was signed."""
    digest = hashlib.sha256()
    async for chunk in request.content.iter_chunked(stored.CHUNK_BYTES):
        digest.update(chunk)
        yield chunk
    if not request[PEER].verified.holds(digest.digest()):
        raise body_differs()


async def give(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/files/{file_id}: a file of a case that the peer's city collected or decides."""
    city, file_id = await authenticate_peer(request, services), identity(request, "file_id")
    found = (await stored.by_ids(services.db, [file_id])).get(file_id)
    if found is None or not await _may_see(services, city, file_id):
        raise not_found()
    file = found[0]
    return web.Response(
        body=services.store.open(file),
        headers={
            "Content-Type": file.media_type,
            "Content-Length": str(file.size_bytes),
            "Content-Digest": content_digest(bytes.fromhex(file.sha256)),
        },
    )


async def _may_see(services: Services, city: str, file_id: str) -> bool:
    pairs = await stored.cities_of(services.db, file_id)
    return any(city in (collecting, deciding) for collecting, deciding in pairs)
