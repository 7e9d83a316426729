"""The issuing office of the tests, as a process of its own on loopback."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.cli.processes import process


@asynccontextmanager
async def office_process(folder: Path, *, token: str) -> AsyncIterator[str]:
    """Start it; gives its base URL."""
    command = [sys.executable, "-m", "tests.simulators.licence_office", "--books", str(folder / "office.sqlite3")]
    async with process("office", [*command, "--token", token], {}, folder / "office.log") as started:
        assert started.stdout is not None
        yield str(json.loads(await started.stdout.readline())["url"])
