"""对账摘要 as a peer asks for it: its own cases, by a digest it can compute itself, and one bucket of them."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import now
from gateway.domain.days import beijing_day
from tests.journeys.peer_world import A, B
from tests.web.peer_caller import Peer, peer_of


@pytest.fixture
async def peer(tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    async with peer_of(tmp_path, database_url, monkeypatch) as running:
        yield running


def own_digest(numbers: list[str], day: str) -> str:
    """From docs/reconciliation.md alone: every case has just arrived."""
    lines = f"tongban-reconciliation-day-v1\n{B} {A} {day}\n"
    for bucket in "0123456789abcdef":
        mine = sorted(one for one in numbers if hashlib.sha256(one.encode()).hexdigest().startswith(bucket))
        text = f"tongban-reconciliation-bucket-v1\n{B} {A} {day} {bucket}\n" + "".join(f"{n} ARRIVED\n" for n in mine)
        lines += f"{bucket} {len(mine)} {hashlib.sha256(text.encode()).hexdigest()}\n"
    return hashlib.sha256(lines.encode()).hexdigest()


async def test_a_peer_can_compare_without_a_list(peer: Peer) -> None:
    numbers = []
    for _ in range(8):
        message = peer.message()
        answer = await peer.call("POST", "/v1/peer/applications", message)
        assert answer.status == 202, answer.body
        numbers.append(message["application_id"])
    day = beijing_day(now()).isoformat()
    answer = await peer.call("GET", f"/v1/peer/digests/{day}")
    assert (answer.status, answer.signed) == (200, True)
    assert (answer.body["collecting_city"], answer.body["deciding_city"], answer.body["day"]) == (B, A, day)
    assert (answer.body["count"], answer.body["sha256"]) == (8, own_digest(numbers, day))
    listed = []
    for bucket in "0123456789abcdef":
        page = await peer.call("GET", f"/v1/peer/digests/{day}/{bucket}")
        assert len(page.body["data"]) == answer.body["buckets"][int(bucket, 16)]["count"]
        listed += [one["application_id"] for one in page.body["data"]]
    assert sorted(listed) == sorted(numbers)
    empty = await peer.call("GET", "/v1/peer/digests/2026-01-01")
    assert (empty.body["count"], empty.body["sha256"]) == (0, own_digest([], "2026-01-01"))


async def test_what_is_no_bucket_is_refused(peer: Peer) -> None:
    for bucket in ("g", "F", "10", "%20"):
        refused = await peer.call("GET", f"/v1/peer/digests/2026-11-23/{bucket}")
        assert (refused.status, refused.body["errors"][0]["pointer"], refused.signed) == (422, "/bucket", True)
