"""Alembic environment: the connection is handed over by gateway.storage.migrate; there is no alembic.ini."""

from alembic import context

from gateway.storage.schema import described_here, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_name=described_here,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
