"""tongban simulate: parties played from data alone, for tests and drills."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
from cyclopts import App, Parameter

from adapters.profile import CityProfile
from gateway.cli.output import err, print_table
from gateway.cli.profile_settings import profile_with
from gateway.settings import Settings
from gateway.simulation.faults import FAULTS, Faults, faults_of
from gateway.simulation.serving import Place, play
from gateway.wiring import adapter_context
from schemas.errors import Internal

app = App(name="simulate", help="模拟: play a partner city from its profile, also a broken one.")
_HELP = "help"


@app.command
def city(  # noqa: PLR0913 - one parameter for each option
    *,
    profile: Path,
    port: int = 0,
    host: str = "127.0.0.1",
    fault: Annotated[list[str] | None, Parameter(negative=())] = None,
    pace: float = 1.0,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    callback_url: str | None = None,
    folder: Path | None = None,
    authorized_key: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """模拟城市: play a partner city from its profile alone, until it is stopped.

    It takes applications, decides them, reports and gives result files as the profile says; its books are in memory.
    One JSON line on stdout says where it is. Its secrets are the gateway's own, from the environment. It shares our
    mapping code: what it takes as right may be wrong in the same way on both sides.

    Parameters
    ----------
    profile
        The city's profile, a YAML file.
    port
        0 = a free one.
    host
        Address to listen at.
    fault
        What it does wrong, by name; may be repeated; `help` lists them.
    pace
        Seconds between the steps of a case.
    set_
        url=… or section.field=…: as for `tongban conformance`.
    callback_url
        Where the gateway is, for a city that calls back: https://host:port.
    folder
        What a login sees, for a city that exchanges files; default a temporary one.
    authorized_key
        File with a public key that may log in there; may be repeated.
    """
    if fault == [_HELP]:
        print_table("故障 faults", ("名称 name", "表现", "effect"), [(name, *words) for name, words in FAULTS.items()])
        return 0
    chosen = profile_with(profile, set_ or [])
    faults = faults_of(fault or [], chosen)
    keys = tuple(path.read_text("utf-8").strip() for path in authorized_key or ())
    place = Place(host, port, callback_url, folder, keys)
    try:
        asyncio.run(_until_stopped(chosen, faults, place, pace))
    except KeyError as error:
        name = str(error.args[0])
        variable = "TONGBAN_SECRET_" + name.upper().replace(".", "_").replace("-", "_")
        raise Internal(
            f"The secret {name} is not configured ({variable}).", f"尚未配置密钥{name}（{variable}）。"
        ) from None
    return 0


async def _until_stopped(chosen: CityProfile, faults: Faults, place: Place, pace_s: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(where: dict[str, Any]) -> None:
        sys.stdout.write(orjson.dumps(where).decode() + "\n")
        sys.stdout.flush()
        said = ", ".join(sorted(faults.on)) or "-"
        err.print(f"模拟城市 {chosen.code} {chosen.name} 已启动 is running; 故障 faults: {said}", highlight=False)

    await play(chosen, adapter_context(Settings()), faults, place, pace_s, ready=ready, stop=stop)
