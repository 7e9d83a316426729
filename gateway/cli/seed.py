"""tongban seed: load reference data; doing it again changes nothing."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.opening import open_database
from gateway.cli.output import print_json, print_table
from gateway.clock import now
from gateway.settings import Settings
from gateway.usecases.load_seeds import Loaded, load_seeds
from gateway.usecases.read_profiles import read_profiles
from gateway.usecases.read_seeds import read_seeds


def seed(folder: Path | None = None, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """装载种子数据: check everything in the seeds folder, then load it in one transaction.

    A file that does not validate is refused with its name and line, and nothing is loaded. May run beside a
    gateway, which reloads within seconds.

    Parameters
    ----------
    folder
        Seeds folder; default TONGBAN_SEEDS_DIR or the one that ships with the gateway.
    json
        Print one JSON document.
    """
    settings = Settings() if folder is None else Settings(seeds_dir=folder)
    loaded = asyncio.run(load(settings))
    if json:
        print_json({"changed": loaded.changed, "counts": loaded.counts})
    else:
        title = "种子数据已装载 loaded" if loaded.changed else "种子数据没有变化 unchanged"
        print_table(title, ("表 table", "行 rows"), list(loaded.counts.items()))
    return 0


async def load(settings: Settings) -> Loaded:
    """Read, check and load the seeds of these settings."""
    seeds = read_seeds(settings.seeds_dir)
    read_profiles(settings.profiles)
    async with open_database(settings) as db:
        return await load_seeds(db, seeds, now=now())
