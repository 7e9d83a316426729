"""tongban inbound: work the queue of cases that other cities collected for us (对方来件)."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from gateway.cli.calling import Api, with_api
from gateway.cli.output import print_json, print_table
from gateway.domain.access import Role
from gateway.settings import Settings
from schemas.message import Outcome, Step

app = App(name="inbound", help="对方来件: cases that other cities collected for our city.")
Json = Annotated[bool, Parameter(negative=(), help="Print one JSON document.")]


def _show(case: dict[str, Any], *, json: bool) -> int:
    if json:
        print_json(case)
    else:
        columns = ("办件 case", "办件编号", "状态 state", "结果 outcome", "下一步 next")
        row = (
            case["application_id"],
            case["case_number"],
            case["state"],
            case["outcome"],
            " ".join(case["next_steps"]),
        )
        print_table("", columns, [row])
    return 0


def _step(application_id: str, body: dict[str, Any], files: list[Path], *, json: bool) -> int:
    async def work(api: Api) -> Any:
        uploaded = [await api.upload(path.name, await asyncio.to_thread(path.read_bytes)) for path in files]
        if uploaded:
            body["files"] = [file["file_id"] for file in uploaded]
        return await api.call("POST", f"/v1/inbound/{application_id}/steps", body)

    return _show(asyncio.run(with_api(Settings(), Role.OFFICER, work)), json=json)


@app.command(name="list")
def list_(*, after: str = "", limit: int = 50, json: Json = False) -> int:
    """列出对方来件: a page of the queue, oldest first."""

    async def work(api: Api) -> Any:
        return await api.call("GET", "/v1/inbound", None, after=after, limit=str(limit))

    page = asyncio.run(with_api(Settings(), Role.OFFICER, work))
    if json:
        print_json(page)
        return 0
    columns = ("办件 case", "事项 item", "收件地 from", "状态 state", "收件时间 received", "下一步 next")
    rows = [
        (
            c["application_id"],
            c["item_name"],
            c["collecting_city"],
            c["state"],
            c["received_at"],
            " ".join(c["next_steps"]),
        )
        for c in page["data"]
    ]
    print_table("对方来件 inbound", columns, rows)
    return 0


@app.command
def accept(application_id: str, *, json: Json = False) -> int:
    """受理: accept a case; it gets its case number."""
    return _step(application_id, {"step": Step.ACCEPTED.value}, [], json=json)


@app.command
def reject(application_id: str, *, reason: str, json: Json = False) -> int:
    """不予受理: refuse to accept, with the reason and the way of appeal."""
    return _step(application_id, {"step": Step.REJECTED.value, "reason": reason}, [], json=json)


@app.command
def supplement(application_id: str, *, reason: str, json: Json = False) -> int:
    """补正告知: ask, once, for everything that is missing."""
    return _step(application_id, {"step": Step.SUPPLEMENT_ASKED.value, "reason": reason}, [], json=json)


@app.command(name="return")
def return_(application_id: str, *, reason: str, json: Json = False) -> int:
    """退件: send the case back."""
    return _step(application_id, {"step": Step.RETURNED.value, "reason": reason}, [], json=json)


@app.command
def decide(
    application_id: str,
    *,
    outcome: Outcome,
    reason: str | None = None,
    file: list[Path] | None = None,
    json: Json = False,
) -> int:
    """办结: decide a case, with its result files.

    Parameters
    ----------
    outcome
        GRANTED 准予, REFUSED 不予 (needs a reason), COMPLETED 办结, …
    file
        A result file; may be given several times.
    """
    body: dict[str, Any] = {"step": Step.DECIDED.value, "outcome": outcome.value}
    if reason:
        body["reason"] = reason
    return _step(application_id, body, file or [], json=json)
