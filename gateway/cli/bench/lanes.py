"""车道压测: what two cities in trouble, one that hangs and one that answers 500, cost the others at one gateway.

Each phase is a gateway of its own on an empty database, with the same paced load for the healthy cities: alone, or
with as much again for each of the two, and a backlog for them from before. Measured is the time from the moment an
application is received to the moment its PUSHED is durable, as the gateway's own log and database have it. The two
kinds of phase alternate; the ratio is the median over the pairs, so that a noisy minute touches both.
"""

import asyncio
import shutil
import sqlite3
import statistics
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
from rich.progress import Progress

from gateway.cli.bench.many_cities import SECRET, bodies, codes, write_seeds
from gateway.cli.bench.measuring import cpu_s, load, percentile, rss_mb
from gateway.cli.calling import issue_token
from gateway.cli.output import err
from gateway.cli.processes import gateway_process, process
from gateway.cli.seed import load as load_seeds
from gateway.clock import new_id, now_ms
from gateway.domain.access import Role
from gateway.evidence.keys import new_ring
from gateway.settings import Settings

_TIMEOUT_S = 5.0
_WARM_S = 3.0
_DRAIN_S = 30.0
_CONNECTIONS = 64


@dataclass(slots=True)
class Options:
    """How much, and for how long."""

    cities: int = 50
    rounds: int = 5
    seconds: float = 15.0
    rate: float = 100.0
    """Applications a second for all cities together."""
    backlog: int = 500
    """For each of the two in trouble, before the measurement."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """What every phase starts from."""

    folder: Path
    bodies: dict[str, str]
    hanging: str
    failing: str
    token: str

    @property
    def bad(self) -> set[str]:
        return {self.hanging, self.failing}

    @property
    def healthy(self) -> list[str]:
        return [city for city in self.bodies if city not in self.bad]


async def measure(folder: Path, options: Options) -> dict[str, Any]:
    """All figures."""
    cities = codes(options.cities)
    rounds: list[dict[str, dict[str, Any]]] = []
    async with _played(folder, cities[-1], cities[-2]) as url:
        stage = await _prepare(folder, cities, url)
        with Progress(console=err) as progress:
            task = progress.add_task("车道压测 lanes", total=options.rounds * 2)
            for number in range(options.rounds):
                phases = ("alone", "with_bad") if number % 2 == 0 else ("with_bad", "alone")
                rounds.append({})
                for phase in phases:
                    rounds[-1][phase] = await _phase(stage, options, with_bad=phase == "with_bad")
                    progress.advance(task)
    return _row(options, rounds)


@asynccontextmanager
async def _played(folder: Path, hanging: str, failing: str) -> AsyncIterator[str]:
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "gateway.cli.bench.many_cities", "--hanging", hanging, "--failing", failing]
    async with process("cities", command, {}, folder / "cities.log") as started:
        assert started.stdout is not None  # noqa: S101 - piped
        yield str(orjson.loads(await started.stdout.readline())["url"])


async def _prepare(folder: Path, cities: Sequence[str], url: str) -> _Stage:
    seeds, template = folder / "seeds", folder / "template"
    write_seeds(seeds, Settings().seeds_dir, cities, url=url, timeout_s=_TIMEOUT_S)
    await load_seeds(Settings(data_dir=template, seeds_dir=seeds, database_url=None))
    token = issue_token(new_ring(folder / "keys"), caller="bench", role=Role.CLERK, city="445200", ttl_s=86_400)
    return _Stage(folder, bodies(seeds, cities), cities[-1], cities[-2], token)


async def _phase(stage: _Stage, options: Options, *, with_bad: bool) -> dict[str, Any]:
    data = stage.folder / "data"
    shutil.copytree(stage.folder / "template", data)
    environment = {
        "TONGBAN_DATABASE_URL": "",
        "TONGBAN_SEEDS_DIR": str(stage.folder / "seeds"),
        "TONGBAN_KEYS_DIR": str(stage.folder / "keys"),
        "TONGBAN_LOG_JSON": "true",
        "TONGBAN_GRACE_S": "1",
        f"TONGBAN_SECRET_{SECRET.upper().replace('.', '_')}": "bench",
    }
    try:
        async with gateway_process(data, environment) as (started, url):
            found = await _loaded(stage, options, url, started.pid, with_bad=with_bad)
        return found | _times(data, set(stage.healthy), found["began_ms"])
    finally:
        shutil.rmtree(data)


async def _loaded(stage: _Stage, options: Options, url: str, pid: int, *, with_bad: bool) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {stage.token}"}

    async def post(cities: Sequence[str], **plan: Any) -> dict[str, Any]:
        several = [stage.bodies[city] for city in cities]
        whole = {"method": "POST", "headers": headers, "key_prefix": new_id(), "bodies": several, **plan}
        result = await load(url, "/v1/applications", clients=_CONNECTIONS, **whole)
        if set(result["statuses"]) - {"202"}:
            raise RuntimeError(f"unexpected answers: {result['statuses']}")
        return result

    if with_bad and options.backlog:
        await post(sorted(stage.bad), seconds=60.0, most=options.backlog * len(stage.bad))
    cities = [*stage.healthy, *(sorted(stage.bad) if with_bad else ())]
    rate = options.rate * len(cities) / options.cities
    await post(cities, rate=rate, seconds=_WARM_S)
    began_ms, before_s = now_ms(), cpu_s(pid)
    result = await post(cities, rate=rate, seconds=options.seconds)
    cpu_share = (cpu_s(pid) - before_s) / result["seconds"]
    await _drained(url, stage)
    return {
        "began_ms": began_ms,
        "intake_p99_ms": round(result["p99_ms"], 2),
        "cpu_share": round(cpu_share, 3),
        "rss_mb": rss_mb(pid),
        "open_breakers": sum(value for city, value in _gauge(url, "tongban_breaker_open") if city in stage.bad),
    }


def _gauge(url: str, name: str) -> list[tuple[str, int]]:
    """(city, value) of one of the gateway's gauges."""
    with urlopen(f"{url}/metrics") as response:  # noqa: S310 - loopback, ours
        lines = response.read().decode().splitlines()
    shown = [line.rsplit(" ", 1) for line in lines if line.startswith(f"{name}{{")]
    return [(labels.split('city="')[1][:6], int(float(value))) for labels, value in shown]


async def _drained(url: str, stage: _Stage) -> None:
    """Wait until everything for the healthy cities is delivered."""
    left = 1
    async with asyncio.timeout(_DRAIN_S):
        while left:
            await asyncio.sleep(0.1)
            waiting = await asyncio.to_thread(_gauge, url, "tongban_outbox")
            left = sum(count for city, count in waiting if city in stage.healthy)


def _times(data: Path, healthy: Collection[str], began_ms: int) -> dict[str, Any]:
    """Milliseconds from received to PUSHED of every case of a healthy city that was received in the measured time."""
    connection = sqlite3.connect(f"file:{data / 'tongban.sqlite3'}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT application_id, deciding_city, received_at_ms FROM applications").fetchall()
    finally:
        connection.close()
    pushed = _pushed_ms(data / "gateway.log")
    measured = [row for row in rows if row[1] in healthy and row[2] >= began_ms]
    times = sorted(pushed[application_id] - received_ms for application_id, _, received_ms in measured)
    return {
        "count": len(times),
        "p50_ms": round(times[len(times) // 2], 2),
        "p99_ms": round(percentile(times, 0.99), 2),
    }


def _pushed_ms(log: Path) -> dict[str, float]:
    """When the delivery of each case was stored: the log says so right after."""
    found = {}
    for line in log.read_bytes().splitlines():
        if b'"delivery.delivered"' in line:
            said = orjson.loads(line)
            found[said["application_id"]] = datetime.fromisoformat(said["timestamp"]).timestamp() * 1000
    return found


def _row(options: Options, rounds: Sequence[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    def median(phase: str, name: str) -> float:
        return float(statistics.median(one[phase][name] for one in rounds))

    ratios = [one["with_bad"]["p99_ms"] / one["alone"]["p99_ms"] for one in rounds]
    return {
        **asdict(options),
        "healthy_p99_ms_alone": median("alone", "p99_ms"),
        "healthy_p99_ms_with_bad": median("with_bad", "p99_ms"),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        **{f"healthy_p50_ms_{phase}": median(phase, "p50_ms") for phase in ("alone", "with_bad")},
        **{f"cpu_share_{phase}": median(phase, "cpu_share") for phase in ("alone", "with_bad")},
        **{f"rss_mb_{phase}": median(phase, "rss_mb") for phase in ("alone", "with_bad")},
        "open_breakers": median("with_bad", "open_breakers"),
        "each": rounds,
    }
