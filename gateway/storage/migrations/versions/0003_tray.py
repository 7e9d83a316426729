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
        sa.PrimaryKeyConstraint("message_id", name="pk_tray"),
    )
    op.create_index("ix_tray_city", "tray", ["city", "number"], unique=True)
    op.create_index("ix_tray_application", "tray", ["application_id"], unique=False)
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


def downgrade() -> None:
    """Take back."""
    op.drop_table("follow_ups")
    op.drop_table("tray")
