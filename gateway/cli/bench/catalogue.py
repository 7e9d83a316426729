"""目录测速: a large CSV imported by the real command, and the item search of a real gateway over HTTP."""

import asyncio
import csv
import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from rich.progress import Progress

from gateway.cli.bench.records import SUBJECTS, rows
from gateway.cli.calling import issue_token
from gateway.cli.output import err
from gateway.cli.processes import ROOT, gateway_process
from gateway.domain.access import Role
from gateway.evidence.keys import new_ring
from gateway.settings import Settings

CITIES = ("441300", "440500")
_DIALECT = """dialect: bench_csv
extends: gbt_39046
provenance: fictitious
source: {format: csv}
"""
_BATCH = 50
_SEED = 20261124
_COMMON, _RARE_MODE = "办理", "JOINT"


async def run(folder: Path, *, item_rows: int, searches: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Import and publish `item_rows` items of each of two cities, then search among all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"TONGBAN_DATA_DIR": str(folder), "TONGBAN_DATABASE_URL": ""}
    (folder / "bench_csv.yaml").write_text(_DIALECT, "utf-8")
    without_storage_s = 0.0
    imports = []
    for number, city in enumerate(CITIES):
        file = folder / f"{city}.csv"
        _write(file, city, item_rows, number)
        if number == 0:
            without_storage_s, _ = await _command(_normalize(file, city), environment)
        imports.append(await _import(file, city, environment))
        publish_s, _ = await _command(["catalogue", "publish", city], environment)
        imports[-1]["publish_s"] = round(publish_s, 1)
        file.unlink()
    found = await _search(folder, environment, searches)
    rates = [one["rows_per_s"] for one in imports]
    return (
        {
            "import_rows": item_rows,
            "import_rows_per_s": round(statistics.median(rates), 1),
            "rss_mb": max(one["rss_mb"] for one in imports),
            "share_storage": round(max(0.0, 1 - without_storage_s * imports[0]["rows_per_s"] / item_rows), 3),
            "publish_s": max(one["publish_s"] for one in imports),
        },
        {"rows": item_rows * len(CITIES), **found},
    )


def _write(file: Path, city: str, count: int, number: int) -> None:
    with file.open("w", newline="", encoding="gb18030") as handle:
        writer: csv.DictWriter[str] | None = None
        for row in rows(count, city, number * count):
            if writer is None:
                writer = csv.DictWriter(handle, row.keys())
                writer.writeheader()
            writer.writerow(row)


def _normalize(file: Path, city: str) -> list[str]:
    """The same file read and normalised by the command that stores nothing: what an import takes longer is storage."""
    return ["normalize", str(file), "--profile", str(file.parent / "bench_csv.yaml"), "--city", city, "--json"]


async def _import(file: Path, city: str, environment: dict[str, str]) -> dict[str, Any]:
    err.print(f"导入 importing {file.name} …")
    command = ["catalogue", "import", city, str(file), "--dialect", str(file.parent / "bench_csv.yaml"), "--json"]
    took_s, peak_mb = await _command(command, environment)
    with file.open("rb") as handle:
        count = sum(1 for _ in handle) - 1
    return {"rows_per_s": count / took_s, "rss_mb": peak_mb}


async def _command(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command to its end: seconds of wall time, and the most memory it held in MB."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *words),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    peak = 0.0
    waiting = asyncio.ensure_future(process.wait())
    while not waiting.done():
        peak = max(peak, _peak_mb(process.pid))
        await asyncio.sleep(0.05)
    await waiting
    if process.returncode != 0:
        raise RuntimeError(f"tongban {' '.join(words)} ended with {process.returncode}")
    return time.perf_counter() - began, peak


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("VmHWM")), 0.0)


async def _search(folder: Path, environment: dict[str, str], searches: int) -> dict[str, Any]:
    settings = Settings(data_dir=folder, database_url=None, keys_dir=None)
    ring = new_ring(settings.keys)
    token = issue_token(ring, caller="bench", role=Role.CLERK, city="445200", ttl_s=3600)
    async with (
        gateway_process(folder, environment | {"TONGBAN_LOG_JSON": "true"}) as (_, url),
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
    ):
        with Progress(console=err, transient=True) as progress:
            task = progress.add_task("检索 searching", total=searches)
            taken: dict[str, list[float]] = {}
            for number, (kind, query) in enumerate(_queries(searches)):
                began = time.perf_counter()
                async with session.get(f"{url}/v1/items", params=query) as response:
                    body = await response.read()
                    if response.status != 200:
                        raise RuntimeError(f"a search was answered with {response.status}")
                taken.setdefault(kind, []).append((time.perf_counter() - began) * 1000)
                if number % _BATCH == 0:
                    progress.update(task, completed=number)
                    orjson.loads(body)
    everything = sorted(one for times in taken.values() for one in times)
    return {
        "p50_ms": round(statistics.median(everything), 2),
        "p99_ms": _p99(everything),
        "p99_two_char_ms": _p99(taken["two_char"]),
        "by_kind": {kind: {"p50_ms": round(statistics.median(t), 2), "p99_ms": _p99(t)} for kind, t in taken.items()},
    }


def _p99(times: list[float]) -> float:
    return round(sorted(times)[max(0, int(len(times) * 0.99) - 1)], 2)


def _queries(count: int) -> list[tuple[str, dict[str, str]]]:
    """Each kind of search in equal parts, in a fixed random order."""
    chance = random.Random(_SEED)  # noqa: S311 - not for secrets
    made: list[tuple[str, dict[str, str]]] = []
    for _ in range(count // 6 + 1):
        subject = chance.choice(SUBJECTS)
        start = chance.randrange(len(subject) - 1)
        made += [
            ("two_char", {"q": subject[start : start + 2]}),
            ("subject", {"q": subject, "city": chance.choice(CITIES)}),
            ("common_and_rare", {"q": _COMMON, "mode": _RARE_MODE}),
            ("one_char", {"q": chance.choice(subject)}),
            ("initials", {"q": chance.choice(("sb", "gjj", "yyzz", "hk", "jsz"))}),
            ("page", {"city": chance.choice(CITIES), "limit": "50"}),
        ]
    chance.shuffle(made)
    return made[:count]
