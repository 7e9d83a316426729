"""Cases travel to every city, and what we say of them is what the cities' own books say."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from gateway.domain.access import Role
from schemas.agreement import Mode
from tests.journeys.world import CITIES, UNSAFE, Client, World, client, open_world, until


async def ended(one: Client, application_ids: list[str], results: int = 1) -> None:
    """Wait until every case has ended and its result is here."""

    async def all_done() -> bool:
        for application_id in application_ids:
            case = await one.get(f"/v1/applications/{application_id}")
            if not case["ended"]:
                return False
            files = (await one.get(f"/v1/applications/{application_id}/files"))["data"]
            if sum(file["role"] == "result" for file in files) < results:
                return False
        return True

    await until(all_done, within_s=40, what="all cases ended with their results")


async def test_many_cases_to_every_city_at_once(tmp_path: Path, database_url: str | None) -> None:
    async with (
        open_world(tmp_path, database_url) as world,
        world.gateway() as (_, url),
        client(world, url) as one,
    ):
        content = b"%PDF-1.4 " + b"x" * 5000
        file_id = await one.upload(content)
        assert file_id is not None
        cities = [city for city in CITIES for _ in range(12)]
        bodies = [
            world.body(city, n, mode=(Mode.ONLINE, Mode.COLLECT)[n % 2], files=[file_id])
            for n, city in enumerate(cities)
        ]
        ids = await asyncio.gather(*(one.submit(body, f"k{n}") for n, body in enumerate(bodies)))
        assert all(ids)
        known = [str(one_id) for one_id in ids]
        await ended(one, known)
        for application_id, city, body in zip(known, cities, bodies, strict=True):
            await check_case(world, one, application_id, city, str(body["item_code"]), content)


async def check_case(world: World, one: Client, application_id: str, city: str, item_code: str, sent: bytes) -> None:
    books = world.books(city)
    case = await one.get(f"/v1/applications/{application_id}")
    assert books.bookings[application_id] == [case["case_number"]]
    assert case["state"] == "DECIDED"
    assert case["outcome"] == "GRANTED"
    assert not case["needs_review"]
    if city == "441300":
        assert item_code in case["case_number"]
    assert set(books.files_in[application_id]) == {hashlib.sha256(sent).hexdigest()}
    files = (await one.get(f"/v1/applications/{application_id}/files"))["data"]
    assert {file["sha256"] for file in files if file["role"] == "result"} == set(books.files_out[application_id])
    events = await one.get(f"/v1/applications/{application_id}/events")
    assert events["chain"]["broken_at"] is None
    kinds = [event["type"] for event in events["data"]]
    assert kinds[0] == "SUBMITTED"
    assert {"PUSHED", "ARRIVED", "ACCEPTED", "DECIDED", "FILE_STORED"} <= set(kinds)
    assert kinds.count("PUSHED") == 1


@pytest.mark.parametrize("fault", ["repeat", "reorder"])
async def test_repeated_and_reordered_progress_changes_nothing(tmp_path: Path, fault: str) -> None:
    async with (
        open_world(tmp_path, None, pace="0.05") as world,
        world.gateway() as (_, url),
        client(world, url) as one,
    ):
        for city in CITIES:
            await world.control(city, **({"repeat": 2} if fault == "repeat" else {"reorder": True}))
        ids = [await one.submit(world.body(city, n), f"{city}{n}") for city in CITIES for n in range(3)]
        known = [str(one_id) for one_id in ids]
        await ended(one, known)
        await asyncio.sleep(0.5)
        for application_id in known:
            case = await one.get(f"/v1/applications/{application_id}")
            assert case["state"] == "DECIDED", case
            assert not case["needs_review"]
            kinds = [e["type"] for e in (await one.get(f"/v1/applications/{application_id}/events"))["data"]]
            assert kinds.count("DECIDED") == 1
            assert kinds.count("FILE_STORED") == 1


async def test_an_unknown_status_puts_the_case_before_a_person(tmp_path: Path) -> None:
    async with (
        open_world(tmp_path, None) as world,
        world.gateway() as (_, url),
        client(world, url) as one,
        client(world, url, Role.ADMIN) as admin,
    ):
        for city in CITIES:
            await world.control(city, outcome="unknown")
        ids = [str(await one.submit(world.body(city, 0), city)) for city in CITIES]

        async def all_reviewed() -> bool:
            listed = {case["application_id"] for case in (await admin.get("/v1/reviews"))["data"]}
            return set(ids) <= listed

        await until(all_reviewed, within_s=20, what="every case is under review")
        for application_id in ids:
            progress = (await one.get(f"/v1/applications/{application_id}/progress"))["data"]
            odd = [report for report in progress if report["set_aside"]]
            assert [report["step"] for report in odd] == ["UNKNOWN"]
            assert odd[0]["partner_code"]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("rejected", "REJECTED"), ("supplement", "DECIDED"), ("refused", "DECIDED"), ("returned", None)],
)
async def test_other_endings(tmp_path: Path, outcome: str, state: str | None) -> None:
    async with (
        open_world(tmp_path, None, pace="0.05") as world,
        world.gateway() as (_, url),
        client(world, url) as one,
    ):
        for city in CITIES:
            await world.control(city, outcome=outcome)
        ids = {city: str(await one.submit(world.body(city, 0), city)) for city in CITIES}
        await ended(one, list(ids.values()), results=0)
        for application_id in ids.values():
            case = await one.get(f"/v1/applications/{application_id}")
            assert not case["needs_review"]
            assert state in {None, case["state"]}
            if outcome in {"rejected", "refused"}:
                progress = (await one.get(f"/v1/applications/{application_id}/progress"))["data"]
                assert progress[-1]["reason"]


async def test_a_refused_message_waits_for_a_person_and_can_be_replayed(tmp_path: Path) -> None:
    async with (
        open_world(tmp_path, None) as world,
        world.gateway() as (_, url),
        client(world, url) as one,
        client(world, url, Role.ADMIN) as admin,
    ):
        cities = [city for city in CITIES if city not in {"441400", "445100"}]  # these say it later
        for city in cities:
            await world.control(city, refuse_count=1)
        ids = [str(await one.submit(world.body(city, 0), city)) for city in cities]

        async def all_held() -> bool:
            return len((await admin.get("/v1/outbox?state=held"))["data"]) == len(cities)

        await until(all_held, within_s=20, what="every message is held")
        held = (await admin.get("/v1/outbox?state=held"))["data"]
        assert {entry["last_code"] for entry in held} == {"partner.refused"}
        for entry in held:
            headers = {"Authorization": f"Bearer {admin.token}"}
            path = f"{url}/v1/outbox/{entry['message_id']}/replay"
            async with admin.session.post(path, headers=headers) as response:
                assert response.status == 202
        await ended(one, ids)
        assert UNSAFE in cities
