"""tongban manual: packets for cities without a system, and what happened to them (手工办理)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from gateway.cli.calling import Api, with_api
from gateway.cli.output import err, print_json, print_table
from gateway.clock import now
from gateway.domain.access import Role
from gateway.domain.days import BEIJING
from gateway.settings import Settings
from gateway.usecases.work_manual import CLERK_STEPS
from schemas.errors import FieldProblem, Invalid
from schemas.message import Outcome, Step

app = App(name="manual", help="手工办理: packets for cities without a system; register what such a city did.")
Json = Annotated[bool, Parameter(negative=(), help="Print one JSON document.")]


def _ask(work: Callable[[Api], Awaitable[Any]]) -> Any:
    return asyncio.run(with_api(Settings(), Role.CLERK, work))


@app.command(name="list")
def list_(
    *,
    city: str | None = None,
    state: Literal["waiting", "taken", "all"] = "waiting",
    after: str = "",
    limit: int = 50,
    json: Json = False,
) -> int:
    """列出报文包: what waits to be carried to a city, oldest first.

    Parameters
    ----------
    city
        Deciding city; default all that are worked by hand.
    state
        waiting 待取, taken 已取, all 全部.
    """
    query = {"state": state, "after": after, "limit": str(limit)} | ({"city": city} if city else {})
    page = _ask(lambda api: api.call("GET", "/v1/manual", None, **query))
    if json:
        print_json(page)
        return 0
    columns = ("事项 item", "编号 packet", "种类 kind", "状态 state", "自 since", "取件 taken by")
    names = ("item_name", "packet", "kind", "state", "since", "taken_by")
    print_table("手工办理 manual", columns, [[one[name] for name in names] for one in page["data"]])
    return 0


@app.command
def packet(name: str, *, out: Path | None = None, json: Json = False) -> int:
    """下载报文包: the zip with cover slip, sheet, text and files.

    Parameters
    ----------
    name
        The number printed on it, or its message id.
    out
        Where to write it, never over a file that is there; default the number with .zip, in this folder.
    """

    async def work(api: Api) -> tuple[dict[str, Any], Path]:
        shown = await api.call("GET", f"/v1/manual/{name}")
        target = out or Path(f"{shown['packet']}.zip")
        headers = {"Authorization": f"Bearer {api.token}"}
        url = f"{api.url}/v1/manual/{name}/packet"
        async with api.session.get(url, headers=headers) as response:
            response.raise_for_status()
            with _new_file(target) as handle:
                async for chunk in response.content.iter_chunked(256 * 1024):
                    handle.write(chunk)
        return shown, target

    shown, target = _ask(work)
    if json:
        print_json(shown | {"file": str(target)})
    else:
        err.print(f"已写入 written: {target}", highlight=False)
    return 0


def _new_file(target: Path) -> Any:
    try:
        return target.open("xb")
    except FileExistsError:
        raise Invalid(f"{target} is there already; it is not overwritten.", f"{target} 已存在，不予覆盖。") from None


@Parameter(name="*")
@dataclass(frozen=True)
class Said:
    """What the person learnt."""

    step: Step | None = None
    """ARRIVED 属地接收, ACCEPTED 受理, SUPPLEMENT_ASKED 补正告知, DECIDED 办结, …"""
    at: datetime | None = None
    """When it happened there, in Beijing time unless it has an offset; default now."""
    case_number: str | None = None
    """办件编号 the city gave the case."""
    outcome: Outcome | None = None
    """With DECIDED: GRANTED 准予, REFUSED 不予 (needs a reason), …"""
    reason: str | None = None
    """Why; with FORWARDED, to whom."""

    def body(self) -> dict[str, Any]:
        """As the API takes it. Invalid for a step that nobody registers."""
        if self.step is not None and self.step not in CLERK_STEPS:
            known = ", ".join(sorted(CLERK_STEPS))
            problem = FieldProblem("/step", "step_unknown", f"one of {known}", f"应为 {known} 之一")
            raise Invalid("This step cannot be registered.", "该步骤不能登记。", errors=(problem,))
        moment = now() if self.at is None else self.at
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=BEIJING)
        whole = {
            "step": self.step,
            "occurred_at": moment.isoformat(),
            "case_number": self.case_number,
            "outcome": self.outcome,
            "reason": self.reason,
        }
        return {name: value for name, value in whole.items() if value is not None}


@Parameter(name="*")
@dataclass(frozen=True)
class Posted:
    """What went by post."""

    parcel: str | None = None
    """快递单号."""
    carrier: str = ""
    """快递公司, with --parcel."""
    back: Annotated[bool, Parameter(negative=())] = False
    """The parcel comes back with the result."""

    def body(self) -> dict[str, Any]:
        """As the API takes it; empty where nothing was posted."""
        if self.parcel is None:
            return {}
        direction = "to_collecting" if self.back else "to_deciding"
        return {"parcel": {"carrier": self.carrier, "number": self.parcel, "direction": direction}}


@app.command
def register(
    name: str,
    *,
    said: Said | None = None,
    posted: Posted | None = None,
    file: list[Path] | None = None,
    json: Json = False,
) -> int:
    """登记: what the city did with a case, a parcel, or both.

    Parameters
    ----------
    name
        The number printed on the packet, or its message id.
    file
        What the city issued; may be given several times.
    """
    body = (said or Said()).body() | (posted or Posted()).body()

    async def work(api: Api) -> Any:
        uploaded = [await api.upload(one.name, await asyncio.to_thread(one.read_bytes)) for one in file or ()]
        if uploaded:
            body["files"] = [one["file_id"] for one in uploaded]
        return await api.call("POST", f"/v1/manual/{name}/steps", body)

    answer = _ask(work)
    if json:
        print_json(answer)
        return 0
    columns = ("编号 packet", "办件 case", "办件编号", "状态 state", "下一步 next")
    names = ("packet", "application_id", "case_number", "state")
    print_table("", columns, [[*(answer[one] for one in names), " ".join(answer["next_steps"])]])
    return 0
