"""数字证书: what verification needs of an X.509 certificate (RFC 5280), read strictly and no more than that.

Some certificates of real seals have unique identifiers of the wrong type; those fields are not looked into. What is
read is read by strict DER; CertificateError says what is wrong.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from gateway.trust import der
from gateway.trust.der import DerError, Node
from gateway.trust.keys import PublicKey, public_key

_BASIC, _USAGE, _EXTENDED, _POLICIES = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.32"
_KEY_ID, _ISSUER_KEY_ID, _CRL_POINTS = "2.5.29.14", "2.5.29.35", "2.5.29.31"
_UNDERSTOOD = frozenset({_BASIC, _USAGE, _EXTENDED, _KEY_ID, _ISSUER_KEY_ID, _CRL_POINTS, _POLICIES, "2.5.29.17"})
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.5": "serialNumber",
    "1.2.840.113549.1.9.1": "E",
}
_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)-----END", re.S)
Name = tuple[tuple[tuple[str, str], ...], ...]
"""Relative names, each a sorted tuple of (type, folded value)."""


class CertificateError(ValueError):
    """Not a certificate this gateway can use."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """证书. Equal when its encoding is."""

    der: bytes
    tbs: bytes
    """What the issuer signed."""
    serial: int
    issuer: Name
    subject: Name
    subject_text: str
    not_before: datetime
    not_after: datetime
    key: PublicKey
    algorithm: str
    """Number of the signature algorithm."""
    signature: bytes
    is_authority: bool | None = None
    """basicConstraints cA; None where the extension is absent."""
    path_length: int | None = None
    usage: frozenset[str] | None = None
    """keyUsage; None where the extension is absent."""
    extended_usage: frozenset[str] = frozenset()
    key_id: bytes | None = None
    issuer_key_id: bytes | None = None
    crl_points: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    """Critical extensions that are not understood here."""
    sha256: str = field(default="")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    @property
    def self_issued(self) -> bool:
        """Whether issuer and subject are the same name."""
        return self.issuer == self.subject


@dataclass(slots=True)
class _Extensions:
    is_authority: bool | None = None
    path_length: int | None = None
    usage: frozenset[str] | None = None
    extended_usage: frozenset[str] = frozenset()
    key_id: bytes | None = None
    issuer_key_id: bytes | None = None
    crl_points: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()


def from_file(content: bytes) -> list[Certificate]:
    """Every certificate of a PEM or DER file, in order. CertificateError for a file without any."""
    blocks = _PEM.findall(content)
    try:
        ders = [base64.b64decode(b"".join(block.split()), validate=True) for block in blocks] or [content]
    except binascii.Error:
        raise CertificateError("the PEM block is not base64") from None
    return [certificate(one) for one in ders]


@lru_cache(maxsize=4096)
def certificate(encoded: bytes) -> Certificate:
    """Read one certificate. CertificateError says what is wrong with it."""
    try:
        return _certificate(encoded)
    except DerError as error:
        raise CertificateError(str(error)) from None


def _certificate(encoded: bytes) -> Certificate:
    body, algorithm, signature = der.sequence(der.read(encoded), at_least=3, at_most=3)
    parts = list(der.sequence(body, at_least=6))
    if parts[0].tag == 0xA0:
        parts.pop(0)
    serial, inner, issuer, validity, subject, spki, *rest = parts
    if inner.der != algorithm.der:
        raise CertificateError("the two signature algorithms differ")
    begins, ends = der.sequence(validity, at_least=2, at_most=2)
    extensions = _extensions(rest)
    return Certificate(
        der=encoded,
        tbs=body.der,
        serial=der.integer(serial),
        issuer=name(issuer),
        subject=name(subject),
        subject_text=name_text(subject),
        not_before=der.time(begins),
        not_after=der.time(ends),
        key=public_key(spki.der),
        algorithm=der.oid(der.sequence(algorithm, at_least=1)[0]),
        signature=der.whole_bits(signature),
        is_authority=extensions.is_authority,
        path_length=extensions.path_length,
        usage=extensions.usage,
        extended_usage=extensions.extended_usage,
        key_id=extensions.key_id,
        issuer_key_id=extensions.issuer_key_id,
        crl_points=extensions.crl_points,
        not_understood=extensions.not_understood,
        sha256=hashlib.sha256(encoded).hexdigest(),
    )


def name(node: Node) -> Name:
    """A name for comparison: values folded and with single spaces, whatever string type they were written in."""
    found = []
    for relative in der.sequence(node):
        pairs = [_pair(one) for one in relative.expect(der.SET).children()]
        found.append(tuple(sorted((kind, " ".join(value.split()).casefold()) for kind, value in pairs)))
    return tuple(found)


def name_text(node: Node) -> str:
    """A name for people, the most particular part first."""
    pairs = [_pair(one) for relative in der.sequence(node) for one in relative.expect(der.SET).children()]
    return ", ".join(f"{_NAMES.get(kind, kind)}={value}" for kind, value in reversed(pairs))


def _pair(node: Node) -> tuple[str, str]:
    kind, value = der.sequence(node, at_least=2, at_most=2)
    try:
        return der.oid(kind), der.text(value)
    except DerError:
        return der.oid(kind), value.der.hex()


def _extensions(rest: Sequence[Node]) -> _Extensions:
    found = _Extensions()
    wrapped = [node for node in rest if node.tag == 0xA3]
    if not wrapped:
        return found
    (holder,) = wrapped[0].children(at_most=1) or (None,)
    if holder is None or len(wrapped) > 1:
        raise CertificateError("the extensions are not one list")
    seen: set[str] = set()
    for one in der.sequence(holder):
        parts = der.sequence(one, at_least=2, at_most=3)
        number = der.oid(parts[0])
        critical = len(parts) == 3 and der.boolean(parts[1])
        if number in seen:
            raise CertificateError(f"the extension {number} occurs twice")
        seen.add(number)
        _take(found, number, der.octets(parts[-1]))
        if critical and number not in _UNDERSTOOD:
            found.not_understood += (number,)
    return found


def _take(found: _Extensions, number: str, content: bytes) -> None:
    if number == _BASIC:
        parts = der.sequence(der.read(content), at_most=2)
        found.is_authority = bool(parts) and parts[0].tag == der.BOOLEAN and der.boolean(parts[0])
        found.path_length = der.integer(parts[-1]) if parts and parts[-1].tag == der.INTEGER else None
    elif number == _USAGE:
        bits, unused = der.bits(der.read(content))
        on = [place for place in range(8 * len(bits) - unused) if bits[place // 8] & 0x80 >> place % 8]
        found.usage = frozenset(_USAGES[place] for place in on if place < len(_USAGES))
    elif number == _EXTENDED:
        found.extended_usage = frozenset(der.oid(one) for one in der.sequence(der.read(content)))
    elif number == _KEY_ID:
        found.key_id = der.octets(der.read(content))
    elif number == _ISSUER_KEY_ID:
        ids = [one for one in der.sequence(der.read(content)) if one.tag == 0x80]
        found.issuer_key_id = ids[0].content if ids else None
    elif number == _CRL_POINTS:
        found.crl_points = tuple(re.findall(r"(?:https?|ldap)://[\x21-\x7e]+", content.decode("latin-1")))
