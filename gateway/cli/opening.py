"""打开数据库: for commands that work on the database themselves, beside a running gateway too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.settings import Settings
from gateway.storage.database import Database
from gateway.storage.migrate import upgrade
from gateway.storage.postgresql import PostgresDatabase
from gateway.storage.sqlite import SqliteDatabase


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database of these settings, migrated.

    On SQLite each transaction waits up to a minute for a gateway that writes, and the gateway for it.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(upgrade, settings.synchronous_url)
    db: Database
    if settings.database_url is None:
        db = SqliteDatabase(settings.sqlite_path)
    else:
        db = await PostgresDatabase.connect(settings.database_url, connections=1)
    try:
        yield db
    finally:
        await db.close()
