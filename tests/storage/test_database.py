"""Both drivers behave alike: reads, multi-row inserts, savepoints, rollback, group commit."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.storage import sqlite
from gateway.storage.database import Database
from gateway.storage.group_commit import GroupCommit
from gateway.storage.migrate import upgrade
from gateway.storage.sql import SQL, Insert
from gateway.storage.sqlite import SqliteDatabase
from schemas.errors import Busy

INSERT = Insert("reference", ("kind", "code", "body"), "ON CONFLICT DO NOTHING RETURNING code")
COUNT = SQL("SELECT COUNT(*) FROM reference WHERE kind = ?")
SELECT = SQL("SELECT code, body FROM reference WHERE kind = ? AND code IN_LIST ? ORDER BY code")


def rows(kind: str, count: int) -> list[tuple[str, str, bytes]]:
    return [(kind, f"{n:04d}", b"x") for n in range(count)]


@pytest.mark.parametrize("count", [1, 3, 16, 63, 64, 150])
async def test_multi_row_insert_returns_only_what_was_new(db: Database, count: int) -> None:
    async with db.transaction() as tx:
        first = await tx.insert(INSERT, rows("k", count))
        again = await tx.insert(INSERT, rows("k", count + 1))
    assert len(first) == count
    assert [row[0] for row in again] == [f"{count:04d}"]
    found = await db.fetch_one(COUNT, "k")
    assert found is not None
    assert found[0] == count + 1


async def test_lists_bind_as_one_parameter(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.insert(INSERT, rows("k", 5))
    found = await db.fetch(SELECT, "k", ["0001", "0003", "9999"])
    assert [(row[0], bytes(row[1])) for row in found] == [("0001", b"x"), ("0003", b"x")]


async def test_a_failed_transaction_leaves_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction() as tx:
            await tx.insert(INSERT, rows("k", 2))
            raise RuntimeError
    found = await db.fetch_one(COUNT, "k")
    assert found is not None
    assert found[0] == 0


async def test_a_savepoint_is_undone_alone(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.insert(INSERT, rows("before", 1))
        with pytest.raises(RuntimeError):
            async with tx.savepoint():
                await tx.insert(INSERT, rows("inside", 1))
                raise RuntimeError
        await tx.insert(INSERT, rows("after", 1))
    counts = [row[0] for kind in ("before", "inside", "after") for row in await db.fetch(COUNT, kind)]
    assert counts == [1, 0, 1]


async def test_concurrent_transactions_all_commit(db: Database) -> None:
    async def one(number: int) -> None:
        async with db.transaction() as tx:
            await tx.insert(INSERT, [("k", str(number), b"x")])
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(one(number))
    found = await db.fetch_one(COUNT, "k")
    assert found is not None
    assert found[0] == 20


async def test_group_commit_gathers_and_a_bad_unit_spoils_no_neighbour(db: Database) -> None:
    sizes: list[int] = []

    async def commit(units: Sequence[str]) -> list[str | Exception]:
        sizes.append(len(units))
        async with db.transaction() as tx:
            await tx.insert(INSERT, [("k", unit, b"x") for unit in units])
            if "bad" in units:
                raise ValueError("bad unit")
        return list(units)

    group_commit: GroupCommit[str, str] = GroupCommit(commit)
    async with asyncio.TaskGroup() as group:
        group.create_task(group_commit.run())
        results = await asyncio.gather(
            *(group_commit.put(unit) for unit in ["a", "b", "bad", "c"]), return_exceptions=True
        )
        group_commit.close()
    assert results[:2] == ["a", "b"]
    assert isinstance(results[2], ValueError)
    assert results[3] == "c"
    assert sizes[0] == 4
    found = await db.fetch_one(COUNT, "k")
    assert found is not None
    assert found[0] == 3
    with pytest.raises(Busy):
        await group_commit.put("late")


async def test_a_second_writer_on_sqlite_is_waited_for_without_stopping_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "two.sqlite3"
    upgrade(f"sqlite:///{path}")
    other, ours = SqliteDatabase(path), SqliteDatabase(path)
    turns = 0
    try:
        async with asyncio.TaskGroup() as group, other.transaction() as tx:
            await tx.insert(INSERT, rows("other", 1))
            task = group.create_task(_insert(ours))
            while turns < 20:
                await asyncio.sleep(0.005)
                turns += 1
            assert not task.done()
            assert (await ours.fetch(COUNT, "ours"))[0][0] == 0, "reading goes on meanwhile"
        assert (await ours.fetch(COUNT, "ours"))[0][0] == 1
    finally:
        await ours.close()
        await other.close()


async def _insert(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.insert(INSERT, rows("ours", 1))


async def test_a_writer_that_never_ends_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PATIENCE_S", 0.05)
    path = tmp_path / "two.sqlite3"
    upgrade(f"sqlite:///{path}")
    other, ours = SqliteDatabase(path), SqliteDatabase(path)
    try:
        async with other.transaction():
            with pytest.raises(Busy):
                await _insert(ours)
        await _insert(ours)
    finally:
        await ours.close()
        await other.close()
