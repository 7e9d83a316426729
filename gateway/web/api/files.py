"""文件接口: bring a file before referring to it; fetch a file of a case."""

from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

from aiohttp import web

from gateway.clock import new_id, now
from gateway.domain.access import CaseScope, Principal, Role, not_found, require_role, require_see
from gateway.evidence.chain import milliseconds
from gateway.storage import files as stored
from gateway.web.endpoint import authenticate, json_response
from gateway.wiring import Services
from schemas.application import StoredFile
from schemas.errors import CrossCityError, FieldProblem, Invalid, NotFound, TooLarge

_LONGEST_NAME = 200


def file_name(request: web.Request) -> str:
    """?name= of an upload. Invalid for what is no file name."""
    name = request.query.get("name", "").strip()
    bad = not name or len(name) > _LONGEST_NAME or any(ord(c) < 32 or c in "/\\\x7f" for c in name)
    if bad:
        raise Invalid(
            "Give the file's name as ?name=, up to 200 characters, no slashes or control characters.",
            "请用 ?name= 提供文件名，至多 200 字，不含斜杠和控制字符。",
            errors=(FieldProblem("/name", "name_invalid", "missing or not a file name", "缺失或不是文件名"),),
        )
    return name


async def upload(request: web.Request, services: Services) -> web.Response:
    """POST /v1/files?name=…: the raw bytes as the body, streamed; 201 with the id and both digests."""
    who = authenticate(request, services)
    require_role(who, Role.CLERK, Role.PARTNER, Role.OFFICER)
    name, limit = file_name(request), services.settings.max_file_bytes
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(
            f"The file exceeds {limit} bytes.", f"文件超过 {limit // 1048576} MB 的上限。", limit_bytes=limit
        )
    content = await services.store.save(_chunks(request), limit_bytes=limit)
    if content.size_bytes == 0:
        raise Invalid(
            "The file is empty.",
            "文件为空。",
            errors=(FieldProblem("", "file_empty", "no bytes were sent", "没有收到内容"),),
        )
    file = StoredFile(
        file_id=UUID(new_id()),
        name=name,
        media_type=content.media_type,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
        sm3=content.sm3,
    )
    async with services.db.transaction() as tx:
        await stored.insert(tx, who.caller, file, milliseconds(now()))
    return json_response(file.model_dump(mode="json"), status=201, headers={"Location": f"/v1/files/{file.file_id}"})


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(stored.CHUNK_BYTES):
        yield chunk


async def download(request: web.Request, services: Services) -> web.Response:
    """GET /v1/files/{file_id}: the bytes, to whoever brought them or may see a case they belong to."""
    who = authenticate(request, services)
    file_id = request.match_info["file_id"]
    known = await stored.by_ids(services.db, [file_id])
    if file_id not in known:
        raise not_found()
    file, brought_by = known[file_id]
    if brought_by != who.caller:
        await _require_case(services, who, file_id)
    return web.FileResponse(  # type: ignore[return-value]
        services.store.path(file.sha256),
        headers={
            "Content-Type": file.media_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
            "X-Content-Type-Options": "nosniff",
            "Digest-SM3": file.sm3,
            "ETag": f'"{file.sha256}"',
        },
    )


async def _require_case(services: Services, who: Principal, file_id: str) -> None:
    refused: CrossCityError = not_found()
    for collecting_city, deciding_city in await stored.cities_of(services.db, file_id):
        try:
            require_see(who, CaseScope(collecting_city, deciding_city))
        except NotFound as error:
            refused = error
        else:
            return
    raise refused
