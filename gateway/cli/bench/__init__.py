"""tongban bench: measurements against live servers in other processes. Numbers in README come from here."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from cyclopts import App, Parameter
from cyclopts.validators import Number

from adapters.normalization.compile import compile_dialect
from adapters.normalization.dialect_file import FOLDER, load_dialects
from gateway.cli.bench.catalogue import run as run_catalogue
from gateway.cli.bench.intake import Options, measure
from gateway.cli.bench.lanes import Options as LaneOptions
from gateway.cli.bench.lanes import measure as measure_lanes
from gateway.cli.bench.measuring import machine, versions
from gateway.cli.bench.normalising import measure as measure_normalising
from gateway.cli.bench.peers import Options as PeerOptions
from gateway.cli.bench.peers import measure as measure_peers
from gateway.cli.bench.records import MAKERS
from gateway.cli.bench.verifying import Options as VerifyOptions
from gateway.cli.bench.verifying import measure as measure_verifying
from gateway.cli.output import err, print_json, print_table
from gateway.cli.processes import process, require_simulators
from gateway.clock import now
from gateway.settings import Settings

app = App(name="bench", help="测量: measurements against live servers in other processes.")
_COLUMNS = (
    "database",
    "bare_per_s",
    "accept_per_s",
    "forwarded_per_s",
    "ratio_accept",
    "ratio_forwarding",
    "p99_ms",
    "paced_p99_ms",
    "status_cpu_us_beyond_bare",
    "lost",
    "doubled",
    "rss_mb",
)
_MATERIALS = 20
_PEERS = ("round_trips_per_s", "p50_ms", "p99_ms", "cpu_us_sending", "cpu_us_taking", "cases", "lost", "doubled")
_SHARES = ("share_mapping", "share_expressions", "share_validation", "share_rules", "share_storage", "report_us")
_LANES = ("healthy_p99_ms_alone", "healthy_p99_ms_with_bad", "ratio", "cpu_share_alone", "cpu_share_with_bad")
_VERIFY = ("file", "bytes", "cpu_ms_cold", "cpu_ms_warm", "indication")
_SEARCH = ("rows", "p50_ms", "p99_ms", "p99_two_char_ms")


@app.command
def intake(
    *,
    clients: int = 64,
    rounds: int = 5,
    seconds: float = 3.0,
    cases: int = 100_000,
    database: Literal["sqlite", "postgresql", "both"] = "both",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """收件压测: durable intake and forwarding, as ratios to a bare aiohttp POST measured in turn.

    Parameters
    ----------
    clients
        Connections, each with one request at a time.
    rounds
        Alternations of bare, accepting and forwarding; at least 5 for a figure worth quoting.
    seconds
        Length of each measurement.
    cases
        How many cases the accepting gateway holds when its memory is read.
    database
        PostgreSQL needs server binaries on this machine (or TONGBAN_TEST_DATABASE_URL).
    json
        Print one JSON document.
    """
    require_simulators()
    folder = Path(tempfile.mkdtemp(prefix="tongban-bench-"))
    options = Options(clients=clients, rounds=rounds, seconds=seconds, cases=cases)
    names = ["sqlite", "postgresql"] if database == "both" else [database]
    try:
        results = [asyncio.run(_one(folder / name, name, options)) for name in names]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    document = {**_circumstances(), "results": results}
    if json:
        print_json(document)
    else:
        print_table("收件压测 bench intake", _COLUMNS, [[row[name] for name in _COLUMNS] for row in results])
    return 0


@app.command
def normalize(
    *,
    items: int = 1000,
    rounds: int = 5,
    rows: int = 100_000,
    searches: int = 1200,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """归一化测速: items per second on one core, a large CSV imported, and the item search among all of it.

    Parameters
    ----------
    items
        Items with 20 materials each that one round normalises.
    rounds
        Rounds of which the median counts.
    rows
        Rows of the CSV file that is imported for each of two cities; the search runs over both.
    searches
        Searches over HTTP, of six kinds.
    json
        Print one JSON document.
    """
    require_simulators()
    folder = Path(tempfile.mkdtemp(prefix="tongban-bench-"))
    try:
        work = measure_catalogue(folder, items=items, rounds=rounds, rows=rows, searches=searches)
        results, search = asyncio.run(work)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if json:
        print_json({**_circumstances(), "results": results, "search": search})
    else:
        columns = ("dialect", "items_per_s", "import_rows_per_s", "rss_mb", *_SHARES)
        print_table("归一化测速 bench normalize", columns, [[row[name] for name in columns] for row in results])
        print_table("事项检索 item search", tuple(_SEARCH), [[search[name] for name in _SEARCH]])
    return 0


@app.command
def lanes(
    *,
    cities: Annotated[int, Parameter(validator=Number(gte=3, lte=99))] = 50,
    rounds: int = 5,
    seconds: float = 15.0,
    rate: float = 100.0,
    backlog: int = 500,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """车道压测: from received to PUSHED in healthy cities, with and without one that hangs and one that answers 500.

    Parameters
    ----------
    cities
        How many cities the gateway knows, the two in trouble among them; at most 99.
    rounds
        Pairs of measurements, each on a fresh gateway; at least 5 for a figure worth quoting.
    seconds
        Length of each measurement.
    rate
        Applications a second for all cities together: what the machine carries with ease.
    backlog
        Applications that wait for each of the two in trouble before the measurement.
    json
        Print one JSON document.
    """
    folder = Path(tempfile.mkdtemp(prefix="tongban-bench-"))
    options = LaneOptions(cities=cities, rounds=rounds, seconds=seconds, rate=rate, backlog=backlog)
    try:
        found = asyncio.run(measure_lanes(folder / "lanes", options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if json:
        print_json({**_circumstances(), **found})
    else:
        print_table("车道压测 bench lanes", _LANES, [[found[name] for name in _LANES]])
    return 0


@app.command
def peers(
    *,
    clients: int = 64,
    rounds: int = 3,
    seconds: float = 5.0,
    in_flight: int = 32,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """对等压测: signed, receipted round trips a second between two gateways on this machine; median of the rounds.

    Parameters
    ----------
    clients
        Connections that hand in cases, each with one request at a time.
    rounds
        Rounds of which the median counts.
    seconds
        How long each round hands in cases; it ends when the last one is over.
    in_flight
        Messages under way at a time, in each direction.
    json
        Print one JSON document.
    """
    folder = Path(tempfile.mkdtemp(prefix="tongban-bench-"))
    options = PeerOptions(clients=clients, rounds=rounds, seconds=seconds, in_flight=in_flight)
    try:
        figures = asyncio.run(measure_peers(folder, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if json:
        print_json({**_circumstances(), **figures})
    else:
        print_table("对等压测 bench peers", _PEERS, [[figures[name] for name in _PEERS]])
    return 0


@app.command
def verify(
    *files: Path,
    trust: Path | None = None,
    rounds: int = 30,
    seconds: float = 5.0,
    tokens: int = 10_000,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """核验测速: CPU of each file cold and warm, tokens over HTTP a second, and how late the event loop is meanwhile.

    Parameters
    ----------
    files
        Files of your own, measured beside those that are made for it.
    trust
        Trust folder for them.
    rounds
        How often each file is verified warm; the best counts.
    seconds
        How long the event loop's ticker is watched.
    tokens
        Tokens sent over HTTP, each another one.
    json
        Print one JSON document.
    """
    require_simulators()
    folder = Path(tempfile.mkdtemp(prefix="tongban-bench-"))
    options = VerifyOptions(rounds=rounds, seconds=seconds, tokens=tokens, files=files, trust=trust)
    try:
        found = asyncio.run(measure_verifying(folder, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if json:
        print_json({**_circumstances(), **found})
    else:
        print_table("核验测速 bench verify", _VERIFY, [[row[name] for name in _VERIFY] for row in found["results"]])
        rest = [name for name in found if name != "results"]
        print_table("", rest, [[found[name] for name in rest]])
    return 0


async def measure_catalogue(
    folder: Path, *, items: int, rounds: int, rows: int, searches: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Everything of `bench normalize`."""
    bases = load_dialects(Settings().seeds_dir / FOLDER)
    imported, search = await run_catalogue(folder, item_rows=rows, searches=searches)
    results = []
    for name, make in MAKERS.items():
        found = measure_normalising(
            compile_dialect(bases[name], city="441300"), [make(number, _MATERIALS) for number in range(items)], rounds
        )
        results.append({"dialect": name, **asdict(found), **imported})
    return results, search


def _circumstances() -> dict[str, Any]:
    return {"machine": machine(), "versions": versions(), "date": now().isoformat(timespec="seconds")}


async def _one(folder: Path, name: str, options: Options) -> dict[str, Any]:
    if name == "sqlite":
        return await measure(folder, name, (None, None), options)
    async with _postgres(folder.parent) as urls:
        return await measure(folder, name, urls, options)


@asynccontextmanager
async def _postgres(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Two fresh databases on a durable server (fsync on) that is started for the measurement."""
    err.print("正在启动 PostgreSQL（fsync 打开）starting PostgreSQL with fsync on …")
    command = [sys.executable, "-m", "tests.postgres"]
    async with process("postgresql", command, {}, folder / "postgresql.log") as started:
        assert started.stdout is not None  # noqa: S101 - piped
        first, second = orjson.loads(await started.stdout.readline())["urls"]
        yield first, second
