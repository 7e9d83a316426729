"""Migration 0002 with rows in place: seeded items become revisions that can be searched; cases are pinned to theirs."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from gateway.domain.item_words import Filter, terms
from gateway.storage import cases, item_search, items
from gateway.storage.database import Database
from gateway.storage.migrate import _configured, upgrade
from gateway.storage.postgresql import PostgresDatabase
from gateway.storage.sqlite import SqliteDatabase
from gateway.usecases.load_seeds import load_seeds
from gateway.usecases.read_seeds import read_seeds
from tests import postgres
from tests.storage.catalogues import CITY, NOW, ROOT, TODAY, code, item

OLD = (item(1, version=1, name="旧名"), item(1, version=3, name="新名"), item(2, effective_from=date(2026, 9, 1)))


def at_first_migration(url: str) -> None:
    """A database as the release before left it, with items and two cases."""
    with _configured(url) as config:
        command.upgrade(config, "0001")
        connection: sa.Connection = config.attributes["connection"]
        described = sa.MetaData()
        described.reflect(connection)
        rows = [
            {
                "city": one.city,
                "item_code": one.item_code,
                "version": one.version,
                "task_code": one.task_code,
                "status": one.status.value,
                "body": one.model_dump_json(exclude_none=True).encode(),
            }
            for one in OLD
        ]
        rows.append({**rows[0], "item_code": "broken", "body": b"{}"})
        connection.execute(described.tables["items"].insert(), rows)
        texts = {column.name: "x" for column in described.tables["applications"].columns}
        numbers = dict.fromkeys(("needs_review", "received_at_ms", "updated_at_ms", "last_seq"), 0)
        case = texts | numbers | {"item_code": code(1), "deciding_city": CITY, "case_number": None, "body": b""}
        pinned = [case | {"application_id": f"a{version}", "item_version": version} for version in (1, 3)]
        connection.execute(described.tables["applications"].insert(), pinned)


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
        at_first_migration(url)
        yield url
        return
    server = request.getfixturevalue("postgres_server")
    url = postgres.create_database(server)
    at_first_migration(url)
    yield url
    postgres.drop_database(server, url)


async def opened(url: str) -> Database:
    if url.startswith("sqlite"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))
    return await PostgresDatabase.connect(url, connections=2)


async def test_seeded_items_become_revisions_and_cases_keep_theirs(old_url: str) -> None:
    upgrade(old_url)
    db = await opened(old_url)
    try:
        first, second = await items.pinned(db, CITY, code(1), 1), await items.pinned(db, CITY, code(1), 2)
        assert first is not None
        assert second is not None
        assert (first.item(), second.item()) == OLD[:2]
        assert second.head.dialect_name == "seeds@1"
        current = await items.in_force(db, CITY, code(1), TODAY)
        assert current == second
        assert await items.in_force(db, CITY, code(2), date(2026, 8, 31)) is None
        assert await items.in_force(db, CITY, code(2), date(2026, 9, 1)) is not None
        asked = terms(Filter(city=CITY))
        assert asked is not None
        found = await item_search.search(db, asked, date(2026, 9, 1), 0, 9)
        assert [(one.head.item_code, one.head.revision) for one in found] == [(code(1), 2), (code(2), 1)]
        for application_id, revision in (("a1", 1), ("a3", 2)):
            case = await cases.get(db, application_id)
            assert case is not None
            assert (case.item_revision, case.item_dialect) == (revision, "seeds@1")
        assert (await load_seeds(db, read_seeds(ROOT / "seeds"), now=NOW)).changed
        assert await items.in_force(db, CITY, code(1), TODAY) == current
    finally:
        await db.close()


def test_there_is_a_way_back(old_url: str) -> None:
    upgrade(old_url)
    with _configured(old_url) as config:
        command.downgrade(config, "0001")
    upgrade(old_url)
