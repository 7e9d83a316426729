"""Alembic migrations, run by gateway.storage.migrate."""
