"""tongban outbox: messages on their way, and those that wait for a person (人工处置)."""

import asyncio
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from gateway.cli.calling import Api, with_api
from gateway.cli.output import print_json, print_table
from gateway.domain.access import Role
from gateway.settings import Settings

app = App(name="outbox", help="发件箱: messages on their way, and those that wait for a person (人工处置).")
Json = Annotated[bool, Parameter(negative=(), help="Print one JSON document.")]


@app.command(name="list")
def list_(
    *, state: Literal["ready", "held"] | None = None, after: str = "", limit: int = 50, json: Json = False
) -> int:
    """列出发件箱: a page of the outbox; --state held shows what waits for a person."""

    async def work(api: Api) -> Any:
        query = {"after": after, "limit": str(limit)} | ({"state": state} if state else {})
        return await api.call("GET", "/v1/outbox", None, **query)

    page = asyncio.run(with_api(Settings(), Role.ADMIN, work))
    if json:
        print_json(page)
        return 0
    columns = (
        "报文 message",
        "办件 case",
        "城市 city",
        "种类 kind",
        "状态 state",
        "次数 tries",
        "下次 next try",
        "原因 last code",
    )
    rows = [
        (
            e["message_id"],
            e["application_id"],
            e["city"],
            e["kind"],
            e["state"],
            e["tries"],
            e["available_at"],
            e["last_code"],
        )
        for e in page["data"]
    ]
    print_table("发件箱 outbox", columns, rows)
    return 0


def _act(message_id: str, what: str, *, json: bool) -> int:
    async def work(api: Api) -> Any:
        return await api.call("POST", f"/v1/outbox/{message_id}/{what}")

    answer = asyncio.run(with_api(Settings(), Role.ADMIN, work))
    if json:
        print_json(answer)
    else:
        print_table("", tuple(answer), [tuple(answer.values())])
    return 0


@app.command
def replay(message_id: str, *, json: Json = False) -> int:
    """重新投递: send a held or waiting message again now. At an `unsafe` city, ask the partner first."""
    return _act(message_id, "replay", json=json)


@app.command
def settle(message_id: str, *, json: Json = False) -> int:
    """人工办结投递: the partner has it after all; close it without sending it again."""
    return _act(message_id, "settle", json=json)
