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
    "items",
    ("city", "item_code", "version"),
    _text("city"),
    _text("item_code"),
    _int("version"),
    _text("task_code"),
    _text("status"),
    _bytes("body"),
)
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
)
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
_table("nonces", ("city", "nonce"), _text("city"), _text("nonce"), _int("expires_at_ms"))
_table(
    "case_serials", ("task_code", "day"), _text("task_code"), _text("day"), Column("serial", Integer, nullable=False)
)
