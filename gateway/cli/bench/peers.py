"""对等压测: two gateways on this machine; how many cases a second go from one to the other, signed and receipted.

A round trip: taken at the window's API, stored, sent to the peer under our signature, taken and stored there, answered
with the peer's receipt under the peer's signature, both checked, the push recorded. Each round hands in what it can in
its time; the figure counts until the last case is over. The peer tells each arrival back meanwhile, as it always does.
"""

import asyncio
import json
import socket
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from rich.progress import Progress

from gateway.cli.bench.measuring import cpu_s, load
from gateway.cli.calling import issue_token
from gateway.cli.demo_cases import application
from gateway.cli.output import err
from gateway.cli.processes import gateway_process
from gateway.cli.seed import load as load_seeds
from gateway.clock import new_id
from gateway.domain.access import Role
from gateway.evidence.keys import KeyRing, new_ring
from gateway.settings import Settings
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode

_OURS, _THEIRS = "445200", "350600"
_DRAIN_S = 120.0
_PROFILES = {
    "own": """\
code: "{code}"
name: 本市
provenance: {{default: fictitious}}
transport: inbound
""",
    "peer": """\
code: "{code}"
name: 同类网关
provenance: {{default: fictitious}}
transport: peer_gateway
duplicates: idempotent
reports_back: true
limits: {{in_flight: {in_flight}, timeout_s: 15}}
peer_gateway: {{url: "{url}", keys: {code}.peer_keys}}
""",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how much."""

    clients: int = 64
    rounds: int = 3
    seconds: float = 5.0
    in_flight: int = 32


@dataclass(slots=True)
class _Side:
    city: str
    folder: Path
    port: int
    ring: KeyRing
    pid: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return Settings(data_dir=self.folder, database_url=None).sqlite_path


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _prepared(folder: Path, city: str) -> _Side:
    folder.mkdir(parents=True)
    settings = Settings(data_dir=folder, database_url=None, keys_dir=None)
    await load_seeds(settings)
    return _Side(city, folder, _free_port(), new_ring(settings.keys))


def _write_profiles(side: _Side, peer: _Side, in_flight: int) -> None:
    profiles = side.folder / "profiles"
    profiles.mkdir()
    (profiles / f"{side.city}.yaml").write_text(_PROFILES["own"].format(code=side.city), "utf-8")
    text = _PROFILES["peer"].format(code=peer.city, in_flight=in_flight, url=peer.url)
    (profiles / f"{peer.city}.yaml").write_text(text, "utf-8")


@asynccontextmanager
async def _running(folder: Path, options: Options) -> AsyncIterator[tuple[_Side, _Side]]:
    ours, theirs = await _prepared(folder / _OURS, _OURS), await _prepared(folder / _THEIRS, _THEIRS)
    _write_profiles(ours, theirs, options.in_flight)
    _write_profiles(theirs, ours, options.in_flight)
    keys = {f"TONGBAN_SECRET_{one.city}_PEER_KEYS": json.dumps(one.ring.jwks()) for one in (ours, theirs)}
    async with _started(ours, keys), _started(theirs, keys):
        yield ours, theirs


@asynccontextmanager
async def _started(side: _Side, keys: Mapping[str, str]) -> AsyncIterator[None]:
    environment = {
        **keys,
        "TONGBAN_CITY": side.city,
        "TONGBAN_NODE": side.city,
        "TONGBAN_DATABASE_URL": "",
        "TONGBAN_PROFILES_DIR": str(side.folder / "profiles"),
        "TONGBAN_LOG_JSON": "true",
        "TONGBAN_LANE_CAPACITY": "100000",
    }
    async with gateway_process(side.folder, environment, port=side.port) as (started, _):
        side.pid = started.pid
        yield


def _body() -> str:
    item = next(
        one for one in read_seeds(Settings().seeds_dir).items if one.city == _THEIRS and one.modes == (Mode.ONLINE,)
    )
    whole = application(item, Mode.ONLINE, collecting_city=_OURS, file_ids=[], number=1)
    whole["materials"] = [{"material_code": m["material_code"], "source": "paper"} for m in whole["materials"]]
    return orjson.dumps(whole).decode()


def _ask(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        return list(connection.execute(sql, values))


async def _round(ours: _Side, theirs: _Side, body: str, options: Options, seconds: float) -> dict[str, float]:
    token = issue_token(ours.ring, caller="bench", role=Role.CLERK, city=_OURS, ttl_s=3600)
    headers = {"Authorization": f"Bearer {token}"}
    cpu = [cpu_s(side.pid) for side in (ours, theirs)]
    began_ms = time.time_ns() // 1_000_000  # the gateways' clock
    plan = {"clients": options.clients, "seconds": seconds, "key_prefix": new_id()}
    result = await load(ours.url, "/v1/applications", method="POST", headers=headers, body=body, **plan)
    if set(result["statuses"]) != {"202"}:
        raise RuntimeError(f"unexpected answers: {result['statuses']}")
    sent = time.perf_counter()
    while await asyncio.to_thread(_ask, ours.database, "SELECT 1 FROM outbox WHERE kind = 'SUBMIT' LIMIT 1"):
        if time.perf_counter() > sent + _DRAIN_S:
            raise RuntimeError("the outbox did not drain")
        await asyncio.sleep(0.05)
    took_s = result["seconds"] + time.perf_counter() - sent
    used = [
        (cpu_s(side.pid) - before) / result["count"] * 1e6 for side, before in zip((ours, theirs), cpu, strict=True)
    ]
    sql = "SELECT duration_ms FROM attempts WHERE started_at_ms >= ? AND outcome = 'delivered' ORDER BY duration_ms"
    durations = [row[0] for row in _ask(ours.database, sql, began_ms)]
    await _told(theirs)
    return {
        "count": result["count"],
        "per_s": result["count"] / took_s,
        "p50_ms": durations[len(durations) // 2],
        "p99_ms": durations[int(len(durations) * 0.99)],
        "cpu_us_sending": used[0],
        "cpu_us_taking": used[1],
    }


async def _told(theirs: _Side) -> None:
    """Until the peer has told every arrival: the next round begins quiet."""
    deadline = time.perf_counter() + _DRAIN_S
    while await asyncio.to_thread(_ask, theirs.database, "SELECT 1 FROM outbox LIMIT 1"):
        if time.perf_counter() > deadline:
            raise RuntimeError("the peer's outbox did not drain")
        await asyncio.sleep(0.05)


def _lost_and_doubled(ours: _Side, theirs: _Side) -> tuple[int, int]:
    """Every case acknowledged here, against the peer's books: there, once, with a receipt that is recorded here."""
    acknowledged = {row[0] for row in _ask(ours.database, "SELECT application_id FROM receipts")}
    there = [row[0] for row in _ask(theirs.database, "SELECT application_id FROM applications")]
    pushed = _ask(
        ours.database,
        "SELECT application_id FROM events WHERE type = 'PUSHED' AND instr(CAST(data AS TEXT), '\"receipt\"') > 0",
    )
    lost = acknowledged - (set(there) & {row[0] for row in pushed})
    doubled = len(there) - len(set(there)) + len(pushed) - len({row[0] for row in pushed})
    return len(lost), doubled


async def measure(folder: Path, options: Options) -> dict[str, Any]:
    """The figures, medians over the rounds."""
    body, rounds = _body(), []
    async with _running(folder, options) as (ours, theirs):
        with Progress(console=err) as progress:
            task = progress.add_task("对等压测 peers", total=options.rounds + 1)
            await _round(ours, theirs, body, options, 1.0)  # warm-up
            progress.advance(task)
            for _ in range(options.rounds):
                rounds.append(await _round(ours, theirs, body, options, options.seconds))
                progress.advance(task)
        lost, doubled = _lost_and_doubled(ours, theirs)

    def median(name: str) -> float:
        return float(statistics.median(one[name] for one in rounds))

    return {
        "round_trips_per_s": round(median("per_s"), 1),
        "p50_ms": round(median("p50_ms"), 1),
        "p99_ms": round(median("p99_ms"), 1),
        "cpu_us_sending": round(median("cpu_us_sending")),
        "cpu_us_taking": round(median("cpu_us_taking")),
        "cases": sum(int(one["count"]) for one in rounds),
        "lost": lost,
        "doubled": doubled,
    }
