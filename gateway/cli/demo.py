"""tongban demo: watch cases travel from a Jieyang window to differently-speaking cities and back."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import aiohttp
from cyclopts import Parameter
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.cli import demo_catalogues
from gateway.cli.calling import Api, api, issue_token
from gateway.cli.demo_catalogues import Imported
from gateway.cli.journeys import Journey, Plan, carry
from gateway.cli.output import err, print_json, print_table
from gateway.cli.processes import Parties, gateway_process, require_simulators, robot_clerks, simulated_cities
from gateway.cli.seed import load
from gateway.domain.access import Role
from gateway.evidence.keys import KeyRing, new_ring
from gateway.settings import Settings
from gateway.usecases.read_profiles import read_profiles
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import RUNNING_MODES, Mode

_OWN = "445200"
_CALL_BACK = ("441300", _OWN)
"""Cities that call us; they are told where we are."""
_BUDGET_S = 50.0
_FLAG = Annotated[bool, Parameter(negative=())]


def demo(*, json: _FLAG = False, keep: _FLAG = False) -> int:
    """演示: carry cases from a Jieyang window to partner cities and back, with their files.

    Starts a gateway (SQLite in a temporary folder), seven simulated cities and our own office, each with books of its
    own, on free loopback ports. Exit 0 only if every case was decided and every file matched the partner's books. All
    data is 演示数据 (invented).

    Parameters
    ----------
    json
        Print one JSON document instead of the table.
    keep
        Leave everything running afterwards, and print where it is and how to sign in, until Ctrl-C.
    """
    require_simulators()
    folder = Path(tempfile.mkdtemp(prefix="tongban-demo-"))
    try:
        code = asyncio.run(_demo(folder, json=json, keep=keep))
    except KeyboardInterrupt:
        code = 0 if keep else 130
    # an error that passes leaves the folder with the logs it names
    shutil.rmtree(folder, ignore_errors=True)
    return code


@dataclass(frozen=True, slots=True)
class _Demo:
    url: str
    ring: KeyRing
    parties: Parties
    settings: Settings


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[_Demo]:
    parties = Parties(folder)
    settings = Settings(data_dir=folder, database_url=None, keys_dir=None)
    await load(settings)
    ring = new_ring(settings.keys)
    async with simulated_cities(parties), gateway_process(folder, _environment(parties)) as (_, url):
        async with aiohttp.ClientSession() as session:
            for city in _CALL_BACK:
                told = {"callback_url": url}
                async with session.post(f"{parties.urls[city]}/_control", json=told) as response:
                    response.raise_for_status()
        clerk = issue_token(ring, caller="robot-clerk", role=Role.CLERK, city=_OWN, ttl_s=86_400)
        async with robot_clerks(parties, url, clerk):
            yield _Demo(url, ring, parties, settings)


def _environment(parties: Parties) -> dict[str, str]:
    own = {"TONGBAN_LOG_JSON": "true", "TONGBAN_DATABASE_URL": "", "TONGBAN_BACK_OFFICE": "adapter"}
    return parties.environment | own


def _plans(parties: Parties) -> list[Plan]:
    """At least one case for each city and running mode."""
    settings = Settings()
    seeds = read_seeds(settings.seeds_dir)
    profiles = read_profiles(settings.profiles, parties.environment)
    plans: list[Plan] = []
    for city in parties.urls.keys() - {_OWN}:
        offered = [item for item in seeds.items if item.city == city]
        for mode in sorted(RUNNING_MODES):
            item = next(item for item in offered if item.modes and mode in item.modes)
            plans.append(Plan(item, mode, _OWN, str(profiles[city].transport), len(plans)))
    own = [item for item in seeds.items if item.city == _OWN and item.modes and Mode.COLLECT in item.modes]
    plans.append(Plan(own[0], Mode.COLLECT, "441300", str(profiles[_OWN].transport), len(plans), "inbound"))
    return plans


async def _demo(folder: Path, *, json: bool, keep: bool) -> int:
    err.print("[bold]通办演示[/bold]：启动网关与七座模拟城市、本市业务系统（全部为演示数据，均为虚构）…")
    async with _running(folder) as running:
        plans = _plans(running.parties)
        journeys = await _carry_all(running.url, running.ring, running.parties, plans)
        imported = await demo_catalogues.import_samples(running.settings, folder)
        token = issue_token(running.ring, caller="demo-clerk", role=Role.CLERK, city=_OWN, ttl_s=600)
        async with api(running.url, token) as clerk:
            differences = await demo_catalogues.compare(clerk)
        _show(journeys, imported, differences, json=json)
        if keep:
            await _keep(running.url, running.ring, folder)
    failed = [journey for journey in journeys if not journey.ok]
    for journey in failed:
        err.print(
            f"[red]未完成 did not end as it should[/red]: {journey.application_id} {journey.item_name} {journey.state}"
        )
    return 1 if failed else 0


async def _carry_all(url: str, ring: KeyRing, parties: Parties, plans: list[Plan]) -> list[Journey]:
    def token(role: Role, city: str) -> str:
        return issue_token(ring, caller=f"demo-{role.value}-{city}", role=role, city=city, ttl_s=3600)

    deadline = time.monotonic() + _BUDGET_S
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        async with (
            api(url, token(Role.CLERK, _OWN)) as clerk,
            api(url, token(Role.PARTNER, "441300")) as partner,
        ):

            async def one(plan: Plan) -> Journey:
                arrow = f"{plan.collecting_city} → {plan.item.city} {plan.mode.value} {plan.item.name}"
                task = progress.add_task(arrow, total=None)
                handing_in = partner if plan.direction == "inbound" else clerk
                journey = await carry(handing_in, plan, parties.books(plan.item.city), deadline)
                progress.update(
                    task, description=f"{'✓' if journey.ok else '✗'} {arrow} {journey.state}", total=1, completed=1
                )
                return journey

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(plan)) for plan in plans]
    return [task.result() for task in tasks]


def _show(journeys: list[Journey], imported: list[Imported], differences: dict[str, Any], *, json: bool) -> None:
    if json:
        more = demo_catalogues.as_json(imported, differences)
        print_json({"ok": all(j.ok for j in journeys), "journeys": [j.as_json() for j in journeys], **more})
        return
    demo_catalogues.show(imported, differences)
    columns = (
        *("办件编号 case number", "事项 item", "收件地→属地", "模式 mode", "方式 transport"),
        *("状态 state", "在途 hop s", "次数 tries", "文件 files sent/results/matched"),
    )
    rows = [
        (
            j.case_number,
            j.item_name,
            f"{j.collecting_city}→{j.deciding_city}",
            j.mode,
            j.transport,
            j.state,
            j.hop_s,
            j.tries,
            f"{j.files_sent}/{j.results}/{j.files_matched}",
        )
        for j in journeys
    ]
    print_table("通办演示（演示数据）Tongban demo (invented data)", columns, rows)


async def _keep(url: str, ring: KeyRing, folder: Path) -> None:
    err.print(f"\n网关 gateway: {url}  接口文档 docs: {url}/docs  数据 data: {folder}")
    for role, city in ((Role.CLERK, _OWN), (Role.OFFICER, _OWN), (Role.ADMIN, _OWN), (Role.PARTNER, "441300")):
        token = issue_token(ring, caller=f"demo-{role.value}-{city}", role=role, city=city, ttl_s=86400)
        err.print(f"令牌 token {role.value}@{city}:\n  {token}", soft_wrap=True)
    err.print("按 Ctrl-C 结束 press Ctrl-C to stop")
    await asyncio.Event().wait()


__all__ = ["Api", "demo"]
