"""数据库结构: the one source of the schema; Alembic migrates it, requests never touch SQLAlchemy.

Times are milliseconds since 1970 UTC. Bodies are the sender's bytes, zstd-compressed.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata = MetaData()
SEARCH = "item_search"
"""检索索引: FTS5 on SQLite, tsvector on PostgreSQL. Written by hand in the migration: SQLAlchemy has no word for it."""


def described_here(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic's include_name: whether a thing found in a database is to be compared with this schema."""
    return kind != "table" or name is None or not name.startswith(SEARCH)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _bytes(name: str, *, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


def _table(name: str, key: tuple[str, ...], *columns: Column[int] | Column[str] | Column[bytes]) -> Table:
    return Table(name, metadata, *columns, PrimaryKeyConstraint(*key, name=f"pk_{name}"))


# --- reference data (seeds)
_table("divisions", ("code",), _text("code"), _text("name"), _text("kind"), _text("parent", null=True))
_table("cities", ("code",), _text("code"), _text("name"), _bytes("body"))
_table(
    "agreements",
    ("agreement_id",),
    _text("agreement_id"),
    _text("collecting_city"),
    _text("deciding_city"),
    _bytes("body"),
)
_table("reference", ("kind", "code"), _text("kind"), _text("code"), _bytes("body"))
_table("generations", ("name",), _text("name"), _int("generation"), _text("digest"))

# --- catalogue: what an item says is stored once, under its digest; a revision says from when to when it was in force
_table(
    "item_contents",
    ("city", "digest"),
    _text("city"),
    _text("digest"),
    _text("item_code"),
    _text("task_code"),
    _text("name"),
    _text("initials"),
    _int("version"),
    _text("status"),
    _text("effective_from", null=True),
    _text("ends_on", null=True),
    _int("demo"),
    _text("tokens"),
    _bytes("body"),
)
items = _table(
    "items",
    ("city", "item_code", "revision"),
    _text("city"),
    _text("item_code"),
    _int("revision"),
    _int("item_id"),
    _text("task_code"),
    _text("name"),
    _int("version"),
    _text("status"),
    _text("digest"),
    _text("from_day"),
    _text("until_day", null=True),
    _text("dialect"),
    _int("dialect_version"),
    _int("import_id", null=True),
    _int("published_at_ms"),
    _int("searchable"),
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
imports = _table(
    "imports",
    ("import_id",),
    _int("import_id"),
    _text("city"),
    _text("file_name"),
    _text("sha256"),
    _text("dialect"),
    _int("dialect_version"),
    _int("complete"),
    _text("state"),
    _bytes("counts"),
    _bytes("coverage", null=True),
    _text("imported_by"),
    _int("created_at_ms"),
    _int("published_at_ms", null=True),
)
Index("ix_imports_city", imports.c.city, imports.c.import_id)
import_rows = _table(
    "import_rows",
    ("import_id", "seq"),
    _int("import_id"),
    _int("seq"),
    _text("place"),
    _text("item_code", null=True),
    _text("task_code", null=True),
    _text("name", null=True),
    _text("state"),
    _text("change", null=True),
    _text("digest", null=True),
    _bytes("findings", null=True),
)
Index("ix_import_rows_item", import_rows.c.import_id, import_rows.c.item_code)
_table(
    "item_matches",
    ("left_city", "left_code", "right_city", "right_code", "at_ms"),
    _text("left_city"),
    _text("left_code"),
    _text("right_city"),
    _text("right_code"),
    _text("decision"),
    _int("score_permille", null=True),
    _text("decided_by"),
    _int("at_ms"),
    _text("note", null=True),
)

# --- cases
applications = _table(
    "applications",
    ("application_id",),
    _text("application_id"),
    _text("caller"),
    _text("item_code"),
    _text("task_code"),
    _int("item_version"),
    _text("item_name"),
    _text("project_type"),
    _text("mode"),
    _text("applicant_division"),
    _text("collecting_city"),
    _text("deciding_city"),
    _text("agreement_id"),
    _text("direction"),
    _text("state"),
    _int("needs_review"),
    _text("case_number", null=True),
    _text("outcome", null=True),
    _int("received_at_ms"),
    _int("updated_at_ms"),
    _int("last_seq"),
    _text("last_hash"),
    _int("item_revision"),
    _text("item_dialect"),
    _bytes("body"),
)
Index(
    "ix_applications_inbound",
    applications.c.deciding_city,
    applications.c.application_id,
    sqlite_where=text("direction = 'inbound'"),
    postgresql_where=text("direction = 'inbound'"),
)
Index(
    "ix_applications_review",
    applications.c.application_id,
    sqlite_where=text("needs_review = 1"),
    postgresql_where=text("needs_review = 1"),
)
_table(
    "idempotency",
    ("caller", "key"),
    _text("caller"),
    _text("key"),
    _text("application_id"),
    _text("body_sha256"),
)
_table("receipts", ("application_id",), _text("application_id"), _int("accepted_at_ms"), _text("jws"))
_table(
    "events",
    ("application_id", "seq"),
    _text("application_id"),
    _int("seq"),
    _text("type"),
    _int("occurred_at_ms"),
    _int("recorded_at_ms"),
    _text("side"),
    _bytes("data"),
    _text("previous_hash", null=True),
    _text("hash"),
    _text("alg"),
    _text("signature", null=True),
)
_table(
    "progress",
    ("application_id", "report_id"),
    _text("application_id"),
    _text("report_id"),
    _int("seq"),
    _text("step"),
    _int("occurred_at_ms"),
    _int("partner_sequence", null=True),
    _bytes("body"),
    Column("side", Text, nullable=False, server_default="deciding"),
)
follow_ups = _table(
    "follow_ups",
    ("message_id",),
    _text("message_id"),
    _text("application_id"),
    _text("kind"),
    _text("caller"),
    _text("key"),
    _text("body_sha256"),
    _int("created_at_ms"),
    _bytes("body"),
)
Index("ix_follow_ups_key", follow_ups.c.caller, follow_ups.c.key, unique=True)
Index("ix_follow_ups_application", follow_ups.c.application_id)
_table("strays", ("city", "report_id"), _text("city"), _text("report_id"), _int("received_at_ms"), _bytes("body"))

# --- files
_table(
    "files",
    ("file_id",),
    _text("file_id"),
    _text("caller"),
    _text("name"),
    _text("media_type"),
    _int("size_bytes"),
    _text("sha256"),
    _text("sm3"),
    _int("created_at_ms"),
)
case_files = _table(
    "case_files",
    ("application_id", "role", "file_id", "label"),
    _text("application_id"),
    _text("role"),
    _text("file_id"),
    _text("label"),
)

Index("ix_case_files_file", case_files.c.file_id)

# --- delivery
outbox = _table(
    "outbox",
    ("message_id",),
    _text("message_id"),
    _text("application_id"),
    _int("sequence"),
    _text("city"),
    _text("kind"),
    _bytes("content", null=True),
    _text("state"),
    _text("owner", null=True),
    _int("available_at_ms"),
    _int("created_at_ms"),
    _int("tries"),
    _int("send_started_ms", null=True),
    _text("last_code", null=True),
    _text("last_detail", null=True),
)
Index("ix_outbox_city", outbox.c.city, outbox.c.state, outbox.c.available_at_ms)
Index("ix_outbox_application", outbox.c.application_id)
_FREE = text("state = 'ready' AND owner IS NULL")
Index("ix_outbox_free", outbox.c.city, outbox.c.available_at_ms, sqlite_where=_FREE, postgresql_where=_FREE)
_table(
    "attempts",
    ("application_id", "message_id", "started_at_ms"),
    _text("application_id"),
    _text("message_id"),
    _int("started_at_ms"),
    _int("duration_ms"),
    _text("outcome"),
    _text("code", null=True),
    _text("detail", null=True),
)
_table("owners", ("owner",), _text("owner"), _text("node"), _int("alive_until_ms"), _int("started_at_ms"))
_table(
    "breakers",
    ("city",),
    _text("city"),
    _text("state"),
    _int("failures"),
    _int("opened_at_ms", null=True),
    _int("retry_at_ms", null=True),
)
_table(
    "cursors",
    ("city",),
    _text("city"),
    _text("cursor", null=True),
    _text("owner", null=True),
    _int("lease_until_ms"),
)
tray = _table(
    "tray",
    ("message_id",),
    _text("message_id"),
    _text("city"),
    _int("number"),
    _text("application_id"),
    _text("kind"),
    _int("created_at_ms"),
    _bytes("body", null=True),
    _text("packet_sha256", null=True),
    _int("packet_bytes", null=True),
    _int("taken_at_ms", null=True),
    _text("taken_by", null=True),
    _text("receipt", null=True),
)
Index("ix_tray_city", tray.c.city, tray.c.number, unique=True)
Index("ix_tray_application", tray.c.application_id)
parcels = _table(
    "parcels",
    ("parcel_id",),
    _text("parcel_id"),
    _text("application_id"),
    _text("message_id"),
    _text("direction"),
    _text("carrier"),
    _text("number"),
    _text("registered_by"),
    _int("registered_at_ms"),
)
Index("ix_parcels_application", parcels.c.application_id)
_table("nonces", ("city", "nonce"), _text("city"), _text("nonce"), _int("expires_at_ms"))
_table(
    "case_serials", ("task_code", "day"), _text("task_code"), _text("day"), Column("serial", Integer, nullable=False)
)

# --- e-licences
generations = _table(
    "trust_generations",
    ("number",),
    _int("number"),
    _text("name"),
    _int("created_at_ms"),
    _text("created_by"),
    _text("note"),
    _bytes("body"),
)
Index("ix_trust_generations_name", generations.c.name, unique=True)
_table("trust_contents", ("sha256",), _text("sha256"), _bytes("body"))
verifications = _table(
    "verifications",
    ("verification_id",),
    *map(_text, ("verification_id", "sha256", "indication", "policy", "caller", "city", "item_code", "operator")),
    *(_text(name, null=True) for name in ("application_id", "licence_identifier", "file_id")),
    _int("verified_at_ms"),
    _bytes("body"),
)
Index("ix_verifications_sha256", verifications.c.sha256, verifications.c.city)
Index("ix_verifications_application", verifications.c.application_id)

# --- reconciliation
runs = _table(
    "reconciliation_runs",
    ("run_id",),
    *map(_text, ("run_id", "city", "collecting_city", "day", "started_by", "state")),
    *(_text(name, null=True) for name in ("compared", "code")),
    _int("started_at_ms"),
    _int("ended_at_ms", null=True),
    *map(_bytes, ("counts", "digests")),
)
Index("ix_reconciliation_runs_day", runs.c.city, runs.c.day)
Index("ix_reconciliation_runs_started", runs.c.started_at_ms)
findings = _table(
    "reconciliation_findings",
    ("finding_id",),
    *map(_text, ("finding_id", "city", "collecting_city", "application_id", "kind", "day", "suggested")),
    *(_text(name, null=True) for name in ("ours", "theirs", "closed_how", "closed_by", "note")),
    *map(_int, ("first_seen_ms", "last_seen_ms", "unanswered")),
    _int("closed_at_ms", null=True),
)
_OPEN = text("closed_at_ms IS NULL")
_KEY = (findings.c.city, findings.c.application_id, findings.c.kind)
Index("ix_reconciliation_findings_open", *_KEY, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_reconciliation_findings_case", findings.c.application_id)
_table(
    "reconciliation_acts",
    ("finding_id", "at_ms"),
    *map(_text, ("finding_id", "act", "done_by", "state")),
    *(_text(name, null=True) for name in ("code", "note", "cursor")),
    _int("at_ms"),
)
_table("reconciliation_marks", ("city", "day"), _text("city"), _text("day"), _text("cursor", null=True))
