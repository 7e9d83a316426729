"""吊销列表: a CRL (RFC 5280 §5) read once into a map, its signature checked against the authority it names."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.trust import der
from gateway.trust.certificates import Certificate, CertificateError, Name, name
from gateway.trust.der import DerError, Node

_REASON, _DELTA, _SCOPE = "2.5.29.21", "2.5.29.27", "2.5.29.28"
_PEM = re.compile(rb"-----BEGIN X509 CRL-----(.*?)-----END", re.S)
_REASONS = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    8: "removeFromCRL",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}


@dataclass(frozen=True, slots=True)
class Revoked:
    """One entry."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Crl:
    """吊销列表 of one issuer."""

    issuer: Name
    this_update: datetime
    next_update: datetime | None
    entries: Mapping[int, Revoked]
    tbs: bytes
    algorithm: str
    signature: bytes

    def signed_by(self, authority: Certificate) -> bool:
        """Whether this authority issued it, and may issue lists."""
        if authority.subject != self.issuer or (authority.usage is not None and "crl_sign" not in authority.usage):
            return False
        return authority.key.verify(self.algorithm, self.tbs, self.signature)


def crl(content: bytes) -> Crl:
    """Read a list, PEM or DER. CertificateError for one that cannot be used, delta and partitioned lists included."""
    block = _PEM.search(content)
    try:
        encoded = base64.b64decode(b"".join(block[1].split()), validate=True) if block else content
        return _crl(encoded)
    except ValueError as error:  # DerError, binascii.Error
        raise CertificateError(f"not a usable revocation list: {error}") from None


def _crl(encoded: bytes) -> Crl:
    body, algorithm, signature = der.sequence(der.read(encoded), at_least=3, at_most=3)
    parts = list(der.sequence(body, at_least=3))
    if parts[0].tag == der.INTEGER:
        parts.pop(0)
    inner, issuer, this_update, *rest = parts
    if inner.der != algorithm.der:
        raise DerError("the two signature algorithms differ")
    next_update = None
    if rest and rest[0].tag in (der.UTC_TIME, der.GENERALIZED_TIME):
        next_update = der.time(rest.pop(0))
    entries: dict[int, Revoked] = {}
    if rest and rest[0].tag == der.SEQUENCE:
        entries = dict(_entry(one) for one in der.sequence(rest.pop(0), at_most=2_000_000))
    for one in rest:
        _refuse_partial(one)
    return Crl(
        name(issuer),
        der.time(this_update),
        next_update,
        entries,
        body.der,
        der.oid(der.sequence(algorithm, at_least=1)[0]),
        der.whole_bits(signature),
    )


def _entry(node: Node) -> tuple[int, Revoked]:
    parts = der.sequence(node, at_least=2, at_most=3)
    reason = "unspecified"
    for one in der.sequence(parts[2]) if len(parts) == 3 else ():
        fields = der.sequence(one, at_least=2, at_most=3)
        if der.oid(fields[0]) == _REASON:
            reason = _REASONS.get(der.integer(der.read(der.octets(fields[-1]))), "unspecified")
    return der.integer(parts[0]), Revoked(der.time(parts[1]), reason)


def _refuse_partial(node: Node) -> None:
    """A list that covers only some certificates would make the others look good."""
    for holder in node.expect(0xA0).children(at_most=1):
        for one in der.sequence(holder):
            if der.oid(der.sequence(one, at_least=2)[0]) in {_DELTA, _SCOPE}:
                raise DerError("a delta or partitioned list")
