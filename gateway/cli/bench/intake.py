"""收件压测: durable intake and forwarding against a bare aiohttp POST, in turn, with live servers in other processes.

Each round measures, one after the other with the same body and client: the bare POST; durable intake with the lanes
stopped; intake with the lanes forwarding to a simulated city, until everything taken is delivered. Ratios are
medians over the rounds, so that a noisy minute touches all three alike.
"""

import asyncio
import json
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
from rich.progress import Progress

from gateway.cli.bench.measuring import cpu_s, load, rss_mb
from gateway.cli.calling import issue_token
from gateway.cli.demo_cases import application
from gateway.cli.output import err
from gateway.cli.processes import SIMULATED, Parties, gateway_process, process, simulated_cities
from gateway.cli.seed import load as load_seeds
from gateway.clock import new_id
from gateway.domain.access import Role
from gateway.evidence.keys import new_ring
from gateway.settings import Settings
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode

_BODY_BYTES = 4096
_CITY = "441300"
_DRAIN_S = 60.0


@dataclass(slots=True)
class Options:
    """How long and how much."""

    clients: int = 64
    rounds: int = 5
    seconds: float = 3.0
    paced_s: float = 10.0
    cases: int = 100_000


@dataclass(slots=True)
class Server:
    """A live server in another process."""

    url: str
    pid: int
    token: str = ""
    parties: Parties | None = None


@dataclass(slots=True)
class Rounds:
    """What every round measured."""

    bare: list[dict[str, Any]] = field(default_factory=list)
    accept: list[dict[str, Any]] = field(default_factory=list)
    forward: list[dict[str, Any]] = field(default_factory=list)
    taken: int = 0
    """By the forwarding gateway."""


def body_4k() -> str:
    """A complete application, padded by form fields to 4 KB."""
    seeds = read_seeds(Settings().seeds_dir)
    item = next(i for i in seeds.items if i.city == _CITY and i.modes == (Mode.ONLINE,))
    whole = application(item, Mode.ONLINE, collecting_city="445200", file_ids=[], number=1)
    whole["materials"] = [
        {"material_code": m["material_code"], "source": "paper", "copies": 1} for m in whole["materials"]
    ]
    whole["form"] |= {f"field_{n:02d}": "示例内容" * 12 for n in range(16)}
    whole["form"]["padding"] = ""
    missing = _BODY_BYTES - len(orjson.dumps(whole))
    whole["form"]["padding"] = "x" * max(0, missing)
    return orjson.dumps(whole).decode()


@asynccontextmanager
async def _bare(folder: Path) -> AsyncIterator[Server]:
    command = [sys.executable, "-m", "gateway.cli.bench.bare"]
    async with process("bare", command, {}, folder / "bare.log") as started:
        assert started.stdout is not None  # noqa: S101 - piped
        yield Server(json.loads(await started.stdout.readline())["url"], started.pid)


@asynccontextmanager
async def _gateway(folder: Path, database_url: str | None, *, forwarding: bool) -> AsyncIterator[Server]:
    folder.mkdir(parents=True)
    parties = Parties(folder)
    settings = Settings(data_dir=folder, database_url=database_url, keys_dir=None)
    await load_seeds(settings)
    ring = new_ring(settings.keys)
    token = issue_token(ring, caller="bench", role=Role.CLERK, city="445200", ttl_s=86400)
    async with AsyncExitStack() as stack:
        if forwarding:
            await stack.enter_async_context(simulated_cities(parties, {_CITY: SIMULATED[_CITY]}, pace="silent"))
        environment = parties.environment | {
            "TONGBAN_DATABASE_URL": database_url or "",
            "TONGBAN_LOG_JSON": "true",
            "TONGBAN_LANE_CAPACITY": "100000",
        }
        options = [] if forwarding else ["--no-lanes"]
        started, url = await stack.enter_async_context(gateway_process(folder, environment, options=options))
        yield Server(url, started.pid, token, parties)


async def _post(server: Server, path: str, body: str, **plan: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
    before_s = cpu_s(server.pid)
    keyed = {"key_prefix": new_id()} if server.token else {}
    result = await load(server.url, path, method="POST", headers=headers, body=body, **keyed, **plan)
    expected = 202 if server.token else 200
    wrong = {status: n for status, n in result["statuses"].items() if int(status) != expected}
    if wrong:
        raise RuntimeError(f"unexpected answers from {path}: {wrong}")
    return result | {"cpu_us": (cpu_s(server.pid) - before_s) / max(1, result["count"]) * 1e6}


async def _get(server: Server, path: str, seconds: float) -> float:
    """CPU microseconds of one GET."""
    before_s = cpu_s(server.pid)
    headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
    result = await load(server.url, path, method="GET", headers=headers, clients=16, seconds=seconds)
    return (cpu_s(server.pid) - before_s) / max(1, int(result["count"])) * 1e6


def _outbox_count(server: Server) -> int:
    with urlopen(f"{server.url}/metrics") as response:  # noqa: S310 - loopback, ours
        lines = response.read().decode().splitlines()
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("tongban_outbox{")))


async def _forward(server: Server, body: str, options: Options) -> dict[str, Any]:
    before_s = cpu_s(server.pid)
    result = await _post(server, "/v1/applications", body, clients=options.clients, seconds=options.seconds)
    sent = time.perf_counter()
    deadline = sent + _DRAIN_S
    while await asyncio.to_thread(_outbox_count, server):
        if time.perf_counter() > deadline:
            raise RuntimeError("the outbox did not drain")
        await asyncio.sleep(0.05)
    took_s = result["seconds"] + time.perf_counter() - sent  # the client's own time, and what came after it
    cpu_us = (cpu_s(server.pid) - before_s) / max(1, result["count"]) * 1e6
    return result | {"per_s": result["count"] / took_s, "cpu_us": cpu_us}


def _lost_and_doubled(server: Server, taken: int) -> tuple[int, int]:
    """Held against the simulated city's own books."""
    assert server.parties is not None  # noqa: S101 - the forwarding gateway has them
    connection = sqlite3.connect(f"file:{server.parties.books(_CITY)}?mode=ro", uri=True)
    try:
        total, distinct = connection.execute("SELECT COUNT(*), COUNT(DISTINCT our_ref) FROM bookings").fetchone()
    finally:
        connection.close()
    return taken - distinct, total - distinct


async def measure(folder: Path, database: str, urls: tuple[str | None, str | None], options: Options) -> dict[str, Any]:
    """All figures for one database."""
    body, rounds = body_4k(), Rounds()
    folder.mkdir(parents=True)
    async with (
        _bare(folder) as bare,
        _gateway(folder / "accepting", urls[0], forwarding=False) as accepting,
        _gateway(folder / "forwarding", urls[1], forwarding=True) as forwarding,
    ):
        with Progress(console=err) as progress:
            task = progress.add_task(f"收件压测 intake {database}", total=options.rounds + 2)
            warm = {"clients": options.clients, "seconds": 1.0}
            await _post(bare, "/", body, **warm)
            await _post(accepting, "/v1/applications", body, **warm)
            rounds.taken += (await _forward(forwarding, body, Options(clients=options.clients, seconds=1.0)))["count"]
            for _ in range(options.rounds):
                plan = {"clients": options.clients, "seconds": options.seconds}
                rounds.bare.append(await _post(bare, "/", body, **plan))
                rounds.accept.append(await _post(accepting, "/v1/applications", body, **plan))
                rounds.forward.append(await _forward(forwarding, body, options))
                rounds.taken += rounds.forward[-1]["count"]
                progress.advance(task)
            paced = await _post(
                accepting, "/v1/applications", body, clients=options.clients, rate=100, seconds=options.paced_s
            )
            progress.advance(task)
            status = await _status(bare, accepting, body)
            rss = await _fill(accepting, body, rounds, options)
            progress.advance(task)
        lost, doubled = _lost_and_doubled(forwarding, rounds.taken)
    return _row(database, options, rounds, paced) | status | {"lost": lost, "doubled": doubled, "rss_mb": rss}


async def _status(bare: Server, accepting: Server, body: str) -> dict[str, float]:
    """CPU of a status by id beyond the bare GET."""
    headers = {"Authorization": f"Bearer {accepting.token}", "Idempotency-Key": new_id()}
    import aiohttp  # noqa: PLC0415 - only here

    async with aiohttp.ClientSession() as session:
        url = f"{accepting.url}/v1/applications"
        sent = headers | {"Content-Type": "application/json"}
        async with session.post(url, data=body.encode(), headers=sent) as response:
            application_id = (await response.json())["application_id"]
    bare_us, status_us = [], []
    for _ in range(3):
        bare_us.append(await _get(bare, "/", 1.0))
        status_us.append(await _get(accepting, f"/v1/applications/{application_id}", 1.0))
    beyond = statistics.median(status_us) - statistics.median(bare_us)
    return {"status_cpu_us_beyond_bare": round(beyond)}


async def _fill(server: Server, body: str, rounds: Rounds, options: Options) -> float:
    """Resident memory once the server holds the wanted number of cases."""
    done = sum(one["count"] for one in rounds.accept)
    if options.cases > done:
        plan = {"clients": options.clients, "seconds": 300.0, "most": options.cases - done}
        await _post(server, "/v1/applications", body, **plan)
    return rss_mb(server.pid)


def _row(database: str, options: Options, rounds: Rounds, paced: dict[str, Any]) -> dict[str, Any]:
    def median(values: list[dict[str, Any]], name: str) -> float:
        return float(statistics.median(one[name] for one in values))

    pairs = list(zip(rounds.bare, rounds.accept, rounds.forward, strict=True))
    return {
        "database": database,
        "clients": options.clients,
        "bare_per_s": round(median(rounds.bare, "per_s")),
        "accept_per_s": round(median(rounds.accept, "per_s")),
        "forwarded_per_s": round(median(rounds.forward, "per_s")),
        "ratio_accept": round(statistics.median(a["per_s"] / b["per_s"] for b, a, _ in pairs), 3),
        "ratio_forwarding": round(statistics.median(f["per_s"] / b["per_s"] for b, _, f in pairs), 3),
        "cpu_us_bare": round(median(rounds.bare, "cpu_us")),
        "cpu_us_accept": round(median(rounds.accept, "cpu_us")),
        "cpu_us_forward": round(median(rounds.forward, "cpu_us")),
        "p50_ms": round(median(rounds.accept, "p50_ms"), 2),
        "p99_ms": round(median(rounds.accept, "p99_ms"), 2),
        "paced_p99_ms": round(paced["p99_ms"], 2),
    }
