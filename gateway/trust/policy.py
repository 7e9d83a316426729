"""核验策略: what a kind of use asks for. A report names the policy it was made by."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Policy:
    """策略."""

    name: str
    revocation: Literal["hard", "soft", "none"] = "soft"
    """hard: without a fresh list nothing passes; soft: a list that is there is heeded; none: not looked at."""
    trust_claimed_time: bool = True
    """Whether a time the signer merely claims may stand for the time of signing while nothing contradicts it."""
    clock_skew_s: int = 300
    """How far in the future a signing time may lie."""
    strong_digests: frozenset[str] = frozenset({"sm3", "sha256", "sha384", "sha512"})
    max_bytes: int = 20 * 1024**2
    max_inflated_bytes: int = 64 * 1024**2
    max_entries: int = 4096
    max_signatures: int = 32
    max_ratio: int = 100
    """Inflated to stored bytes of one part, beyond its first 64 KiB."""


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "window": Policy("window"),
        "strict": Policy("strict", revocation="hard", trust_claimed_time=False),
        "archive": Policy("archive", revocation="none"),
    }
)
"""window 窗口 (default), strict 从严, archive 存档: an old licence whose authority's lists are no longer published."""
DEFAULT = POLICIES["window"]
