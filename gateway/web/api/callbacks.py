"""回调接口: partner cities report progress here, each authenticated in its own way."""

from datetime import datetime

from aiohttp import web

from adapters.contract import CallbackRequest
from gateway.clock import new_id, now
from gateway.evidence.chain import milliseconds
from gateway.storage import cases
from gateway.storage.database import Transaction
from gateway.usecases.take_progress import Taken, take_progress
from gateway.web.endpoint import APPLICATION_ID, json_response
from gateway.wiring import Services
from schemas.errors import NotFound, Unauthenticated
from schemas.message import ProgressReport


async def take(request: web.Request, services: Services) -> web.Response:
    """POST /v1/callbacks/{city}: stored before it is answered. Nothing is stored of a call that is refused."""
    city = request.match_info["city"]
    adapter = services.adapters.get(city)
    if adapter is None or adapter.profile.inbound is None or adapter.profile.inbound.callback is None:
        raise NotFound("No city with callbacks is known here.", "没有可接收回调的该城市。")
    headers = {name.lower(): value for name, value in request.headers.items()}
    callback = adapter.read_callback(CallbackRequest(request.method, request.path, headers, await request.read()))
    moment = now()
    async with services.db.transaction() as tx:
        fresh = await cases.use_nonce(tx, city, callback.nonce, milliseconds(callback.expires_at), milliseconds(moment))
        if not fresh:
            raise Unauthenticated("This nonce was used before.", "该随机数已使用过，疑似重放。")
        results = [await _take(tx, services, city, report, moment) for report in callback.reports]
    if any(report.files for report in callback.reports):
        services.worker.poke()
    for result in results:
        services.metrics.reports.labels(city, result.value).inc()
    if callback.reports:
        request[APPLICATION_ID] = str(callback.reports[0].application_id)
    reply = adapter.callback_reply() if callback.reply is None else callback.reply
    return json_response(dict(reply))


async def _take(tx: Transaction, services: Services, city: str, report: ProgressReport, moment: datetime) -> Taken:
    """NotFound for a case that is not this city's, or is of no city that it serves."""
    taken = Taken.STRAY
    if report.deciding_city in services.serves[city]:
        taken = await take_progress(tx, report, new_id=new_id(), now=moment, told=services.told)
    if taken is Taken.STRAY:
        raise NotFound("No case of this city has this number.", "该城市没有此编号的办件。")
    return taken
