"""Who may send what: leases of living and dead owners, one message of a case at a time, held and replayed."""

from gateway.storage import outbox
from gateway.storage.database import Database
from gateway.storage.outbox import INSERT_OUTBOX, Entry

NOW = 1_000_000


def entry(
    message_id: str,
    *,
    case: str = "",
    sequence: int = 1,
    owner: str | None = None,
    due: int = NOW,
    city: str = "441300",
) -> Entry:
    return Entry(message_id, case or f"case-{message_id}", sequence, city, "SUBMIT", None, "ready", owner, due, NOW)


async def put(db: Database, *entries: Entry) -> None:
    async with db.transaction() as tx:
        await tx.insert(INSERT_OUTBOX, [one.values() for one in entries])


async def claim(db: Database, owner: str, *, now: int = NOW, limit: int = 100, city: str = "441300") -> list[str]:
    async with db.transaction() as tx:
        return sorted(one.message_id for one in await outbox.claim(tx, owner, city, now, limit))


async def alive(db: Database, owner: str, until: int, node: str = "") -> None:
    async with db.transaction() as tx:
        await outbox.keep_alive(tx, owner, node or owner, until, NOW)


async def test_only_what_is_due_and_nobody_alive_holds(db: Database) -> None:
    await alive(db, "living", NOW + 1000)
    await alive(db, "dead", NOW - 1)
    await put(
        db,
        entry("free"),
        entry("mine", owner="living"),
        entry("orphan", owner="dead"),
        entry("stranger", owner="never-seen"),
        entry("later", due=NOW + 1),
        entry("elsewhere", city="441500"),
    )
    assert await claim(db, "new") == ["free", "orphan", "stranger"]
    assert await claim(db, "other") == ["free", "orphan", "stranger"], "an owner without a lease holds nothing"
    await alive(db, "other", NOW + 1000)
    assert await claim(db, "third") == []
    assert await claim(db, "third", now=NOW + 1001) == ["free", "later", "mine", "orphan", "stranger"]


async def test_a_limit_is_kept_and_the_longest_waiting_go_first(db: Database) -> None:
    await alive(db, "a", NOW + 1000)
    await put(db, *(entry(f"m{n}", due=NOW - n) for n in range(10)))
    assert await claim(db, "a", limit=3) == ["m7", "m8", "m9"]


async def test_one_message_of_a_case_at_a_time(db: Database) -> None:
    await alive(db, "a", NOW + 1000)
    await put(db, entry("second", case="c", sequence=2), entry("first", case="c"), entry("third", case="c", sequence=3))
    assert await claim(db, "a") == ["first"]
    async with db.transaction() as tx:
        assert await outbox.claim_next(tx, "a", "c", "441300", NOW) is None
        await outbox.delete(tx, ["first"])
        following = await outbox.claim_next(tx, "a", "c", "441300", NOW)
        assert following is not None
        assert following.message_id == "second"
        assert await outbox.claim_next(tx, "a", "c", "441300", NOW) is None


async def test_messages_of_a_case_to_two_cities_do_not_wait_for_each_other(db: Database) -> None:
    await alive(db, "a", NOW + 1000)
    await put(db, entry("first", case="c"), entry("report", case="c", sequence=2, city="441500"))
    assert await claim(db, "a") == ["first"]
    async with db.transaction() as tx:
        await outbox.delete(tx, ["first"])
        assert await outbox.claim_next(tx, "a", "c", "441300", NOW) is None, "it is for another city's lane"
    assert await claim(db, "a", city="441500") == ["report"]


async def test_a_held_message_blocks_its_case_until_a_person_acts(db: Database) -> None:
    await put(db, entry("first", case="c"), entry("second", case="c", sequence=2))
    async with db.transaction() as tx:
        await outbox.hold(tx, [(3, NOW, "partner.refused", "no", "first")])
    assert await claim(db, "a") == []
    held = await outbox.page(db, "held", "", 10)
    assert [(one.message_id, one.tries, one.last_code) for one in held] == [("first", 3, "partner.refused")]
    async with db.transaction() as tx:
        assert await outbox.replay(tx, "nothing", NOW) is None
        replayed = await outbox.replay(tx, "first", NOW)
    assert replayed is not None
    assert tuple(replayed) == ("c", "441300")
    again = await outbox.get(db, "first")
    assert again is not None
    assert (again.state, again.tries, again.send_started_ms) == ("ready", 0, None)
    assert await claim(db, "a") == ["first"]
    async with db.transaction() as tx:
        assert await outbox.settle(tx, "first") is None, "only what is held can be settled"


async def test_a_restarted_node_takes_over_at_once_and_leaving_gives_back(db: Database) -> None:
    await alive(db, "before", NOW + 60_000, node="n1")
    await put(db, entry("m", owner="before"))
    assert await claim(db, "after") == []
    async with db.transaction() as tx:
        await outbox.retire_node(tx, "n1", "after")
    await alive(db, "after", NOW + 60_000, node="n1")
    assert await claim(db, "after") == ["m"]
    async with db.transaction() as tx:
        await outbox.retire(tx, "after")
    gone = await outbox.get(db, "m")
    assert gone is not None
    assert gone.owner is None


async def test_a_send_is_marked_only_by_its_owner(db: Database) -> None:
    await put(db, entry("m", owner="a"))
    assert await outbox.commit_starts(db, [(NOW, "m", "b"), (NOW + 1, "m", "a"), (NOW, "gone", "a")]) == [
        False,
        True,
        False,
    ]
    found = await outbox.get(db, "m")
    assert found is not None
    assert found.send_started_ms == NOW + 1


async def test_deferring_frees_the_message_for_its_time(db: Database) -> None:
    await alive(db, "a", NOW + 60_000)
    await put(db, entry("m", owner="a"))
    async with db.transaction() as tx:
        await outbox.defer(tx, [(NOW + 500, 1, None, "partner.unavailable", "down", "m")])
    assert await claim(db, "b") == []
    assert await claim(db, "b", now=NOW + 500) == ["m"]
    assert {tuple(row) for row in await outbox.depth(db)} == {("441300", "ready", 1)}
