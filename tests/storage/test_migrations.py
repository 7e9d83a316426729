"""The migrations make exactly the schema that schema.py describes, on both databases, and can be run twice."""

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.storage.migrate import synchronous_url, upgrade
from gateway.storage.schema import described_here, metadata


def differences(url: str) -> list[object]:
    engine = sa.create_engine(synchronous_url(url))
    try:
        with engine.connect() as connection:
            return list(
                compare_metadata(
                    MigrationContext.configure(connection, opts={"include_name": described_here}), metadata
                )
            )
    finally:
        engine.dispose()


def test_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    upgrade(url)
    upgrade(url)
    assert differences(url) == []


def test_postgresql(postgres_url: str) -> None:
    upgrade(postgres_url)
    assert differences(postgres_url) == []
