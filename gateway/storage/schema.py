"""数据库结构: the one source of the schema; Alembic migrates it, requests never touch SQLAlchemy.

The tables themselves are in schema_catalogue, schema_cases, schema_delivery and schema_checks.
"""

from gateway.storage import schema_cases, schema_catalogue, schema_checks, schema_delivery
from gateway.storage.tables import metadata

SEARCH = "item_search"
"""检索索引: FTS5 on SQLite, tsvector on PostgreSQL. Written by hand in the migration: SQLAlchemy has no word for it."""
PARTS = (schema_cases, schema_catalogue, schema_checks, schema_delivery)


def described_here(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic's include_name: whether a thing found in a database is to be compared with this schema."""
    return kind != "table" or name is None or not name.startswith(SEARCH)


__all__ = ["PARTS", "SEARCH", "described_here", "metadata"]
