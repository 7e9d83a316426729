"""核对的表: e-licences and reconciliation."""

from sqlalchemy import Index, text

from gateway.storage.tables import blob, number, string, table

# --- e-licences
generations = table(
    "trust_generations",
    ("number",),
    number("number"),
    string("name"),
    number("created_at_ms"),
    string("created_by"),
    string("note"),
    blob("body"),
)
Index("ix_trust_generations_name", generations.c.name, unique=True)
table("trust_contents", ("sha256",), string("sha256"), blob("body"))
verifications = table(
    "verifications",
    ("verification_id",),
    *map(string, ("verification_id", "sha256", "indication", "policy", "caller", "city", "item_code", "operator")),
    *(string(name, null=True) for name in ("application_id", "licence_identifier", "file_id")),
    number("verified_at_ms"),
    blob("body"),
)
Index("ix_verifications_sha256", verifications.c.sha256, verifications.c.city)
Index("ix_verifications_application", verifications.c.application_id)

# --- reconciliation
runs = table(
    "reconciliation_runs",
    ("run_id",),
    *map(string, ("run_id", "city", "collecting_city", "day", "started_by", "state")),
    *(string(name, null=True) for name in ("compared", "code")),
    number("started_at_ms"),
    number("ended_at_ms", null=True),
    *map(blob, ("counts", "digests")),
)
Index("ix_reconciliation_runs_day", runs.c.city, runs.c.day)
Index("ix_reconciliation_runs_started", runs.c.started_at_ms)
findings = table(
    "reconciliation_findings",
    ("finding_id",),
    *map(string, ("finding_id", "city", "collecting_city", "application_id", "kind", "day", "suggested")),
    *(string(name, null=True) for name in ("ours", "theirs", "closed_how", "closed_by", "note")),
    *map(number, ("first_seen_ms", "last_seen_ms", "unanswered")),
    number("closed_at_ms", null=True),
)
_OPEN = text("closed_at_ms IS NULL")
_KEY = (findings.c.city, findings.c.application_id, findings.c.kind)
Index("ix_reconciliation_findings_open", *_KEY, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_reconciliation_findings_case", findings.c.application_id)
table(
    "reconciliation_acts",
    ("finding_id", "at_ms"),
    *map(string, ("finding_id", "act", "done_by", "state")),
    *(string(name, null=True) for name in ("code", "note", "cursor")),
    number("at_ms"),
)
table("reconciliation_marks", ("city", "day"), string("city"), string("day"), string("cursor", null=True))
