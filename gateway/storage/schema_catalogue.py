"""目录的表: reference data and the catalogue of service items."""

from sqlalchemy import Index, text

from gateway.storage.tables import blob, number, string, table

# --- reference data (seeds)
table(
    "divisions",
    ("code",),
    string("code"),
    string("name"),
    string("kind"),
    string("parent", null=True),
)
table("cities", ("code",), string("code"), string("name"), blob("body"))
table(
    "agreements",
    ("agreement_id",),
    string("agreement_id"),
    string("collecting_city"),
    string("deciding_city"),
    blob("body"),
)
table("reference", ("kind", "code"), string("kind"), string("code"), blob("body"))
table("generations", ("name",), string("name"), number("generation"), string("digest"))

# --- catalogue: what an item says is stored once, under its digest; a revision says from when to when it was in force
table(
    "item_contents",
    ("city", "digest"),
    string("city"),
    string("digest"),
    string("item_code"),
    string("task_code"),
    string("name"),
    string("initials"),
    number("version"),
    string("status"),
    string("effective_from", null=True),
    string("ends_on", null=True),
    number("demo"),
    string("tokens"),
    blob("body"),
)
items = table(
    "items",
    ("city", "item_code", "revision"),
    string("city"),
    string("item_code"),
    number("revision"),
    number("item_id"),
    string("task_code"),
    string("name"),
    number("version"),
    string("status"),
    string("digest"),
    string("from_day"),
    string("until_day", null=True),
    string("dialect"),
    number("dialect_version"),
    number("import_id", null=True),
    number("published_at_ms"),
    number("searchable"),
)
Index("ix_items_item_id", items.c.item_id, unique=True)
Index("ix_items_city_id", items.c.city, items.c.item_id)
Index("ix_items_item_code", items.c.item_code, items.c.city, items.c.revision)
Index(
    "ix_items_ending",
    items.c.until_day,
    sqlite_where=text("searchable = 1 AND until_day IS NOT NULL"),
    postgresql_where=text("searchable = 1 AND until_day IS NOT NULL"),
)
imports = table(
    "imports",
    ("import_id",),
    number("import_id"),
    string("city"),
    string("file_name"),
    string("sha256"),
    string("dialect"),
    number("dialect_version"),
    number("complete"),
    string("state"),
    blob("counts"),
    blob("coverage", null=True),
    string("imported_by"),
    number("created_at_ms"),
    number("published_at_ms", null=True),
)
Index("ix_imports_city", imports.c.city, imports.c.import_id)
import_rows = table(
    "import_rows",
    ("import_id", "seq"),
    number("import_id"),
    number("seq"),
    string("place"),
    string("item_code", null=True),
    string("task_code", null=True),
    string("name", null=True),
    string("state"),
    string("change", null=True),
    string("digest", null=True),
    blob("findings", null=True),
)
Index("ix_import_rows_item", import_rows.c.import_id, import_rows.c.item_code)
table(
    "item_matches",
    ("left_city", "left_code", "right_city", "right_code", "at_ms"),
    string("left_city"),
    string("left_code"),
    string("right_city"),
    string("right_code"),
    string("decision"),
    number("score_permille", null=True),
    string("decided_by"),
    number("at_ms"),
    string("note", null=True),
)
