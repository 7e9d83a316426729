"""留件接口: what is left for a peer that has no open port, and what it says became of it."""

from typing import Any

import orjson
from aiohttp import web

from gateway.clock import new_id, now
from gateway.storage import peers
from gateway.usecases.answer_left_message import answer_message
from gateway.usecases.parsing import parse
from gateway.web.api.catalogue import page_limit
from gateway.web.api.peer import identity, number_after
from gateway.web.endpoint import json_response
from gateway.web.peer_authentication import authenticate_peer, signed_json
from gateway.wiring import Services
from schemas.peer import MessageAnswer


async def waiting(request: web.Request, services: Services) -> web.Response:
    """GET /v1/peer/messages?after=&limit=: what the peer has not answered, in order of number."""
    city = await authenticate_peer(request, services)
    found = await peers.messages(services.db, city, number_after(request), page_limit(request))
    data = [_row(one) for one in found]
    return json_response({"data": data, "next": str(found[-1].number) if found else None})


def _row(one: peers.Waiting) -> dict[str, Any]:
    message = orjson.Fragment(one.body)
    return {"number": one.number, "message_id": one.message_id, "kind": one.kind, "message": message}


async def taken(request: web.Request, services: Services) -> web.Response:
    """POST /v1/peer/messages/{message_id}/taken: the peer's receipt, or why it does not take the message."""
    city = await authenticate_peer(request, services)
    answer = parse(MessageAnswer, await signed_json(request, services))
    async with services.db.transaction() as tx:
        first = await answer_message(
            tx,
            city,
            services.settings.city,
            identity(request, "message_id"),
            answer,
            find_key=lambda kid: services.peers.find_key(city, kid),
            new_id=new_id,
            now=now(),
        )
    return json_response({"noted": True}, headers={} if first else {"Idempotent-Replayed": "true"})
