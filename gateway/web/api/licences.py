"""核验接口: verify licences for a use, and look at what was verified."""

import asyncio
import re
from uuid import UUID

from aiohttp import web
from pydantic import ValidationError

from gateway.clock import new_id, now
from gateway.domain.access import Role, not_found, require_role
from gateway.evidence.chain import milliseconds
from gateway.storage import files as stored
from gateway.usecases import read_verifications, verify_licence
from gateway.usecases.parsing import parse
from gateway.usecases.print_verification import verification_pdf
from gateway.usecases.verifier import Content
from gateway.web import problems
from gateway.web.api.catalogue import invalid_query, page_limit
from gateway.web.api.files import file_name
from gateway.web.endpoint import APPLICATION_ID, authenticate, json_body, json_response, request_id
from gateway.wiring import Services
from schemas.application import StoredFile
from schemas.errors import CrossCityError, FieldProblem, Invalid, TooLarge
from schemas.licence_check import CheckMany, CheckOne, LicenceToCheck, PolicyName, UsePurpose, Verification
from schemas.model import Model

_RAW = frozenset({"application/octet-stream", "application/ofd", "application/pdf"})
_BATCH = re.compile(rb'"licences"\s*:')
_ID = re.compile(r"^[0-9a-f\-]{36}$")


class _RawQuery(Model):
    """What goes with a file that is the body itself."""

    item_code: str
    application_id: str | None = None
    case_number: str | None = None
    operator: str | None = None
    policy: PolicyName = "window"
    name: str | None = None


async def verify(request: web.Request, services: Services) -> web.Response:
    """POST /v1/licences/verifications: one licence as JSON or as the raw body, or up to 100 as JSON."""
    who = authenticate(request, services)
    require_role(who, Role.CLERK, Role.OFFICER, Role.PARTNER)
    if request.content_type in _RAW:
        return await _verify_body(request, services)
    raw = await json_body(request)
    many = parse(CheckMany, raw) if _BATCH.search(raw) else None
    asked = many or parse(CheckOne, raw)
    desk = services.licences.desk
    use = await verify_licence.open_use(desk, who, asked.purpose, asked.policy, reuse=asked.reuse)
    _note_case(request, asked.purpose)
    if many is not None:
        found = await verify_licence.verify_all(desk, use, many.licences)
        return json_response({"data": [_answer(one, request) for one in found]}, status=201)
    assert isinstance(asked, CheckOne)  # noqa: S101 - it is one or the other
    return _one(await verify_licence.verify_one(desk, use, asked))


def _answer(found: Verification | CrossCityError, request: web.Request) -> dict[str, object]:
    """One of many: the verification, or the problem that kept it from being made."""
    if isinstance(found, CrossCityError):
        return {"problem": problems.document(found, request_id(request))}
    return found.model_dump(mode="json")


async def _verify_body(request: web.Request, services: Services) -> web.Response:
    """The file itself as the body, streamed into the store; it can be named in an application afterwards."""
    who, desk = authenticate(request, services), services.licences.desk
    query = _raw_query(request)
    purpose = _purpose(query)
    use = await verify_licence.open_use(desk, who, purpose, query.policy, reuse=False)
    limit = services.settings.max_file_bytes
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(
            f"The file exceeds {limit} bytes.", f"文件超过 {limit // 1048576} MB 的上限。", limit_bytes=limit
        )
    content = await services.store.save(request.content.iter_chunked(stored.CHUNK_BYTES), limit_bytes=limit)
    file = StoredFile(
        file_id=UUID(new_id()),
        name=file_name(request) if query.name is not None else "licence",
        media_type=content.media_type,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
        sm3=content.sm3,
    )
    async with services.db.transaction() as tx:
        await stored.insert(tx, who.caller, file, milliseconds(now()))
    _note_case(request, purpose)
    held = Content(content.sha256, content.size_bytes, services.store.path(content.sha256).read_bytes)
    wanted = LicenceToCheck(file_id=file.file_id)
    return _one(await verify_licence.check(desk, use, wanted, held, file_id=str(file.file_id)))


def _raw_query(request: web.Request) -> _RawQuery:
    try:
        return _RawQuery.model_validate(dict(request.query))
    except ValidationError as error:
        raise _query_problem(error) from None


def _purpose(query: _RawQuery) -> UsePurpose:
    try:
        return UsePurpose.model_validate(
            {name: getattr(query, name) for name in ("item_code", "application_id", "case_number", "operator")}
        )
    except ValidationError as error:
        raise _query_problem(error) from None


def _query_problem(error: ValidationError) -> Invalid:
    names = [str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False)]
    problems = tuple(
        FieldProblem(f"/{name}", "query_invalid", "missing, unknown or malformed", "缺失、多余或格式不正确")
        for name in names
    )
    listed = ", ".join(names)
    return Invalid(f"Query parameters are wrong: {listed}.", f"查询参数不正确：{listed}。", errors=problems)


def _note_case(request: web.Request, purpose: UsePurpose) -> None:
    if purpose.application_id is not None:
        request[APPLICATION_ID] = str(purpose.application_id)


def _one(found: Verification) -> web.Response:
    return web.Response(
        body=found.model_dump_json().encode(),
        status=201,
        content_type="application/json",
        headers={"Location": f"/v1/licences/verifications/{found.verification_id}"},
    )


async def show(request: web.Request, services: Services) -> web.Response:
    """GET /v1/licences/verifications/{verification_id}: the answer as it was given then."""
    return json_response((await _found(request, services)).model_dump(mode="json"))


async def printed(request: web.Request, services: Services) -> web.Response:
    """GET /v1/licences/verifications/{verification_id}/report.pdf: the same on one page, to print or to keep."""
    found = await _found(request, services)
    page = await asyncio.to_thread(verification_pdf, found, services.settings.pdf_font)
    headers = {
        "Content-Disposition": f'inline; filename="verification-{found.verification_id}.pdf"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=page, content_type="application/pdf", headers=headers)


async def _found(request: web.Request, services: Services) -> Verification:
    who, verification_id = authenticate(request, services), request.match_info["verification_id"]
    if not _ID.match(verification_id):
        raise not_found()
    return await read_verifications.find(services.db, who, verification_id)


async def of_case(request: web.Request, services: Services) -> web.Response:
    """GET /v1/applications/{application_id}/verifications?after=&limit=."""
    who, limit = authenticate(request, services), page_limit(request)
    after = request.query.get("after", "")
    if after and not _ID.match(after):
        raise invalid_query("after", "after is `next` of the page before.", "after 应为上一页的 next。")
    application_id = request.match_info["application_id"]
    found = await read_verifications.of_case(services.db, who, application_id, after, limit + 1)
    following = str(found[limit - 1].verification_id) if len(found) > limit else None
    return json_response({"data": [one.model_dump(mode="json") for one in found[:limit]], "next": following})
