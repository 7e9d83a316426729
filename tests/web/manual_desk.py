"""A gateway that works 赣州 by hand: cases go into packets, nobody else is called."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.cli.processes import ROOT
from gateway.clock import new_id, now
from gateway.domain.access import Role
from tests.gateways import Answer, Gateway, running_gateway, settings_for
from tests.web.conftest import body

CITY = "360700"
PATIENCE_S = 20


@asynccontextmanager
async def open_desk(folder: Path, database_url: str | None, **changes: Any) -> AsyncIterator[Gateway]:
    """Only the profile of 赣州: no simulator is needed."""
    profiles = folder / "profiles"
    profiles.mkdir()
    shutil.copy(ROOT / "seeds" / "cities" / f"{CITY}.yaml", profiles)
    settings = settings_for(folder / "a", database_url, profiles_dir=profiles, **changes)
    async with running_gateway(settings) as gateway:
        yield gateway


async def left(gateway: Gateway, application_id: str, kind: str = "SUBMIT") -> dict[str, Any]:
    """The packet of a case, once it is there and its case says PUSHED."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            listed = await gateway.call("GET", "/v1/manual?state=all&limit=200", role=Role.ADMIN)
            found = [p for p in listed.body["data"] if (p["application_id"], p["kind"]) == (application_id, kind)]
            if found and found[0]["state"] not in ("SUBMITTED", "RECEIVED"):
                return dict(found[0])
            await asyncio.sleep(0.05)


async def handed_in(gateway: Gateway, *, files: tuple[bytes, ...] = (), **changes: Any) -> dict[str, Any]:
    """A case for 赣州, as its packet is listed."""
    whole = body(gateway, city=CITY) | changes
    if files:
        ids = [(await gateway.upload(content, "材料.pdf")).body["file_id"] for content in files]
        whole["materials"][0] = {"material_code": whole["materials"][0]["material_code"], "files": ids}
    taken = await gateway.submit(whole)
    assert taken.status == 202, taken.body
    return await left(gateway, taken.body["application_id"])


async def registered(
    gateway: Gateway, message_id: str, *, key: str | None = None, role: Role = Role.CLERK, **said: Any
) -> Answer:
    """POST a registration that happened now, unless it says when."""
    headers = {} if key is None else {"Idempotency-Key": key}
    whole = {"occurred_at": now().isoformat()} | said
    return await gateway.call("POST", f"/v1/manual/{message_id}/steps", json=whole, role=role, headers=headers)


def later(seconds: float) -> str:
    return (now() + timedelta(seconds=seconds)).isoformat()


__all__ = ["CITY", "handed_in", "later", "left", "new_id", "open_desk", "registered"]
