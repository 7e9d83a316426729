"""A city that loses a case, and a city whose reports are lost: found the same day, put right, and clean afterwards."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.processes import process
from gateway.clock import now
from gateway.domain.access import Role
from gateway.domain.days import beijing_day
from gateway.storage.sql import SQL
from tests.gateways import Gateway, running_gateway, settings_for
from tests.journeys.peer_world import free_port
from tests.journeys.world import read_books, until
from tests.web.conftest import body

CITY = "441500"
_SECRET = "journey-secret"


@dataclass
class LosingCity:
    """汕尾 as a process that can be stopped, and its books changed while it is down."""

    folder: Path
    port: int

    @property
    def books(self) -> Path:
        return self.folder / "books.sqlite3"

    @asynccontextmanager
    async def running(self, pace: str) -> AsyncIterator[None]:
        command = [sys.executable, "-m", "tests.simulators.shanwei", "--books", str(self.books), "--pace", pace]
        command += ["--port", str(self.port), "--sid", "tongban-445200", "--appsecret", _SECRET]
        async with process("shanwei", command, {}, self.folder / "shanwei.log") as started:
            assert started.stdout is not None
            async with asyncio.timeout(60):
                assert await started.stdout.readline(), (self.folder / "shanwei.log").read_text()
            yield

    def forget(self, our_ref: str) -> None:
        """As if the city had gone back to an old copy of its books."""
        connection = sqlite3.connect(self.books)
        for table in ("bookings", "steps", "files_in"):
            connection.execute(f"DELETE FROM {table} WHERE our_ref = ?", (our_ref,))
        connection.commit()
        connection.close()


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LosingCity:
    losing = LosingCity(tmp_path, free_port())
    for name, value in {
        f"TONGBAN_CITY_{CITY}_URL": f"http://127.0.0.1:{losing.port}",
        f"TONGBAN_CITY_{CITY}_SETTLE_S": "0",
        f"TONGBAN_CITY_{CITY}_EVERY_S": "3600",  # nothing is polled by itself: what was told is as good as lost
        f"TONGBAN_SECRET_{CITY}_APPSECRET": _SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    return losing


async def run(gateway: Gateway, city: str = CITY) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    wanted = {"city": city, "day": beijing_day(now()).isoformat()}
    answer = await gateway.call("POST", "/v1/reconciliation/runs", json=wanted, role=Role.ADMIN)
    assert answer.status == 200, answer.body
    return answer.body["run"], answer.body["findings"]


async def act(gateway: Gateway, finding: dict[str, Any], what: str) -> dict[str, Any]:
    path = f"/v1/reconciliation/findings/{finding['finding_id']}/act"
    answer = await gateway.call("POST", path, json={"act": what}, role=Role.ADMIN)
    assert answer.status == 200, answer.body
    return dict(answer.body)


async def events(gateway: Gateway, application_id: str) -> list[str]:
    shown = await gateway.call("GET", f"/v1/applications/{application_id}/events")
    return [event["type"] for event in shown.body["data"]]


async def handed_in(gateway: Gateway, count: int) -> list[str]:
    """Cases the city has taken."""
    answers = [await gateway.submit(body(gateway, city=CITY)) for _ in range(count)]
    ids = [str(answer.body["application_id"]) for answer in answers]

    async def pushed() -> bool:
        return all(["PUSHED" in await events(gateway, one) for one in ids])

    await until(pushed, within_s=60, what="every case is with the city")
    return ids


async def test_a_case_the_city_lost_is_found_sent_again_and_clean(
    tmp_path: Path, database_url: str | None, city: LosingCity
) -> None:
    async with running_gateway(settings_for(tmp_path / "gateway", database_url)) as gateway:
        async with city.running("silent"):
            ids = await handed_in(gateway, 3)
            clean, findings = await run(gateway)
            assert (clean["state"], clean["counts"]["ours"], findings) == ("CLEAN", 3, [])
        lost = ids[1]
        city.forget(lost)
        async with city.running("silent"):
            different, (finding,) = await run(gateway)
            assert different["state"] == "DIFFERENT"
            assert (finding["kind"], finding["application_id"], finding["suggested"]) == (
                "missing_there",
                lost,
                "RESEND",
            )
            asked = await act(gateway, finding, "QUERY")
            assert asked["acts"][-1]["code"] == "absent"
            await act(gateway, finding, "RESEND")

            async def booked_again() -> bool:
                return lost in read_books(city.books).bookings

            await until(booked_again, within_s=60, what="the city has the case again")

            async def noted() -> bool:
                return (await events(gateway, lost)).count("PUSHED") == 2

            await until(noted, within_s=60, what="the second delivery is in the chain")
            again, findings = await run(gateway)
            assert (again["state"], again["counts"]["gone"], findings) == ("CLEAN", 1, [])
            books = read_books(city.books)
            assert [len(books.bookings[one]) for one in ids] == [1, 1, 1]
            shown = await gateway.call("GET", f"/v1/applications/{lost}")
            assert shown.body["case_number"] == books.bookings[lost][0]


async def test_reports_that_were_lost_are_asked_for_again(tmp_path: Path, city: LosingCity) -> None:
    async with running_gateway(settings_for(tmp_path / "gateway", None)) as gateway, city.running("0"):
        ids = await handed_in(gateway, 2)

        async def decided() -> bool:
            connection = sqlite3.connect(f"file:{city.books}?mode=ro", uri=True)
            steps = [row[0] for row in connection.execute("SELECT step FROM steps")]
            connection.close()
            return steps.count("DECIDED") == 2

        await until(decided, within_s=60, what="the city has decided both")
        _, findings = await run(gateway)
        assert {(one["kind"], one["ours"], one["theirs"], one["suggested"]) for one in findings} == {
            ("state_differs", "ARRIVED", "DECIDED/GRANTED", "QUERY")
        }
        asked = await act(gateway, findings[0], "QUERY")
        assert (asked["acts"][-1]["state"], asked["acts"][-1]["code"]) == ("DONE", "heard")

        async def here() -> bool:
            return all(["FILE_STORED" in await events(gateway, one) for one in ids])

        await until(here, within_s=60, what="both results are here")
        clean, findings = await run(gateway)
        assert (clean["state"], clean["counts"]["gone"], findings) == ("CLEAN", 2, [])
        cursor = await gateway.services.db.fetch(SQL("SELECT cursor FROM cursors WHERE city = ?"), CITY)
        assert [row[0] for row in cursor] in ([], [None])  # the polling stands where it stood
