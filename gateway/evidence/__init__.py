"""证据: signed receipts and the hash-linked chain of events of each case."""
