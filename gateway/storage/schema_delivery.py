"""投递的表: messages on their way, leases, breakers, cursors, trays."""

from sqlalchemy import Column, Index, Integer, text

from gateway.storage.tables import blob, number, string, table

# --- delivery
outbox = table(
    "outbox",
    ("message_id",),
    string("message_id"),
    string("application_id"),
    number("sequence"),
    string("city"),
    string("kind"),
    blob("content", null=True),
    string("state"),
    string("owner", null=True),
    number("available_at_ms"),
    number("created_at_ms"),
    number("tries"),
    number("send_started_ms", null=True),
    string("last_code", null=True),
    string("last_detail", null=True),
)
Index("ix_outbox_city", outbox.c.city, outbox.c.state, outbox.c.available_at_ms)
Index("ix_outbox_application", outbox.c.application_id)
_FREE = text("state = 'ready' AND owner IS NULL")
Index("ix_outbox_free", outbox.c.city, outbox.c.available_at_ms, sqlite_where=_FREE, postgresql_where=_FREE)
table(
    "attempts",
    ("application_id", "message_id", "started_at_ms"),
    string("application_id"),
    string("message_id"),
    number("started_at_ms"),
    number("duration_ms"),
    string("outcome"),
    string("code", null=True),
    string("detail", null=True),
)
table(
    "owners",
    ("owner",),
    string("owner"),
    string("node"),
    number("alive_until_ms"),
    number("started_at_ms"),
)
table(
    "breakers",
    ("city",),
    string("city"),
    string("state"),
    number("failures"),
    number("opened_at_ms", null=True),
    number("retry_at_ms", null=True),
)
table(
    "cursors",
    ("city",),
    string("city"),
    string("cursor", null=True),
    string("owner", null=True),
    number("lease_until_ms"),
)
tray = table(
    "tray",
    ("message_id",),
    string("message_id"),
    string("city"),
    number("number"),
    string("application_id"),
    string("kind"),
    number("created_at_ms"),
    blob("body", null=True),
    string("packet_sha256", null=True),
    number("packet_bytes", null=True),
    number("taken_at_ms", null=True),
    string("taken_by", null=True),
    string("receipt", null=True),
)
Index("ix_tray_city", tray.c.city, tray.c.number, unique=True)
Index("ix_tray_application", tray.c.application_id)
parcels = table(
    "parcels",
    ("parcel_id",),
    string("parcel_id"),
    string("application_id"),
    string("message_id"),
    string("direction"),
    string("carrier"),
    string("number"),
    string("registered_by"),
    number("registered_at_ms"),
)
Index("ix_parcels_application", parcels.c.application_id)
table("nonces", ("city", "nonce"), string("city"), string("nonce"), number("expires_at_ms"))
table(
    "case_serials",
    ("task_code", "day"),
    string("task_code"),
    string("day"),
    Column("serial", Integer, nullable=False),
)
