"""办件的表: cases, what followed them, their files."""

from sqlalchemy import Column, Index, Text, text

from gateway.storage.tables import blob, number, string, table

# --- cases
applications = table(
    "applications",
    ("application_id",),
    string("application_id"),
    string("caller"),
    string("item_code"),
    string("task_code"),
    number("item_version"),
    string("item_name"),
    string("project_type"),
    string("mode"),
    string("applicant_division"),
    string("collecting_city"),
    string("deciding_city"),
    string("agreement_id"),
    string("direction"),
    string("state"),
    number("needs_review"),
    string("case_number", null=True),
    string("outcome", null=True),
    number("received_at_ms"),
    number("updated_at_ms"),
    number("last_seq"),
    string("last_hash"),
    number("item_revision"),
    string("item_dialect"),
    blob("body"),
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
table(
    "idempotency",
    ("caller", "key"),
    string("caller"),
    string("key"),
    string("application_id"),
    string("body_sha256"),
)
table("receipts", ("application_id",), string("application_id"), number("accepted_at_ms"), string("jws"))
table(
    "events",
    ("application_id", "seq"),
    string("application_id"),
    number("seq"),
    string("type"),
    number("occurred_at_ms"),
    number("recorded_at_ms"),
    string("side"),
    blob("data"),
    string("previous_hash", null=True),
    string("hash"),
    string("alg"),
    string("signature", null=True),
)
table(
    "progress",
    ("application_id", "report_id"),
    string("application_id"),
    string("report_id"),
    number("seq"),
    string("step"),
    number("occurred_at_ms"),
    number("partner_sequence", null=True),
    blob("body"),
    Column("side", Text, nullable=False, server_default="deciding"),
)
follow_ups = table(
    "follow_ups",
    ("message_id",),
    string("message_id"),
    string("application_id"),
    string("kind"),
    string("caller"),
    string("key"),
    string("body_sha256"),
    number("created_at_ms"),
    blob("body"),
)
Index("ix_follow_ups_key", follow_ups.c.caller, follow_ups.c.key, unique=True)
Index("ix_follow_ups_application", follow_ups.c.application_id)
table(
    "strays",
    ("city", "report_id"),
    string("city"),
    string("report_id"),
    number("received_at_ms"),
    blob("body"),
)

# --- files
table(
    "files",
    ("file_id",),
    string("file_id"),
    string("caller"),
    string("name"),
    string("media_type"),
    number("size_bytes"),
    string("sha256"),
    string("sm3"),
    number("created_at_ms"),
)
case_files = table(
    "case_files",
    ("application_id", "role", "file_id", "label"),
    string("application_id"),
    string("role"),
    string("file_id"),
    string("label"),
)

Index("ix_case_files_file", case_files.c.file_id)
