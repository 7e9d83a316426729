"""No name and no ID number in any log line or event, whatever happens to a case; secrets in neither."""

import asyncio
import sqlite3
from pathlib import Path

from gateway.cli.demo_cases import _PEOPLE
from tests.journeys.world import CITIES, UNSAFE, client, open_world, until


async def test_no_personal_data_in_logs_or_events(tmp_path: Path) -> None:
    async with open_world(tmp_path, None) as world, world.gateway() as (_, url), client(world, url) as one:
        faults: dict[str, dict[str, object]] = {
            "441300": {"outcome": "refused"},
            "441500": {"cut_count": 2, "outcome": "rejected"},
            "441400": {"outcome": "unknown"},
            UNSAFE: {"refuse_count": 1},
        }
        for city, settings in faults.items():
            await world.control(city, **settings)
        for number in range(4):
            for city in CITIES:
                await one.submit(world.body(city, number), f"{city}{number}")
            bad = world.body("441300", number) | {"deciding_city": "4413"}
            headers = {"Authorization": f"Bearer {one.token}", "Idempotency-Key": f"bad{number}"}
            async with one.session.post(f"{url}/v1/applications", json=bad, headers=headers) as response:
                assert response.status == 422
            async with one.session.post(f"{url}/v1/callbacks/441300", json=bad) as response:
                assert response.status == 401

        async def some_progress() -> bool:
            connection = sqlite3.connect(tmp_path / "a" / "tongban.sqlite3")
            try:
                (count,) = connection.execute("SELECT COUNT(*) FROM progress").fetchone()
            finally:
                connection.close()
            return bool(count >= 16)

        await until(some_progress, within_s=30, what="progress from all cities")
        await asyncio.sleep(1)
    logs = (tmp_path / "a" / "gateway.log").read_text(encoding="utf-8")
    assert logs.count("request.served") >= 20
    assert "delivery.held" in logs
    connection = sqlite3.connect(tmp_path / "a" / "tongban.sqlite3")
    events = "\n".join(bytes(row[0]).decode() for row in connection.execute("SELECT data FROM events"))
    attempts = "\n".join(str(row) for row in connection.execute("SELECT * FROM attempts"))
    outbox = "\n".join(str(row) for row in connection.execute("SELECT last_detail, last_code FROM outbox"))
    connection.close()
    assert events.count("body_sha256") >= 16
    forbidden = [part for person in _PEOPLE for part in person] + ["0663-0000000", "演示（虚构）有限公司"]
    secrets = [
        value for name, value in world.parties.environment.items() if "SECRET" in name and "DATABASE" not in name
    ]
    for text, where in ((logs, "logs"), (events, "events"), (attempts, "attempts"), (outbox, "outbox")):
        for word in [*forbidden, *secrets, one.token]:
            assert word not in text, f"{where} hold {word!r}"
