"""数据库迁移: bring a database to the current schema with Alembic, over a synchronous driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"


def synchronous_url(url: str) -> sa.URL:
    """The same database for SQLAlchemy's synchronous engine: sqlite as it is, PostgreSQL over pg8000."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return parsed
    return parsed.set(drivername="postgresql+pg8000")


@contextmanager
def _configured(url: str) -> Iterator[Config]:
    engine = sa.create_engine(synchronous_url(url))
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
            config.attributes["connection"] = connection
            yield config
    finally:
        engine.dispose()


def upgrade(url: str) -> None:
    """Migrate to the newest schema; nothing happens where that is already so. Blocking."""
    with _configured(url) as config:
        command.upgrade(config, "head")


def draft(url: str, message: str, revision: str) -> None:
    """For developers: write a draft of the next migration from the difference to schema.py."""
    with _configured(url) as config:
        command.revision(config, message, autogenerate=True, rev_id=revision)
