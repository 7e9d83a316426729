"""Simulated cities for tests: a city's simulator as a process of its own, and the adapter that speaks to it."""

import asyncio
import json
import os
import secrets
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh

from adapters.contract import Adapter, AdapterContext
from adapters.profile import CityProfile, load_profile
from adapters.registry import build_adapter
from gateway.evidence.jws import RawSigner
from gateway.evidence.keys import create_key, current_kid, load_keys

ROOT = Path(__file__).resolve().parents[2]
READY_S = 30
UNSAFE = "999900"
SOAP12 = "999800"
_TEST_PROFILES = {UNSAFE: "unsafe.yaml", SOAP12: "soap12.yaml"}
CITIES = ("441300", "441500", "441400", UNSAFE, "440500", SOAP12, "445100", "445200", "350600")
_MODULES = {
    "441300": "huizhou",
    "441500": "shanwei",
    "441400": "meizhou",
    UNSAFE: "shanwei",
    "440500": "shantou",
    SOAP12: "shantou",
    "445100": "chaozhou",
    "445200": "jieyang",
    "350600": "zhangzhou",
}


@dataclass
class SimulatedCity:
    """One running city. `url` is its control page, `books` its own SQLite file, `ahead_s` moves our clock."""

    code: str
    profile: CityProfile
    settings: dict[str, str]
    secrets: dict[str, str]
    url: str
    books: Path
    process: asyncio.subprocess.Process
    ahead_s: float = 0.0
    context: AdapterContext = field(init=False)
    adapter: Adapter = field(init=False)

    def __post_init__(self) -> None:
        ring = load_keys(self.books.parent / "keys")
        self.context = AdapterContext(
            self._now,
            lambda name: self.secrets[name],
            lambda: secrets.token_hex(16),
            signer=None if ring is None else lambda: RawSigner(ring),
        )
        self.adapter = build_adapter(self.profile, self.context)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(time.time_ns() / 1e9, UTC) + timedelta(seconds=self.ahead_s)

    async def control(self, **settings: Any) -> dict[str, Any]:
        """Change the simulator's settings; all of them as they are now."""
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}/_control", json=settings) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return dict(json.loads(text))

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the city's own books: deliveries, bookings, files_in, files_out, steps."""
        with closing(sqlite3.connect(f"file:{self.books}?mode=ro", uri=True, timeout=10)) as db:
            return list(db.execute(sql, values))

    def bookings(self, application_id: object) -> list[str]:
        """The case numbers booked for an application."""
        sql = "select case_number from bookings where our_ref = ? order by rowid"
        return [str(row[0]) for row in self.rows(sql, str(application_id))]

    def environment(self) -> dict[str, str]:
        """The TONGBAN_* variables with which a gateway process reaches this city."""
        named = {f"TONGBAN_CITY_{self.code}_{name.upper()}": value for name, value in self.settings.items()}
        hidden = {f"TONGBAN_SECRET_{name.upper().replace('.', '_')}": value for name, value in self.secrets.items()}
        return named | hidden


def profile_path(code: str) -> Path:
    if code in _TEST_PROFILES:
        return Path(__file__).with_name(_TEST_PROFILES[code])
    return ROOT / "seeds" / "cities" / f"{code}.yaml"


def _speaking(
    code: str, tmp_path: Path, callback_url: str | None, exchange_url: str | None
) -> tuple[dict[str, str], list[str]]:
    """Secrets of ours, and the simulator's options that agree with them."""
    if code == "441300":
        token, inbound = secrets.token_hex(8), secrets.token_hex(8)
        options = ["--token", token, "--inbound-token", inbound, "--paasid", "tongban-445200"]
        options += ["--callback-url", callback_url or ""]
        return {f"{code}.tif_token": token, f"{code}.tif_inbound_token": inbound}, options
    if code == "445200":
        going, coming = secrets.token_hex(8), secrets.token_hex(8)
        options = ["--key", going, "--inbound-key", coming, "--callback-url", callback_url or ""]
        return {f"{code}.office_key": going, f"{code}.office_inbound_key": coming}, options
    if code == "350600":  # its own public key is told when it has started
        ours = tmp_path / "keys"
        if current_kid(ours) is None:
            create_key(ours)
        return {}, ["--key", str(tmp_path / f"{code}.pem"), "--peer-keys", str(ours)]
    if code == "441400":
        url = exchange_url or f"sqlite:///{tmp_path}/exchange-{code}.sqlite3"
        return {f"{code}.database_url": url}, ["--database", url, "--poll", "0.05"]
    if code == "445100":
        key = asyncssh.generate_private_key("ssh-ed25519")
        options = ["--root", str(tmp_path / "sftp"), "--poll", "0.05"]
        options += ["--authorized-key", key.export_public_key().decode().strip()]
        return {f"{code}.sftp_key": key.export_private_key().decode()}, options
    appsecret = secrets.token_hex(8)
    options = ["--sid", "tongban-445200", "--appsecret", appsecret, *(["--idempotent"] if code == SOAP12 else [])]
    return {f"{code}.appsecret": appsecret}, options


async def _ready_line(process: asyncio.subprocess.Process, log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(READY_S):
        line = await process.stdout.readline()
    assert line, f"the simulator did not start:\n{log.read_text()}"
    return dict(json.loads(line))


def _told(ready: Mapping[str, Any]) -> dict[str, str]:
    """Our profile's settings that agree with what the simulator says of itself."""
    if "sftp_port" not in ready:
        return {"url": str(ready["url"])}
    quick = {"batch_s": "0.2", "retry_s": "0.2", "in_flight": "64"}
    return {"sftp_port": str(ready["sftp_port"]), "host_key": str(ready["host_key"]), **quick}


def _unmeasured() -> dict[str, str]:
    """A simulator is no code of ours: what measures coverage in our processes would only slow it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


@asynccontextmanager
async def simulated_city(
    code: str,
    tmp_path: Path,
    callback_url: str | None = None,
    config: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
    port: int = 0,
    exchange_url: str | None = None,
) -> AsyncIterator[SimulatedCity]:
    """Start a city's simulator, give its adapter, stop both.

    `config` are the simulator's settings, `settings` fill our profile's ${name} places; `exchange_url` is 梅州's
    database, else a file in `tmp_path`. Starting again with the same `tmp_path` goes on with the same books.
    """
    books, log = tmp_path / f"books-{code}.sqlite3", tmp_path / f"city-{code}.log"
    hidden, options = _speaking(code, tmp_path, callback_url, exchange_url)
    command = [sys.executable, "-m", f"tests.simulators.{_MODULES[code]}", "--books", str(books), "--port", str(port)]
    command += ["--config", json.dumps(dict(config or {})), *options]
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=_unmeasured(), stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    try:
        ready = await _ready_line(process, log)
        url = str(ready["url"])
        filled = {**_told(ready), **(settings or {})}
        if "jwks" in ready:
            hidden[f"{code}.peer_keys"] = json.dumps(ready["jwks"])
        city = SimulatedCity(code, load_profile(profile_path(code), filled), filled, hidden, url, books, process)
        try:
            yield city
        finally:
            await city.adapter.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
