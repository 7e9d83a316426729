"""城市适配器: one way of talking per file; a new city is a YAML profile, rarely a new file."""
