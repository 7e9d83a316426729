"""Catalogue: revisions of items, their search index, imports, matches; a case pins the revision it was taken under."""

import sqlalchemy as sa
from alembic import op
from pydantic import ValidationError

from gateway.storage import item_contents
from schemas.service_item import ServiceItem

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OLD_DIALECT = "seeds@1"
_EARLIER = (
    "SELECT COUNT(*) FROM items o WHERE o.city = applications.deciding_city "
    "AND o.item_code = applications.item_code AND o.version <= applications.item_version"
)


def upgrade() -> None:
    """Apply. Items that are there were seeded: they become revisions of the dialect `seeds`, oldest version first."""
    bind = op.get_bind()
    old = bind.execute(sa.text("SELECT city, item_code, version, body FROM items ORDER BY city, item_code, version"))
    bodies = [bytes(row.body) for row in old]
    op.drop_table("items")
    _create_tables()
    if bind.dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE item_search USING fts5(tokens, content='', columnsize=0, tokenize='ascii')")
        # publishing gathers so much in memory before it writes: a third less time for a large catalogue
        op.execute("INSERT INTO item_search (item_search, rank) VALUES ('hashsize', 33554432)")
    else:
        op.execute("CREATE TABLE item_search (item_id bigint PRIMARY KEY, words tsvector NOT NULL)")
        op.execute("CREATE INDEX ix_item_search_words ON item_search USING gin (words) WITH (fastupdate = off)")
    _copy(bodies)
    _pin_cases()


def _create_tables() -> None:
    op.create_table(
        "item_contents",
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("task_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("initials", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Text(), nullable=True),
        sa.Column("ends_on", sa.Text(), nullable=True),
        sa.Column("demo", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("city", "digest", name="pk_item_contents"),
    )
    op.create_table(
        "items",
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("task_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("from_day", sa.Text(), nullable=False),
        sa.Column("until_day", sa.Text(), nullable=True),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("dialect_version", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column("published_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("searchable", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "item_code", "revision", name="pk_items"),
    )
    op.create_index("ix_items_item_id", "items", ["item_id"], unique=True)
    op.create_index("ix_items_city_id", "items", ["city", "item_id"], unique=False)
    op.create_index("ix_items_item_code", "items", ["item_code", "city", "revision"], unique=False)
    ending = sa.text("searchable = 1 AND until_day IS NOT NULL")
    op.create_index("ix_items_ending", "items", ["until_day"], sqlite_where=ending, postgresql_where=ending)
    op.create_table(
        "imports",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("dialect_version", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("coverage", sa.LargeBinary(), nullable=True),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("published_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", name="pk_imports"),
    )
    op.create_index("ix_imports_city", "imports", ["city", "import_id"], unique=False)
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("task_code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("findings", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "seq", name="pk_import_rows"),
    )
    op.create_index("ix_import_rows_item", "import_rows", ["import_id", "item_code"], unique=False)
    op.create_table(
        "item_matches",
        sa.Column("left_city", sa.Text(), nullable=False),
        sa.Column("left_code", sa.Text(), nullable=False),
        sa.Column("right_city", sa.Text(), nullable=False),
        sa.Column("right_code", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("score_permille", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("left_city", "left_code", "right_city", "right_code", "at_ms", name="pk_item_matches"),
    )


def _copy(bodies: list[bytes]) -> None:
    """What does not validate any more was of no use to the gateway either: it could not load it."""
    readable = []
    for body in bodies:
        try:
            readable.append(ServiceItem.model_validate_json(body))
        except ValidationError:
            continue
    contents: list[dict[str, object]] = []
    revisions: list[dict[str, object]] = []
    for item_id, item in enumerate(readable, 1):
        row = item_contents.content(item, item_contents.digest(item))
        if row.digest not in {one["digest"] for one in contents}:
            contents.append({name: getattr(row, name) for name in row.__slots__})
        older = [one for one in revisions if (one["city"], one["item_code"]) == (item.city, item.item_code)]
        from_day = row.effective_from or "0001-01-01"
        for one in older:
            one["until_day"] = min(str(one["until_day"] or from_day), from_day)
        same = {name: getattr(row, name) for name in ("city", "item_code", "task_code", "name", "version", "status")}
        revisions.append(
            {
                **same,
                "digest": row.digest,
                "revision": len(older) + 1,
                "item_id": item_id,
                "from_day": from_day,
                "until_day": row.ends_on,
                "dialect": "seeds",
                "dialect_version": 1,
                "import_id": None,
                "published_at_ms": 0,
                "searchable": 1,
            }
        )
    _insert(contents, revisions)


def _insert(contents: list[dict[str, object]], revisions: list[dict[str, object]]) -> None:
    described = sa.MetaData()
    bind = op.get_bind()
    if contents:
        bind.execute(sa.Table("item_contents", described, autoload_with=bind).insert(), contents)
        bind.execute(sa.Table("items", described, autoload_with=bind).insert(), revisions)
    words = (
        ("rowid, tokens", "c.tokens")
        if bind.dialect.name == "sqlite"
        else (
            "item_id, words",
            "to_tsvector('simple', c.tokens)",
        )
    )
    op.execute(
        f"INSERT INTO item_search ({words[0]}) SELECT i.item_id, {words[1]} FROM items i "  # noqa: S608 - constants
        "JOIN item_contents c ON c.city = i.city AND c.digest = i.digest ORDER BY i.item_id"
    )


def _pin_cases() -> None:
    """A case that is there was taken under the seeds; its revision is found by the city's version."""
    op.add_column("applications", sa.Column("item_revision", sa.BigInteger(), nullable=False, server_default="1"))
    op.add_column("applications", sa.Column("item_dialect", sa.Text(), nullable=False, server_default=_OLD_DIALECT))
    op.execute(f"UPDATE applications SET item_revision = ({_EARLIER}) WHERE ({_EARLIER}) > 0")  # noqa: S608 - constants


def downgrade() -> None:
    """Undo: items are seeded again afterwards (`tongban seed`)."""
    op.drop_column("applications", "item_dialect")
    op.drop_column("applications", "item_revision")
    op.execute("DROP TABLE item_search")
    for name in ("item_matches", "import_rows", "imports", "items", "item_contents"):
        op.drop_table(name)
    op.create_table(
        "items",
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("task_code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("city", "item_code", "version", name="pk_items"),
    )
    op.execute("UPDATE generations SET digest = '' WHERE name = 'catalogue'")
