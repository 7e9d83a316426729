"""Every command a page of the documents shows is run as it stands, beside a running gateway; or it says why not."""

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from gateway.cli.processes import gateway_process
from gateway.cli.seed import load
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
APART = {
    r"(\./run|tongban) (demo|serve|test|check|bench)\b": "run by itself: in tests/cli, tests/journeys, by CI",
    r"conformance|simulate": "the whole page is run by tests/conformance/test_guide.py",
    r"reconcile($| --city)": "ends with 1 where a partner city is not there; run in tests/journeys with one",
    r"<": "needs a value from the output of another command",
}
"""Commands that are not run here, and why."""


def commands(page: Path) -> list[str]:
    """The commands in the page's code blocks, without what explains them on the same line."""
    found = []
    for block in re.findall(r"```\w*\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.splitlines():
            if re.match(r"(\./run|tongban) ", line):
                found.append(re.split(r" {2,}|\t| #", line)[0])
    return found


TO_RUN = {
    page.relative_to(ROOT).as_posix(): [
        one for one in commands(page) if not any(re.search(pattern, one) for pattern in APART)
    ]
    for page in PAGES
}


def test_the_pages_have_commands() -> None:
    assert sum(len(found) for found in TO_RUN.values()) >= 8
    for pattern in APART:
        assert any(re.search(pattern, one) for page in PAGES for one in commands(page)), pattern


async def run(page: str, command: str, environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *shlex.split(command)[1:]),
        cwd=ROOT,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, told = await process.communicate()
    assert process.returncode == 0, f"{page}: {command}\n{told.decode()}"


@pytest.mark.slow
async def test_every_command_ends_well(tmp_path: Path) -> None:
    environment = {"TONGBAN_DATA_DIR": str(tmp_path), "TONGBAN_DATABASE_URL": ""}
    await load(Settings(data_dir=tmp_path, database_url=None, keys_dir=None))
    before = "./run keys init"  # a gateway that starts without keys makes them
    assert any(before in found for found in TO_RUN.values())
    await run("docs/operations.md", before, environment)
    async with gateway_process(tmp_path, environment):
        for page, found in TO_RUN.items():
            for command in found:
                if command != before:
                    await run(page, command, environment)
