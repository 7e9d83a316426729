"""办件规则: pure; no clock, no I/O, no log."""
