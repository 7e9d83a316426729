"""Two gateways as processes: the deciding one, then both, are killed midway; no case is lost, none doubled."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.cli.calling import issue_token
from gateway.cli.processes import gateway_process
from gateway.cli.seed import load
from gateway.domain.access import Role
from gateway.settings import Settings
from tests.journeys.peer_world import A, B, Side, application_to, make_sides, peer_secrets, write_profiles
from tests.journeys.world import QUICK, kill, until

CASES = 40


def environment(side: Side, secrets: dict[str, str]) -> dict[str, str]:
    return {
        **QUICK,
        **secrets,
        "TONGBAN_CITY": side.city,
        "TONGBAN_NODE": side.city,
        "TONGBAN_DATABASE_URL": "",
        "TONGBAN_PROFILES_DIR": str(side.profiles),
    }


class Caller:
    """Calls one side with tokens of its own; a gateway that is down is called again."""

    def __init__(self, side: Side, session: aiohttp.ClientSession) -> None:
        self._side, self._session = side, session

    async def call(
        self, method: str, path: str, body: object = None, *, role: Role = Role.CLERK, key: str | None = None
    ) -> Any:
        token = issue_token(self._side.ring, caller="t", role=role, city=self._side.city, ttl_s=600)
        sent = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        async with asyncio.timeout(60):
            while True:
                try:
                    async with self._session.request(method, self._side.url + path, json=body, headers=sent) as answer:
                        found = await answer.json(content_type=None)
                        if answer.status < 500:
                            return found
                except (aiohttp.ClientError, ConnectionError):
                    pass
                await asyncio.sleep(0.1)

    async def upload(self, content: bytes, role: Role) -> str:
        token = issue_token(self._side.ring, caller="t", role=role, city=self._side.city, ttl_s=600)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
        url = f"{self._side.url}/v1/files?name=a.pdf"
        async with self._session.post(url, data=content, headers=headers) as answer:
            return str((await answer.json())["file_id"])

    async def inbound(self) -> list[dict[str, Any]]:
        return list((await self.call("GET", "/v1/inbound?limit=200", role=Role.OFFICER))["data"])


@asynccontextmanager
async def two_sides(tmp_path: Path) -> AsyncIterator[tuple[Side, Side, Caller, Caller]]:
    ours, theirs = make_sides(tmp_path)
    write_profiles(ours, theirs, called=True)
    write_profiles(theirs, ours, called=True)
    for side in (ours, theirs):
        await load(Settings(data_dir=side.folder, database_url=None))
    async with aiohttp.ClientSession() as session:
        yield ours, theirs, Caller(ours, session), Caller(theirs, session)


async def accept_and_decide(officer: Caller, cases: list[str]) -> None:
    """Every case accepted and decided with a result file; a step that was taken before a crash is not taken twice."""
    for number, ref in enumerate(cases):
        path = f"/v1/inbound/{ref}/steps"
        await officer.call("POST", path, {"step": "ACCEPTED"}, role=Role.OFFICER)
        file = await officer.upload(b"%PDF result " + str(number).encode(), Role.OFFICER)
        decided = {"step": "DECIDED", "outcome": "GRANTED", "files": [file]}
        await officer.call("POST", path, decided, role=Role.OFFICER)


@pytest.mark.slow
async def test_killed_midway_and_started_again(tmp_path: Path) -> None:
    async with two_sides(tmp_path) as (ours, theirs, clerk, officer):
        secrets = peer_secrets(ours, theirs)
        here = gateway_process(ours.folder, environment(ours, secrets), port=ours.port)
        async with here as (own, _):
            refs: list[str] = []
            async with gateway_process(theirs.folder, environment(theirs, secrets), port=theirs.port) as (peer, _):
                for number in range(CASES):
                    file = await clerk.upload(b"%PDF " + str(number).encode(), Role.CLERK)
                    body = application_to(B, A, [file], number)
                    answer = await clerk.call("POST", "/v1/applications", body, key=f"k{number}")
                    refs.append(answer["application_id"])
                    if number == CASES // 2:
                        await kill(peer)  # some of the cases are there, some on their way, some to come
            async with gateway_process(theirs.folder, environment(theirs, secrets), port=theirs.port) as (peer, _):

                async def arrived() -> bool:
                    return {case["application_id"] for case in await officer.inbound()} == set(refs)

                await until(arrived, within_s=60, what="every case is there")
                assert len(await officer.inbound()) == CASES
                half = refs[: CASES // 2]
                await accept_and_decide(officer, half)
                await kill(peer)  # with what it has to tell still on its way
            await kill(own)
        async with (
            gateway_process(ours.folder, environment(ours, secrets), port=ours.port),
            gateway_process(theirs.folder, environment(theirs, secrets), port=theirs.port),
        ):
            await accept_and_decide(officer, refs[CASES // 2 :])

            async def ended() -> bool:
                return all([await whole(clerk, ref) for ref in refs])

            await until(ended, within_s=90, what="every case is decided and its result here")
            for ref in refs:
                events = (await clerk.call("GET", f"/v1/applications/{ref}/events"))["data"]
                kinds = sorted(event["type"] for event in events)
                wanted = ["ACCEPTED", "ARRIVED", "DECIDED", "FILE_STORED", "PUSHED", "RECEIVED", "SUBMITTED"]
                assert kinds == wanted, json.dumps(events, indent=1)
            assert list((ours.folder / "files" / "incoming").iterdir()) == []


async def whole(clerk: Caller, ref: str) -> bool:
    case = await clerk.call("GET", f"/v1/applications/{ref}")
    files = (await clerk.call("GET", f"/v1/applications/{ref}/files"))["data"]
    return case["state"] == "DECIDED" and not case["needs_review"] and "result" in {one["role"] for one in files}
