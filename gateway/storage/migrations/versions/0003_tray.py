"""Tray: what is left for a city that cannot be called; and the messages that follow an application."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "tray",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("application_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("packet_sha256", sa.Text(), nullable=True),
        sa.Column("packet_bytes", sa.BigInteger(), nullable=True),
        sa.Column("taken_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", name="pk_tray"),
    )
    op.create_index("ix_tray_city", "tray", ["city", "number"], unique=True)
    op.create_index("ix_tray_application", "tray", ["application_id"], unique=False)
    op.create_table(
        "parcels",
        sa.Column("parcel_id", sa.Text(), nullable=False),
        sa.Column("application_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("registered_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("parcel_id", name="pk_parcels"),
    )
    op.create_index("ix_parcels_application", "parcels", ["application_id"], unique=False)
    op.create_table(
        "follow_ups",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("application_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_follow_ups"),
    )
    op.create_index("ix_follow_ups_key", "follow_ups", ["caller", "key"], unique=True)
    op.create_index("ix_follow_ups_application", "follow_ups", ["application_id"], unique=False)
    op.create_index(
        "ix_outbox_free",
        "outbox",
        ["city", "available_at_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'ready' AND owner IS NULL"),
        postgresql_where=sa.text("state = 'ready' AND owner IS NULL"),
    )
    op.add_column("progress", sa.Column("side", sa.Text(), nullable=False, server_default="deciding"))
    _reconciliation()
    _licences()


def downgrade() -> None:
    """Take back."""
    for name in ("verifications", "trust_contents", "trust_generations"):
        op.drop_table(name)
    for name in ("marks", "acts", "findings", "runs"):
        op.drop_table(f"reconciliation_{name}")
    op.drop_column("progress", "side")
    op.drop_index("ix_outbox_free", table_name="outbox")
    op.drop_table("follow_ups")
    op.drop_table("parcels")
    op.drop_table("tray")


def _reconciliation() -> None:
    op.create_table(
        "reconciliation_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("collecting_city", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("compared", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_reconciliation_runs"),
    )
    op.create_index("ix_reconciliation_runs_day", "reconciliation_runs", ["city", "day"], unique=False)
    op.create_index("ix_reconciliation_runs_started", "reconciliation_runs", ["started_at_ms"], unique=False)
    op.create_table(
        "reconciliation_findings",
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("collecting_city", sa.Text(), nullable=False),
        sa.Column("application_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=True),
        sa.Column("theirs", sa.Text(), nullable=True),
        sa.Column("unanswered", sa.BigInteger(), nullable=False),
        sa.Column("suggested", sa.Text(), nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_how", sa.Text(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("finding_id", name="pk_reconciliation_findings"),
    )
    op.create_index(
        "ix_reconciliation_findings_open",
        "reconciliation_findings",
        ["city", "application_id", "kind"],
        unique=True,
        sqlite_where=sa.text("closed_at_ms IS NULL"),
        postgresql_where=sa.text("closed_at_ms IS NULL"),
    )
    op.create_index("ix_reconciliation_findings_case", "reconciliation_findings", ["application_id"], unique=False)
    op.create_table(
        "reconciliation_acts",
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("finding_id", "at_ms", name="pk_reconciliation_acts"),
    )
    op.create_table(
        "reconciliation_marks",
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("city", "day", name="pk_reconciliation_marks"),
    )


def _licences() -> None:
    op.create_table(
        "trust_generations",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_trust_generations"),
    )
    op.create_index("ix_trust_generations_name", "trust_generations", ["name"], unique=True)
    op.create_table(
        "trust_contents",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_trust_contents"),
    )
    op.create_table(
        "verifications",
        sa.Column("verification_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("indication", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("application_id", sa.Text(), nullable=True),
        sa.Column("licence_identifier", sa.Text(), nullable=True),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.Column("verified_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("verification_id", name="pk_verifications"),
    )
    op.create_index("ix_verifications_sha256", "verifications", ["sha256", "city"], unique=False)
    op.create_index("ix_verifications_application", "verifications", ["application_id"], unique=False)
