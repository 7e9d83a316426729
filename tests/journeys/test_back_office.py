"""What others collect for us ends in our own city's back office, and its decision returns to those who collected it."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from gateway.domain.access import Role
from gateway.settings import BackOffice
from gateway.wiring import open_services
from schemas.errors import SeedInvalid
from tests.gateways import settings_for
from tests.journeys.office import OWN, PARTNER, caller, collected, download, office_world, post
from tests.journeys.test_journeys import ended
from tests.journeys.world import Client, until


async def kinds(one: Client, application_id: str) -> list[tuple[str, str]]:
    events = (await one.get(f"/v1/applications/{application_id}/events"))["data"]
    return [(event["type"], event["side"]) for event in events]


async def pushed(one: Client, refs: list[str]) -> None:
    """Wait until the office has every case."""

    async def all_pushed() -> bool:
        return all([("PUSHED", "transit") in await kinds(one, ref) for ref in refs])

    await until(all_pushed, within_s=20, what="the office has every case")


async def test_a_case_ends_in_the_office_and_the_partner_sees_result_and_file(
    tmp_path: Path, database_url: str | None
) -> None:
    async with (
        office_world(tmp_path, database_url, pace="0.05") as world,
        world.gateway() as (_, url),
        caller(world, url, Role.PARTNER, PARTNER) as partner,
    ):
        content = b"%PDF-1.4 " + b"x" * 5000
        file_id = await partner.upload(content)
        assert file_id is not None
        ref = str(await partner.submit(collected(world, 0, [file_id]), "k0"))
        await ended(partner, [ref])
        books = world.books(OWN)
        case = await partner.get(f"/v1/applications/{ref}")
        assert (case["state"], case["outcome"], case["direction"]) == ("DECIDED", "GRANTED", "inbound")
        assert not case["needs_review"]
        assert books.bookings[ref] == [case["case_number"]]
        assert set(books.files_in[ref]) == {hashlib.sha256(content).hexdigest()}
        listed = (await partner.get(f"/v1/applications/{ref}/files"))["data"]
        (result,) = [file for file in listed if file["role"] == "result"]
        assert hashlib.sha256(await download(partner, result["file_id"])).hexdigest() == books.files_out[ref][0]
        chain = await kinds(partner, ref)
        assert chain[:3] == [("SUBMITTED", "collecting"), ("RECEIVED", "collecting"), ("ARRIVED", "system")]
        told = {("PUSHED", "transit"), ("ARRIVED", "deciding"), ("ACCEPTED", "deciding"), ("DECIDED", "deciding")}
        assert told | {("FILE_STORED", "system")} == set(chain[3:])
        assert len(chain) == 8


async def test_the_case_has_arrived_while_the_office_is_down_and_goes_on_when_it_is_up(
    tmp_path: Path, database_url: str | None
) -> None:
    async with (
        office_world(tmp_path, database_url) as world,
        world.gateway() as (_, url),
        caller(world, url, Role.PARTNER, PARTNER) as partner,
        caller(world, url, Role.ADMIN) as admin,
    ):
        await world.control(OWN, down=True)
        refs = [str(await partner.submit(collected(world, n), f"k{n}")) for n in range(12)]

        async def tried() -> bool:
            entries = (await admin.get("/v1/outbox?state=ready"))["data"]
            return len(entries) == 12 and any(entry["tries"] for entry in entries)

        await until(tried, within_s=20, what="the office was tried")
        for ref in refs:
            assert (await partner.get(f"/v1/applications/{ref}"))["state"] == "ARRIVED"
        assert world.books(OWN).bookings == {}
        await world.control(OWN, down=False)
        await ended(partner, refs)
        assert {ref: len(numbers) for ref, numbers in world.books(OWN).bookings.items()} == dict.fromkeys(refs, 1)


async def test_officers_cannot_step_what_the_office_works(tmp_path: Path) -> None:
    async with office_world(tmp_path, None, pace="silent") as world:
        async with (
            world.gateway(TONGBAN_BACK_OFFICE="console") as (_, url),
            caller(world, url, Role.PARTNER, PARTNER) as partner,
        ):
            before = str(await partner.submit(collected(world, 0), "before"))
        async with (
            world.gateway() as (_, url),
            caller(world, url, Role.PARTNER, PARTNER) as partner,
            caller(world, url, Role.OFFICER) as officer,
        ):
            ref = str(await partner.submit(collected(world, 1), "k1"))
            await pushed(partner, [ref])
            status, problem = await post(officer, f"/v1/inbound/{ref}/steps", {"step": "ACCEPTED"})
            assert (status, problem["code"]) == (409, "request.step_not_allowed")
            assert "本市业务系统" in problem["detail_zh"]
            assert (await partner.get(f"/v1/applications/{ref}"))["state"] == "ARRIVED"
            # taken while officers worked here: the office never had it, so it stays theirs
            status, case = await post(officer, f"/v1/inbound/{before}/steps", {"step": "ACCEPTED"})
            assert (status, case["state"]) == (200, "ACCEPTED")
            assert case["case_number"].startswith(case["task_code"])
            assert before not in world.books(OWN).bookings


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ({"repeat": 2}, "DECIDED"),
        ({"reorder": True, "outcome": "supplement"}, "DECIDED"),
        ({"outcome": "rejected"}, "REJECTED"),
        ({"outcome": "returned"}, "RETURNED"),
        ({"outcome": "forwarded"}, "DECIDED"),
        ({"cut_count": 1, "cut_after_booking": True}, "DECIDED"),
        ({"fail_count": 2, "fail_after_booking": True, "fail_status": 500}, "DECIDED"),
        ({"later_count": 2}, "DECIDED"),
    ],
    ids=lambda value: "-".join(f"{name}={one}" for name, one in value.items()) if isinstance(value, dict) else value,
)
async def test_what_the_office_does_leaves_nothing_for_review(
    tmp_path: Path, settings: dict[str, object], state: str
) -> None:
    async with (
        office_world(tmp_path, None, pace="0.05") as world,
        world.gateway() as (_, url),
        caller(world, url, Role.PARTNER, PARTNER) as partner,
    ):
        await world.control(OWN, **settings)
        ref = str(await partner.submit(collected(world, 0), "k"))
        await ended(partner, [ref], results=1 if state == "DECIDED" else 0)
        await asyncio.sleep(0.5)
        case = await partner.get(f"/v1/applications/{ref}")
        assert (case["state"], case["needs_review"]) == (state, False)
        assert world.books(OWN).bookings[ref] == [case["case_number"]]
        seen = [kind for kind, _ in await kinds(partner, ref)]
        assert seen.count("PUSHED") == 1
        assert seen.count("DECIDED") == (state == "DECIDED")
        progress = (await partner.get(f"/v1/applications/{ref}/progress"))["data"]
        assert not any(report["set_aside"] for report in progress)


async def test_a_code_nobody_knows_puts_an_inbound_case_before_a_person(tmp_path: Path) -> None:
    async with (
        office_world(tmp_path, None) as world,
        world.gateway() as (_, url),
        caller(world, url, Role.PARTNER, PARTNER) as partner,
        caller(world, url, Role.ADMIN) as admin,
    ):
        await world.control(OWN, outcome="unknown")
        ref = str(await partner.submit(collected(world, 0), "k"))

        async def reviewed() -> bool:
            return ref in {case["application_id"] for case in (await admin.get("/v1/reviews"))["data"]}

        await until(reviewed, within_s=20, what="the case is under review")
        progress = (await partner.get(f"/v1/applications/{ref}/progress"))["data"]
        assert [report["partner_code"] for report in progress if report["set_aside"]] == ["AWAITING_BUREAU"]


async def test_a_supplement_and_a_withdrawal_reach_the_office(tmp_path: Path) -> None:
    async with (
        office_world(tmp_path, None) as world,
        world.gateway() as (_, url),
        caller(world, url, Role.PARTNER, PARTNER) as partner,
    ):
        await world.control(OWN, outcome="asks")
        given, taken_back = [str(await partner.submit(collected(world, n), f"k{n}")) for n in range(2)]

        async def asked() -> bool:
            states = [(await partner.get(f"/v1/applications/{ref}"))["state"] for ref in (given, taken_back)]
            return states == ["SUPPLEMENT", "SUPPLEMENT"]

        await until(asked, within_s=20, what="the office asks for supplements")
        file_id = await partner.upload(b"%PDF-1.4 supplement")
        supplement = {"materials": [{"material_code": "M01", "files": [file_id]}], "note": "已补齐"}
        key = {"Idempotency-Key": "s"}
        assert (await post(partner, f"/v1/applications/{given}/supplements", supplement, **key))[0] == 202
        withdrawal, key = {"reason": "不再需要"}, {"Idempotency-Key": "w"}
        assert (await post(partner, f"/v1/applications/{taken_back}/withdrawal", withdrawal, **key))[0] == 202
        await ended(partner, [given])
        assert (await partner.get(f"/v1/applications/{given}"))["state"] == "DECIDED"
        digest = hashlib.sha256(b"%PDF-1.4 supplement").hexdigest()

        async def both_there() -> bool:
            books = world.books(OWN)
            events = await kinds(partner, taken_back)
            return digest in books.files_in.get(given, []) and ("WITHDRAWN", "deciding") in events

        await until(both_there, within_s=20, what="the office has both")
        for ref, state in ((given, "DECIDED"), (taken_back, "WITHDRAWN")):
            case = await partner.get(f"/v1/applications/{ref}")
            assert (case["state"], case["needs_review"]) == (state, False)


async def test_an_office_without_an_interface_is_refused_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "cities"
    folder.mkdir()
    text = 'code: "445200"\nname: 揭阳市\nprovenance: {default: fictitious}\ntransport: inbound\n'
    (folder / "445200.yaml").write_text(text, "utf-8")
    settings = settings_for(tmp_path / "gateway", None, profiles_dir=folder, back_office="adapter")
    with pytest.raises(SeedInvalid, match="describes no interface"):
        async with open_services(settings):
            pass
    async with open_services(settings.model_copy(update={"back_office": BackOffice.CONSOLE})) as services:
        assert services.adapters == {}
