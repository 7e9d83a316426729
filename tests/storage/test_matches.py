"""Decisions about matching items: every one is kept, the newest of a pair counts, whichever way it was asked."""

from dataclasses import replace

from gateway.storage import matches
from gateway.storage.database import Database
from gateway.storage.matches import Match

FIRST = Match("441300", "A", "445200", "B", "same", 875, "演示窗口", 1000, "演示")


async def put(db: Database, *given: Match) -> None:
    async with db.transaction() as tx:
        for match in given:
            await matches.put(tx, match)


async def test_the_newest_decision_of_a_pair_counts_and_the_others_are_kept(db: Database) -> None:
    second = replace(FIRST, decision="different", score_permille=None, at_ms=2000, note=None)
    other = replace(FIRST, right_city="441500")
    await put(db, second, FIRST, other)
    assert await matches.history(db) == [other, FIRST, second]
    assert await matches.current(db) == [other, second]
    assert await matches.between(db, "445200", "441300") == [second]
    assert await matches.between(db, "441300", "445200") == [second]
    async with db.transaction() as tx:
        assert await matches.last_at_ms(tx, ("441300", "A"), ("445200", "B")) == 2000
        assert await matches.last_at_ms(tx, ("441300", "A"), ("445200", "C")) == 0
