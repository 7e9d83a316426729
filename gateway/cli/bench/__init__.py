"""tongban bench: measurements against live servers in other processes. Numbers in README come from here."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from cyclopts import App, Parameter

from gateway.cli.bench.intake import Options, measure
from gateway.cli.bench.measuring import machine, versions
from gateway.cli.output import err, print_json, print_table
from gateway.cli.processes import process, require_simulators
from gateway.wiring import now

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
    document = {
        "machine": machine(),
        "versions": versions(),
        "date": now().isoformat(timespec="seconds"),
        "results": results,
    }
    if json:
        print_json(document)
    else:
        print_table("收件压测 bench intake", _COLUMNS, [[row[name] for name in _COLUMNS] for row in results])
    return 0


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
