"""测量: run the load client, read a process's CPU and memory, describe the machine."""

import asyncio
import json
import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.cli.processes import ROOT

_CLIENT = Path(__file__).with_name("load.py")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


async def load(url: str, path: str, **plan: Any) -> dict[str, Any]:
    """Run the load client as a process against one server; its result."""
    parts = urlsplit(url)
    whole = {"host": parts.hostname, "port": parts.port, "path": path, **plan}
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_CLIENT),  # by its path: as a module it would import the whole gateway first
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    out, _ = await client.communicate(json.dumps(whole).encode())
    if client.returncode != 0:
        raise RuntimeError("the load client failed")
    result: dict[str, Any] = json.loads(out)
    return result


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie; `ordered` rises and is not empty."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def cpu_s(pid: int) -> float:
    """User and system seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(memory_kb / 1024**2),
        "kernel": platform.release(),
        "load_1m": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Of what takes part."""
    names = ("aiohttp", "pydantic", "asyncpg", "orjson", "cryptography")
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in names},
    }
