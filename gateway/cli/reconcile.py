"""tongban reconcile: compare our books with the cities' for one day (对账), and act on what was found."""

import asyncio
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from gateway.cli.calling import Api, with_api
from gateway.cli.output import print_json, print_table
from gateway.domain.access import Role
from gateway.settings import Settings

app = App(name="reconcile", help="对账: compare our books with the cities' for one day, and see what differs.")
Json = Annotated[bool, Parameter(negative=(), help="Print one JSON document.")]
_ALIKE = frozenset({"CLEAN", "SKIPPED"})


@app.default
def run(*, city: str | None = None, day: str | None = None, json: Json = False) -> int:
    """立即对账: compare one city, or every connected one; exit 1 where something differs or could not be compared.

    Parameters
    ----------
    city
        Division code of the deciding city; default every city with an interface.
    day
        Beijing day, as in 2026-11-23; default yesterday.
    """

    async def work(api: Api) -> Any:
        cities = [city] if city else await _connected(api)
        wanted = {} if day is None else {"day": day}
        return [await api.call("POST", "/v1/reconciliation/runs", {"city": one} | wanted) for one in cities]

    done = asyncio.run(with_api(Settings(), Role.ADMIN, work))
    document = {
        "runs": [one["run"] for one in done],
        "findings": [finding for one in done for finding in one["findings"]],
    }
    if json:
        print_json(document)
    else:
        _print_runs(document["runs"])
        _print_findings(document["findings"])
    return int(any(one["state"] not in _ALIKE for one in document["runs"]) or bool(document["findings"]))


async def _connected(api: Api) -> list[str]:
    return list((await api.call("GET", "/v1/reconciliation", None, limit="1"))["cities"])


@app.command(name="list")
def list_(
    *,
    city: str = "",
    day: str = "",
    state: Literal["open", "closed", "all"] = "open",
    after: str = "",
    limit: int = 50,
    json: Json = False,
) -> int:
    """列出差异: what differs and is not settled yet; --state closed or all shows the rest."""

    async def work(api: Api) -> Any:
        given = {"city": city, "day": day, "state": state, "after": after, "limit": str(limit)}
        return await api.call("GET", "/v1/reconciliation", None, **{k: v for k, v in given.items() if v})

    page = asyncio.run(with_api(Settings(), Role.ADMIN, work))
    if json:
        print_json(page)
    else:
        _print_findings(page["data"])
    return 0


@app.command
def act(finding: str, what: str, *, note: str | None = None, json: Json = False) -> int:
    """处理差异: RESEND, QUERY, SETTLE (with --note) or DISMISS one finding; `list` says which of them can help."""

    async def work(api: Api) -> Any:
        body = {"act": what.upper()} | ({} if note is None else {"note": note})
        return await api.call("POST", f"/v1/reconciliation/findings/{finding}/act", body)

    answer = asyncio.run(with_api(Settings(), Role.ADMIN, work))
    if json:
        print_json(answer)
    else:
        _print_findings([answer])
    return 0


def _print_runs(runs: list[dict[str, Any]]) -> None:
    columns = ("城市 city", "日期 day", "结果 state", "比对 by", "我方 ours", "对方 theirs", "差异 found", "原因 code")
    rows = [
        (
            *(one[name] for name in ("city", "day", "state", "compared")),
            *(one["counts"].get(name) for name in ("ours", "theirs", "found")),
            one["code"],
        )
        for one in runs
    ]
    print_table("对账 reconciliation", columns, rows)


def _print_findings(findings: list[dict[str, Any]]) -> None:
    columns = (
        "编号 finding",
        "办件 case",
        "城市 city",
        "日期 day",
        "差异 kind",
        "我方 ours",
        "对方 theirs",
        "建议 suggested",
        "状态 state",
    )
    names = ("finding_id", "application_id", "city", "day", "kind", "ours", "theirs", "suggested", "state")
    rows = [
        tuple(one[name] if name != "kind" else f"{one['kind_zh']} {one['kind']}" for name in names) for one in findings
    ]
    print_table("差异 findings", columns, rows)
