"""存储: SQL in full view on sqlite3 and asyncpg; one text for both."""
