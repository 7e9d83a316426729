"""Two gateways that compare by digest: one of them loses a case, and gets it back under its own number."""

from pathlib import Path

import pytest

from gateway.clock import now
from gateway.domain.access import Role
from gateway.domain.days import beijing_day
from gateway.storage.sql import SQL
from tests.gateways import Gateway
from tests.journeys.peer_world import (
    A,
    B,
    Side,
    application_to,
    make_sides,
    pair,
    peer_secrets,
    state_is,
    step,
    until,
    write_profiles,
)
from tests.journeys.test_reconciliation import act, run
from tests.web.conftest import TABLES


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Side, Side]:
    a, b = make_sides(tmp_path)
    for name, value in peer_secrets(a, b).items():
        monkeypatch.setenv(name, value)
    write_profiles(a, b, called=True)
    write_profiles(b, a, called=True)
    return a, b


async def hand_in(gateway: Gateway) -> str:
    answer = await gateway.submit(application_to(B, A, []), city=A)
    assert answer.status == 202, answer.body
    return str(answer.body["application_id"])


async def forget(gateway: Gateway, application_id: str) -> None:
    """As if the gateway had gone back to an old copy of its database."""
    tables = [name for name in TABLES if name not in {"nonces", "files"}]
    async with gateway.services.db.transaction() as tx:
        for name in tables:
            await tx.execute(SQL(f"DELETE FROM {name} WHERE application_id = ?"), application_id)


async def test_a_case_the_peer_lost_is_found_by_digest_and_sent_again(
    sides: tuple[Side, Side], database_url: str | None
) -> None:
    async with pair(sides, {B: database_url}) as both:
        ids = [await hand_in(both.a) for _ in range(6)]
        for one in ids:
            await state_is(both.b, B, one, "ARRIVED")
            await state_is(both.a, A, one, "ARRIVED")
        await step(both.b, B, ids[0], {"step": "ACCEPTED"})
        await state_is(both.a, A, ids[0], "ACCEPTED")
        clean, findings = await run(both.a, B)
        assert (clean["state"], clean["compared"], clean["counts"]["theirs"], findings) == ("CLEAN", "digest", 6, [])
        assert clean["digests"]["ours"] == clean["digests"]["theirs"]
        await forget(both.b, ids[3])
        different, (finding,) = await run(both.a, B)
        assert (different["counts"]["buckets"], different["counts"]["theirs"]) == (1, 5)
        assert (finding["kind"], finding["application_id"], finding["suggested"]) == ("missing_there", ids[3], "RESEND")
        await act(both.a, finding, "RESEND")
        await state_is(both.b, B, ids[3], "ARRIVED")

        async def clean_again() -> bool:
            again, left = await run(both.a, B)
            return (again["state"], left) == ("CLEAN", [])

        await until(clean_again, what="the finding is gone")
        shown = await both.a.call("GET", f"/v1/reconciliation?city={B}&state=closed", role=Role.AUDITOR)
        assert [one["closed_how"] for one in shown.body["data"]] == ["GONE"]


async def test_a_case_only_the_peer_has_is_a_stray(sides: tuple[Side, Side]) -> None:
    async with pair(sides) as both:
        ids = [await hand_in(both.a) for _ in range(2)]
        for one in ids:
            await state_is(both.a, A, one, "ARRIVED")
        await forget(both.a, ids[0])
        _, (finding,) = await run(both.a, B)
        assert (finding["kind"], finding["application_id"], finding["suggested"]) == ("missing_here", ids[0], "SETTLE")
        shown = await both.a.call("GET", f"/v1/reconciliation?city={B}", role=Role.AUDITOR)
        assert [one["day"] for one in shown.body["data"]] == [beijing_day(now()).isoformat()]
