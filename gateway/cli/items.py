"""tongban items: how cities differ in an item, what the window must do, and which items are the same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from cyclopts import App, Parameter

from gateway.cli.calling import Api, with_api
from gateway.cli.export import write_csv, write_xlsx
from gateway.cli.output import print_json, print_table
from gateway.clock import now
from gateway.domain.access import Role
from gateway.domain.days import BEIJING
from gateway.domain.matching import Candidate, Decision
from gateway.settings import Settings
from gateway.storage import matches as stored
from gateway.storage.database import Database
from gateway.storage.matches import Match
from gateway.storage.migrate import upgrade
from gateway.storage.postgresql import PostgresDatabase
from gateway.storage.sqlite import SqliteDatabase
from gateway.usecases.match_items import Verdict, decide, propose
from schemas.agreement import Mode

app = App(name="items", help="事项: differences, duty sheets, and which items of two cities are the same.")
Json = Annotated[bool, Parameter(negative=(), help="Print one JSON document.")]
Flag = Annotated[bool, Parameter(negative=())]
T = TypeVar("T")


def _ask(path: str, **query: str) -> Any:
    async def work(api: Api) -> Any:
        return await api.call("GET", path, None, **query)

    return asyncio.run(with_api(Settings(), Role.ADMIN, work))


@app.command
def diff(code: str, *, cities: str, json: Json = False) -> int:
    """事项差异: one item in two or more cities, side by side; what could send an applicant home comes as a warning.

    Parameters
    ----------
    code
        基本编码.
    cities
        2 to 10 division codes, by comma.
    """
    found = _ask(f"/v1/items/{quote(code, safe='')}/differences", cities=cities)
    if json:
        print_json(found)
        return 0
    codes = list(found["items"])
    rows = [
        (row["name_zh"], "提示" if row["severity"] == "warning" else "", *(row["values"].get(one) for one in codes))
        for row in found["rows"]
    ]
    print_table(f"事项差异 differences {code}", ("项目 field", "轻重", *codes), rows)
    return 0


@app.command
def duty(code: str, *, city: str, mode: Mode, collecting: str | None = None, json: Json = False) -> int:
    """受理要点: what the receiving window must do and leave for an item of another city.

    Parameters
    ----------
    code
        基本编码.
    city
        属地, the deciding city.
    mode
        通办模式.
    collecting
        收件地; default our own city.
    """
    query = {"city": city, "mode": mode.value} | ({"collecting_city": collecting} if collecting else {})
    sheet = _ask(f"/v1/items/{quote(code, safe='')}/duty-sheet", **query)
    if json:
        print_json(sheet)
        return 0
    rows: list[tuple[str, str, str]] = [("必须做", one["text_zh"], one["basis"]) for one in sheet["must"]]
    rows += [("不得做", one["text_zh"], one["basis"]) for one in sheet["must_not"]]
    rows += [("材料", one["name"], "".join(one["checks_zh"])) for one in sheet["materials"]]
    rows += [("寄送", sheet["mailing_zh"], "")]
    rows += [("联系", f"{one['office']} {one['phone']}", one["about_zh"]) for one in sheet["calls"]]
    rows += [("时限", one["text_zh"], one["name_zh"]) for one in sheet["limits"]]
    rows += [("送达", text, "") for text in sheet["result_zh"]]
    rows += [("注意", text, "") for text in sheet["notes_zh"]]
    rows += [("提示", one["message_zh"], "") for one in sheet["warnings"]]
    print_table(f"受理要点 {sheet['item_name']}（{sheet['mode']}）", ("类别", "内容", "依据或说明"), rows)
    return 0


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    """The gateway's database, beside a running gateway too: decisions are reference data, like the seeds."""
    settings = Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(upgrade, settings.synchronous_url)
    if settings.database_url is None:
        db: Database = SqliteDatabase(settings.sqlite_path)
    else:
        db = await PostgresDatabase.connect(settings.database_url, connections=1)
    try:
        yield db
    finally:
        await db.close()


def _with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _database() as db:
            return await work(db)

    return asyncio.run(run())


@app.command
def match(left: str, right: str, *, json: Json = False) -> int:
    """匹配候选: which items of two cities may be the same; a person confirms, nothing is merged.

    Parameters
    ----------
    left
        One city's division code.
    right
        The other city's.
    """
    found = _with_database(lambda db: propose(db, left, right, now()))
    if json:
        print_json({"candidates": [_candidate(one) for one in found]})
        return 0
    rows = [(c.left.name, c.right.name, c.left.item_code, c.right.item_code, c.score, c.rule) for c in found]
    columns = (f"{left} 名称", f"{right} 名称", f"{left} 编码", f"{right} 编码", "得分 score", "依据 rule")
    print_table("匹配候选 candidates", columns, rows)
    return 0


def _candidate(one: Candidate) -> dict[str, Any]:
    whole = asdict(one) | {"rule": one.rule.value}
    return whole | {"common_materials": list(one.common_materials)}


@app.command
def confirm(
    left_city: str,
    left_code: str,
    right_city: str,
    right_code: str,
    /,
    *,
    by: str,
    different: Flag = False,
    note: str | None = None,
    json: Json = False,
) -> int:
    """确认匹配: decide that two items are the same, or with --different that they are not; the newest decision counts.

    Parameters
    ----------
    by
        Who decides: an office or a work number.
    different
        They are not the same.
    note
        备注.
    """
    decision = Decision.DIFFERENT if different else Decision.SAME
    verdict = Verdict((left_city, left_code), (right_city, right_code), decision, by.strip(), note)
    match_ = _with_database(lambda db: decide(db, verdict, now()))
    if json:
        print_json(_decision(match_))
    else:
        _print_decisions([match_])
    return 0


@app.command
def matches(*, xlsx: Path | None = None, csv: Path | None = None, history: Flag = False, json: Json = False) -> int:
    """匹配决定: what was decided, the newest of each pair; may be written to a file.

    Parameters
    ----------
    xlsx
        Excel file to write.
    csv
        CSV file to write.
    history
        Earlier decisions too.
    """
    found = _with_database(stored.history if history else stored.current)
    rows = [_row(one) for one in found]
    if xlsx is not None:
        write_xlsx(xlsx, "匹配决定", _COLUMNS, rows)
    if csv is not None:
        write_csv(csv, _COLUMNS, rows)
    if json:
        print_json({"matches": [_decision(one) for one in found]})
    elif xlsx is None and csv is None:
        _print_decisions(found)
    return 0


_COLUMNS = ("城市一", "编码一", "城市二", "编码二", "决定 decision", "得分 score", "决定人 by", "时间 at", "备注 note")


def _decision(one: Match) -> dict[str, Any]:
    return {
        "left_city": one.left_city,
        "left_code": one.left_code,
        "right_city": one.right_city,
        "right_code": one.right_code,
        "decision": one.decision,
        "score": None if one.score_permille is None else one.score_permille / 10,
        "by": one.decided_by,
        "at": datetime.fromtimestamp(one.at_ms / 1000, BEIJING).isoformat(timespec="milliseconds"),
        "note": one.note,
    }


def _row(one: Match) -> tuple[object, ...]:
    return tuple(_decision(one).values())


def _print_decisions(found: list[Match]) -> None:
    print_table("匹配决定 decisions", _COLUMNS, [_row(one) for one in found])
