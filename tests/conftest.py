"""Fixtures all tests share: both databases, migrated and empty; loud about what this machine lacks."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gateway.storage.database import Database
from gateway.storage.migrate import upgrade
from gateway.storage.postgresql import PostgresDatabase
from gateway.storage.sqlite import SqliteDatabase
from tests import postgres

settings.register_profile("shared", deadline=None)  # machines are shared and noisy: how long a case took says nothing
settings.load_profile("shared")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server. Absent: the tests that need it are skipped, loudly; under CI that is a failure."""
    try:
        with postgres.cluster() as url:
            yield url
    except postgres.PostgresMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have PostgreSQL: {missing}")
        pytest.skip(f"NO POSTGRESQL HERE, HALF OF THE STORAGE IS UNTESTED: {missing}")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a migrated database to copy from."""
    url = postgres.create_database(postgres_server)
    upgrade(url)
    return url.rsplit("/", 1)[1]


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = postgres.create_database(postgres_server, postgres_template)
    yield url
    postgres.drop_database(postgres_server, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Each database in turn, as the setting has it: None = SQLite in the data folder."""
    if request.param == "sqlite":
        return None
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def db(database_url: str | None, tmp_path: Path) -> AsyncIterator[Database]:
    """An open database, migrated and empty."""
    database: Database
    if database_url is None:
        path = tmp_path / "tongban.sqlite3"
        upgrade(f"sqlite:///{path}")
        database = SqliteDatabase(path)
    else:
        database = await PostgresDatabase.connect(database_url, connections=4)
    yield database
    await database.close()
