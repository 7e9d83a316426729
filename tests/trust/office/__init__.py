"""An issuing office for tests: its own authorities, seals and documents; every person and office is invented."""
