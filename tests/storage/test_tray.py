"""The tray: numbers without gaps, given once; a message is seen once it is whole, and taken once."""

import asyncio
from pathlib import Path

from gateway.storage import tray
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.tray import StoredTray


async def test_numbers_are_given_once_and_without_gaps(db: Database, tmp_path: Path) -> None:
    left = StoredTray(db, FileStore(tmp_path / "files"), lambda: 1000)
    ids = [f"m{number}" for number in range(12)]
    numbers = await asyncio.gather(*(left.reserve("360700", one, "case", "SUBMIT") for one in ids))
    assert sorted(numbers) == list(range(1, 13))
    again = await asyncio.gather(*(left.reserve("360700", one, "case", "SUBMIT") for one in ids))
    assert again == numbers
    assert await left.reserve("350600", "other", "case", "SUBMIT") == 1


async def test_a_message_is_seen_once_it_is_put_and_stays_as_it_was(db: Database, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    left = StoredTray(db, store, lambda: 1000)
    await left.reserve("360700", "m1", "case", "SUBMIT")
    assert await tray.waiting(db, "360700", 0, 10) == []
    assert await tray.get(db, "m1") is None
    await left.put("m1", b"{}", b"zip")
    await left.put("m1", b'{"other": 1}')
    (seen,) = await tray.waiting(db, "360700", 0, 10)
    assert (seen.body, seen.number, seen.packet_bytes) == (b"{}", 1, 3)
    assert seen.packet_sha256 is not None
    assert store.path(seen.packet_sha256).read_bytes() == b"zip"
    assert await tray.get(db, "m1") == seen
    assert await tray.of_case(db, "case") == [seen]


async def test_a_message_is_taken_once(db: Database, tmp_path: Path) -> None:
    left = StoredTray(db, FileStore(tmp_path / "files"), lambda: 1000)
    for number in (1, 2):
        await left.reserve("360700", f"m{number}", "case", "SUBMIT")
        await left.put(f"m{number}", b"{}")
    async with db.transaction() as tx:
        assert await tray.take(tx, "m1", "clerk-1", 2000)
        assert not await tray.take(tx, "m1", "clerk-2", 3000)
    assert [one.message_id for one in await tray.waiting(db, "360700", 0, 10)] == ["m2"]
    (first, second) = await tray.page(db, "360700", 0, 10)
    assert (first.taken_by, first.taken_at_ms, second.taken_by) == ("clerk-1", 2000, None)
    assert await tray.page(db, "360700", 1, 10) == [second]
