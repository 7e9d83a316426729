"""信任快照: everything a verdict depends on besides the file: anchors, authorities, revocation lists, seal makers.

A snapshot never changes; a job makes the next one. Its generation stands in every report, so that a verdict can be
made again with the snapshot it was made with.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.trust.certificates import Certificate, Name
from gateway.trust.crls import Crl


class Purpose(StrEnum):
    """用途 an anchor is trusted for."""

    SIGNER = "signer"
    """签章人."""
    SEALER = "sealer"
    """制章者."""
    TSA = "tsa"
    """时间戳."""
    JWT = "jwt"
    """令牌签发者."""
    STATUS = "status"
    """状态列表."""


ALL_PURPOSES = frozenset(Purpose)


@dataclass(frozen=True, slots=True)
class Anchor:
    """信任锚: a root, or an authority below one, that is trusted without further proof."""

    certificate: Certificate
    purposes: frozenset[Purpose] = ALL_PURPOSES
    not_before: datetime | None = None
    """From when we trust it; absent = as its certificate says."""
    not_after: datetime | None = None
    source: str = ""
    """Where the operator got it."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """令牌签发者: who may sign tokens with which keys and algorithms."""

    issuer: str
    keys: tuple[Mapping[str, Any], ...]
    """Public JWKs."""
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class StatusList:
    """状态列表: a Token Status List as it was fetched, still to be verified."""

    uri: str
    token: str
    fetched_at: datetime


@dataclass(frozen=True)
class TrustSnapshot:
    """信任快照. `sealers` None = no list of authorised seal makers is kept: that check is skipped."""

    generation: str
    anchors: tuple[Anchor, ...] = ()
    intermediates: tuple[Certificate, ...] = ()
    crls: tuple[Crl, ...] = ()
    sealers: frozenset[str] | None = None
    """SHA-256 of the certificates of authorised seal makers, hexadecimal."""
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    status_lists: Mapping[str, StatusList] = field(default_factory=dict)
    by_subject: Mapping[Name, tuple[Certificate, ...]] = field(init=False)
    lists: Mapping[Name, tuple[Crl, ...]] = field(init=False)
    """Revocation lists whose signature holds, by issuer, the newest first."""

    def __post_init__(self) -> None:
        known: dict[Name, tuple[Certificate, ...]] = {}
        for one in dict.fromkeys((*(anchor.certificate for anchor in self.anchors), *self.intermediates)):
            known[one.subject] = (*known.get(one.subject, ()), one)
        object.__setattr__(self, "by_subject", known)
        lists: dict[Name, tuple[Crl, ...]] = {}
        for listed in sorted(self.crls, key=lambda one: one.this_update, reverse=True):
            if any(listed.signed_by(authority) for authority in known.get(listed.issuer, ())):
                lists[listed.issuer] = (*lists.get(listed.issuer, ()), listed)
        object.__setattr__(self, "lists", lists)

    def anchor(self, certificate: Certificate, purpose: Purpose, at: datetime) -> Anchor | None:
        """The anchor that this certificate is for that purpose at that time."""
        for anchor in self.anchors:
            begins, ends = anchor.not_before, anchor.not_after
            if (
                anchor.certificate == certificate
                and purpose in anchor.purposes
                and (begins is None or begins <= at)
                and (ends is None or at <= ends)
            ):
                return anchor
        return None


def generation_of(parts: Iterable[bytes]) -> str:
    """A generation's name from what is in it: the same contents have the same name on every machine."""
    digest = hashlib.sha256()
    for part in sorted(hashlib.sha256(part).digest() for part in parts):
        digest.update(part)
    return digest.hexdigest()[:16]
