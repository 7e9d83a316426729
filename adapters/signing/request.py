"""待签请求: the parts of an HTTP request that a signature may cover."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

DIGESTS: dict[str, Callable[[], hashes.HashAlgorithm]] = {"sha256": hashes.SHA256, "sm3": hashes.SM3}
"""By the name a profile uses. SM3: GB/T 32905-2016."""


def digest(algorithm: str, content: bytes) -> bytes:
    """Digest of `content`."""
    running = hashes.Hash(DIGESTS[algorithm]())
    running.update(content)
    return running.finalize()


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """待签请求. `body_digest` gives the hexadecimal digest of the body by one of the names in DIGESTS."""

    method: str
    path: str
    query: str
    body_digest: Callable[[str], str]


def digests_of(body: bytes) -> Callable[[str], str]:
    """For a body in memory: computed only where a signature covers it."""
    return lambda algorithm: digest(algorithm, body).hex()
