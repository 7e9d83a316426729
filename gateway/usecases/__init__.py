"""用例: one file per thing a user can do: read, decide, write."""
