"""摘要: digests by the names that hashlib knows."""

import hashlib

_KNOWN = frozenset({"sm3", "sha1", "sha256", "sha384", "sha512", "md5"})


def hash_of(name: str, content: bytes) -> bytes:
    """The digest; empty for an unknown algorithm, so that nothing equals it."""
    return hashlib.new(name, content, usedforsecurity=False).digest() if name in _KNOWN else b""
