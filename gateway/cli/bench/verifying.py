"""核验测速: CPU of one file, tokens over HTTP against a live gateway, and how late an event loop is beside it all."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.cli.bench.measuring import cpu_s, load
from gateway.cli.calling import issue_token
from gateway.cli.processes import ROOT, gateway_process
from gateway.clock import now
from gateway.domain.access import Role
from gateway.evidence.keys import new_ring
from gateway.settings import Settings
from gateway.storage.migrate import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.trust.snapshot import Purpose
from gateway.usecases import trust_store
from gateway.usecases.trust_folder import read_folder
from gateway.usecases.trust_store import Change, Given
from schemas.errors import Internal

_ITEM = "002017900002"


@dataclass(slots=True)
class Options:
    """How long and how much; `files` are measured beside those made for it."""

    rounds: int = 30
    seconds: float = 5.0
    clients: int = 32
    tokens: int = 2000
    files: Sequence[Path] = ()
    trust: Path | None = None


async def measure(folder: Path, options: Options) -> dict[str, Any]:
    """Everything of `bench verify`."""
    corpus = folder / "corpus"
    await _run([sys.executable, "-m", "tests.trust.office.corpus", str(corpus), "--tokens", str(options.tokens)])
    made = sorted((corpus / "files").iterdir(), key=lambda path: path.stat().st_size)
    results = [await _one(path, corpus / "trust", options) for path in made]
    results += [await _one(path, options.trust, options) for path in options.files]
    plan = {
        "trust": str(corpus / "trust"),
        "files": [str(path) for path in made],
        "seconds": options.seconds,
    }
    delay = await _measured(plan)
    return {"results": results, **await _over_http(folder, corpus, options), **delay}


async def _one(path: Path, trust: Path | None, options: Options) -> dict[str, Any]:
    plan = {"trust": None if trust is None else str(trust.resolve()), "files": [str(path.resolve())]}
    found = await _measured(plan | {"rounds": options.rounds})
    return {"file": path.name, "bytes": path.stat().st_size, **found}


async def _measured(plan: dict[str, Any]) -> dict[str, Any]:
    raw = await _run([sys.executable, "-m", "gateway.cli.bench.verifying_one"], json.dumps(plan).encode())
    return dict(json.loads(raw))


async def _run(command: Sequence[str], sent: bytes = b"") -> bytes:
    started = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await started.communicate(sent)
    if started.returncode != 0:
        raise Internal(f"{command[2]} failed.", f"{command[2]} 运行失败。")
    return out


async def _over_http(folder: Path, corpus: Path, options: Options) -> dict[str, Any]:
    """Tokens, each another one, posted and kept with the use they were made for."""
    data = folder / "gateway"
    data.mkdir()
    settings = Settings(data_dir=data, database_url=None, keys_dir=None)
    await _trust(settings, corpus / "trust")
    token = issue_token(new_ring(settings.keys), caller="bench", role=Role.CLERK, city="445200", ttl_s=86_400)
    tokens = json.loads((corpus / "tokens.json").read_text())
    purpose = {"item_code": _ITEM, "operator": "bench"}
    bodies = [json.dumps({"token": one, "purpose": purpose}) for one in tokens]
    headers = {"Authorization": f"Bearer {token}"}
    environment = {"TONGBAN_DATABASE_URL": "", "TONGBAN_LOG_JSON": "true"}
    async with gateway_process(data, environment, options=["--no-lanes"]) as (started, url):
        path = "/v1/licences/verifications"
        sent = {"method": "POST", "headers": headers, "clients": options.clients, "bodies": bodies}
        # each token once: none of the verdicts is kept from before
        before_s = cpu_s(started.pid)
        done = await load(url, path, seconds=120.0, most=len(bodies) - options.clients, **sent)
        spent_us = (cpu_s(started.pid) - before_s) / max(1, done["count"]) * 1e6
    if set(done["statuses"]) != {"201"}:
        raise Internal(f"The gateway answered {done['statuses']}.", "核验请求未全部成功。")
    return {
        "jws_http_per_s": round(done["per_s"], 1),
        "jws_http_p99_ms": round(done["p99_ms"], 2),
        "jws_http_cpu_us": round(spent_us, 1),
    }


async def _trust(settings: Settings, folder: Path) -> None:
    upgrade(settings.synchronous_url)
    db = SqliteDatabase(settings.sqlite_path)
    given = Given((Purpose.SIGNER, Purpose.SEALER), source="bench")
    async with db.transaction() as tx:
        change = Change([(piece, given) for piece in read_folder(folder)])
        await trust_store.change(tx, change, by="bench", now=now())
    await db.close()
