"""演示进程: a gateway and simulated cities as processes of their own, on free loopback ports, in one folder.

The simulators live in the source tree (tests/simulators); an installed wheel has none and says so.
"""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import orjson

from schemas.errors import Internal

ROOT = Path(__file__).resolve().parents[2]
_START_S = 30.0
_STOP_S = 25.0
_PAASID = "tongban-445200"
SIMULATED = {
    "441300": "huizhou",
    "441500": "shanwei",
    "441400": "meizhou",
    "440500": "shantou",
    "445100": "chaozhou",
    "445200": "jieyang",
    "350600": "zhangzhou",
}
"""City → module of tests/simulators that plays it; 445200 is our own city's back office."""
PARTNERS = {city: module for city, module in SIMULATED.items() if city != "445200"}
"""Those that decide what we collect."""
BY_HAND = {"360700": "ganzhou"}
"""Cities without a system → module of the robot clerk that works our worklist; it needs a gateway to begin."""


@dataclass(slots=True)
class Parties:
    """Who takes part: secrets and addresses as environment variables, books as files."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def books(self, city: str) -> Path:
        """The SQLite file with a simulated city's own books."""
        return self.folder / f"books-{city}.sqlite3"

    @property
    def exchange_url(self) -> str:
        """The exchange database of 梅州."""
        return f"sqlite:///{self.folder / 'exchange-441400.sqlite3'}"


def require_simulators() -> None:
    """Internal unless the source tree with its simulators is here."""
    if not (ROOT / "tests" / "simulators" / "huizhou.py").is_file():
        raise Internal(
            "The simulators come with the source tree, not with the package. Clone the repository and run ./run demo.",
            "模拟城市只随源代码提供，安装包中没有。请克隆代码仓库后运行 ./run demo。",
        )


@asynccontextmanager
async def process(
    name: str, command: Sequence[str], environment: Mapping[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that is stopped on leaving: SIGTERM, then SIGKILL. Its stderr goes to `log`."""
    with log.open("ab") as sink:
        started = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_S):
                    await started.wait()
            except TimeoutError:
                started.kill()
                await started.wait()


async def _ready(name: str, started: asyncio.subprocess.Process, log: Path) -> dict[str, Any]:
    assert started.stdout is not None  # noqa: S101 - piped
    try:
        async with asyncio.timeout(_START_S):
            line = await started.stdout.readline()
        return dict(orjson.loads(line))
    except (TimeoutError, ValueError):
        raise Internal(f"{name} did not start; see {log}.", f"{name} 未能启动，详见 {log}。") from None


@asynccontextmanager
async def simulated_cities(
    parties: Parties, cities: Mapping[str, str] = SIMULATED, *, pace: str = "0.3"
) -> AsyncIterator[None]:
    """Start simulators (module by city) and note their addresses and secrets in `parties`."""
    async with AsyncExitStack() as stack:
        for city, module in cities.items():
            log = parties.folder / f"{module}-{city}.log"
            command = [sys.executable, "-m", f"tests.simulators.{module}", "--books", str(parties.books(city))]
            command += ["--port", "0", "--pace", pace, *_options(city, module, parties)]
            started = await stack.enter_async_context(process(module, command, {}, log))
            _note(city, parties, await _ready(module, started, log))
        yield


@asynccontextmanager
async def robot_clerks(parties: Parties, url: str, token: str, *, pace: str = "0.3") -> AsyncIterator[None]:
    """Start the clerks of BY_HAND against the gateway at `url`, each with a clerk's token of our own city."""
    async with AsyncExitStack() as stack:
        for city, module in BY_HAND.items():
            log = parties.folder / f"{module}-{city}.log"
            command = [sys.executable, "-m", f"tests.simulators.{module}", "--books", str(parties.books(city))]
            command += ["--port", "0", "--pace", pace, "--gateway", url, "--token", token]
            started = await stack.enter_async_context(process(module, command, {}, log))
            parties.urls[city] = str((await _ready(module, started, log))["url"])
        yield


def _note(city: str, parties: Parties, ready: Mapping[str, Any]) -> None:
    """Where the city is. One that takes batches gets them every half second here, not every hour."""
    prefix = f"TONGBAN_CITY_{city}_"
    parties.urls[city] = parties.environment[f"{prefix}URL"] = str(ready["url"])
    if "jwks" in ready:
        parties.environment[f"TONGBAN_SECRET_{city}_PEER_KEYS"] = orjson.dumps(ready["jwks"]).decode()
        parties.environment[f"{prefix}EVERY_S"] = "0.5"
    if "sftp_port" in ready:
        quick = {"BATCH_S": "0.5", "RETRY_S": "0.5", "EVERY_S": "0.5", "TIMEOUT_S": "30"}
        settings = {"SFTP_PORT": str(ready["sftp_port"]), "HOST_KEY": str(ready["host_key"]), **quick}
        parties.environment |= {f"{prefix}{name}": value for name, value in settings.items()}


def _options(city: str, module: str, parties: Parties) -> list[str]:
    """Each city's own options; fresh secrets, told to the gateway through the environment only."""
    if module == "meizhou":
        parties.environment[f"TONGBAN_SECRET_{city}_DATABASE_URL"] = parties.exchange_url
        return ["--database", parties.exchange_url]
    if module == "chaozhou":
        key = asyncssh.generate_private_key("ssh-ed25519")
        parties.environment[f"TONGBAN_SECRET_{city}_SFTP_KEY"] = key.export_private_key().decode()
        root = str(parties.folder / f"sftp-{city}")
        return ["--root", root, "--authorized-key", key.export_public_key().decode().strip()]
    if module == "zhangzhou":
        return ["--key", str(parties.folder / f"{city}.pem"), "--peer-keys", str(parties.folder / "keys")]
    first, second = secrets.token_hex(16), secrets.token_hex(16)
    if module == "jieyang":
        parties.environment[f"TONGBAN_SECRET_{city}_OFFICE_KEY"] = first
        parties.environment[f"TONGBAN_SECRET_{city}_OFFICE_INBOUND_KEY"] = second
        return ["--city", city, "--key", first, "--inbound-key", second, "--callback-url", "http://127.0.0.1:9"]
    if module == "huizhou":
        parties.environment[f"TONGBAN_SECRET_{city}_TIF_TOKEN"] = first
        parties.environment[f"TONGBAN_SECRET_{city}_TIF_INBOUND_TOKEN"] = second
        return [
            "--token",
            first,
            "--inbound-token",
            second,
            "--paasid",
            _PAASID,
            "--callback-url",
            "http://127.0.0.1:9",
        ]
    parties.environment[f"TONGBAN_SECRET_{city}_APPSECRET"] = first
    return ["--sid", _PAASID, "--appsecret", first]


@asynccontextmanager
async def gateway_process(
    folder: Path, environment: Mapping[str, str], *, port: int = 0, options: Sequence[str] = ()
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`tongban serve` on a data folder; gives the process and its base URL once it answers."""
    log = folder / "gateway.log"
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), *options]
    variables = {"TONGBAN_DATA_DIR": str(folder), **environment}
    async with process("gateway", command, variables, log) as started:
        yield started, await note_url(folder, started, log)


async def note_url(folder: Path, started: asyncio.subprocess.Process, log: Path) -> str:
    """The base URL a gateway writes into its data folder once its port is open."""
    note = folder / "gateway.json"
    try:
        async with asyncio.timeout(_START_S):
            while started.returncode is None:
                if note.is_file() and (text := note.read_bytes()) and orjson.loads(text)["pid"] == started.pid:
                    return str(orjson.loads(text)["url"])
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    raise Internal(f"The gateway did not start; see {log}.", f"网关未能启动，详见 {log}。")
