"""SignedData: GB/T 35275 (GM/T 0010) and CMS signatures with their certificates, read by strict DER.

Numbers of either family are taken inside the other: real issuers mix them. One signer, by issuer and serial number.
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.trust import der
from gateway.trust.certificates import Certificate, CertificateError, Name, certificate, name
from gateway.trust.der import DerError, Node

SIGNED = frozenset({"1.2.156.10197.6.1.4.2.2", "1.2.840.113549.1.7.2"})
_CONTENT_TYPE, _DIGEST, _TIME = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"
_STAMP, _CERTIFICATE_1, _CERTIFICATE_2 = (f"1.2.840.113549.1.9.16.2.{last}" for last in (14, 12, 47))
_DATA = frozenset({"1.2.156.10197.6.1.4.2.1", "1.2.840.113549.1.7.1"})
"""Plain data in either family of numbers."""
DIGESTS = {
    "1.2.156.10197.1.401": "sm3",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.3.14.3.2.26": "sha1",
}
_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_COMBINED = {
    (_RSA, "sha1"): "1.2.840.113549.1.1.5",
    (_RSA, "sha256"): "1.2.840.113549.1.1.11",
    (_RSA, "sha384"): "1.2.840.113549.1.1.12",
    (_RSA, "sha512"): "1.2.840.113549.1.1.13",
    (_RSA, "sm3"): "1.2.156.10197.1.504",
    (_EC, "sha256"): "1.2.840.10045.4.3.2",
    (_EC, "sha384"): "1.2.840.10045.4.3.3",
    (_EC, "sha512"): "1.2.840.10045.4.3.4",
}
"""A signer that names only the kind of its key signs the digest named beside it (RFC 3370 §3.2)."""
_MOST_CERTIFICATES = 32


@dataclass(frozen=True, slots=True)
class SignedData:
    """签名数据 of one signer."""

    content_type: str
    content: bytes | None
    """Encapsulated content; None where it is detached."""
    certificates: tuple[Certificate, ...]
    issuer: Name
    serial: int
    digest: str
    """Name of the digest algorithm, or its number where it is unknown."""
    algorithm: str
    signature: bytes
    signed_attributes: bytes | None
    """As they are signed: the DER of a SET OF."""
    message_digest: bytes | None
    signing_time: datetime | None
    certificate_hash: tuple[str, bytes] | None = None
    """(digest, value) by which the signer names its own certificate (RFC 5035), where it does."""
    timestamp: bytes | None = None
    """A timestamp token over the signature value."""

    def signer(self) -> Certificate | None:
        """The certificate that the signer's issuer and serial number name."""
        for one in self.certificates:
            if one.issuer == self.issuer and one.serial == self.serial:
                return one
        return None


def signed_data(content: bytes) -> SignedData:
    """Read a ContentInfo that holds SignedData. DerError says what is wrong."""
    wrapped = der.sequence(der.read(content), at_least=2, at_most=2)
    if der.oid(wrapped[0]) not in SIGNED or wrapped[1].tag != 0xA0:
        raise DerError("not signed data")
    parts = list(der.sequence(wrapped[1].children(at_most=1)[0], at_least=4, at_most=6))
    _version, _digests, encapsulated, *rest = parts
    certificates: tuple[Certificate, ...] = ()
    while rest and rest[0].tag in (0xA0, 0xA1):
        part = rest.pop(0)
        if part.tag == 0xA0:
            certificates = _certificates(part)
    if len(rest) != 1:
        raise DerError("not one list of signers")
    signers = rest[0].expect(der.SET).children(at_most=2)
    if len(signers) != 1:
        raise DerError("not exactly one signer")
    kind, held = _encapsulated(encapsulated)
    return _signer(signers[0], kind, held, certificates)


def _certificates(node: Node) -> tuple[Certificate, ...]:
    try:
        return tuple(certificate(one.der) for one in node.children(at_most=_MOST_CERTIFICATES))
    except CertificateError as error:
        raise DerError(str(error)) from None


def _encapsulated(node: Node) -> tuple[str, bytes | None]:
    parts = der.sequence(node, at_least=1, at_most=2)
    if len(parts) == 1:
        return der.oid(parts[0]), None
    held = parts[1].expect(0xA0).children(at_most=1)
    if len(held) != 1:
        raise DerError("not one content")
    return der.oid(parts[0]), der.octets(held[0])


def _signer(node: Node, kind: str, held: bytes | None, certificates: tuple[Certificate, ...]) -> SignedData:
    parts = list(der.sequence(node, at_least=5, at_most=7))
    _version, identity, digest, *rest = parts
    issuer, serial = der.sequence(identity, at_least=2, at_most=2)
    attributes = rest.pop(0) if rest and rest[0].tag == 0xA0 else None
    if len(rest) < 2:
        raise DerError("a signer cut short")
    number = der.oid(der.sequence(digest, at_least=1)[0])
    signed = {} if attributes is None else _attributes(attributes)
    if attributes is not None:
        _check_attributes(signed, kind)
    algorithm, digest_name = der.oid(der.sequence(rest[0], at_least=1)[0]), DIGESTS.get(number, number)
    unsigned = _attributes(rest[2]) if len(rest) > 2 and rest[2].tag == 0xA1 else {}
    return SignedData(
        content_type=kind,
        content=held,
        certificates=certificates,
        issuer=name(issuer),
        serial=der.integer(serial),
        digest=digest_name,
        algorithm=_COMBINED.get((algorithm, digest_name), algorithm),
        signature=der.octets(rest[1]),
        signed_attributes=None if attributes is None else b"\x31" + attributes.der[1:],
        message_digest=der.octets(signed[_DIGEST]) if signed else None,
        signing_time=der.time(signed[_TIME]) if _TIME in signed else None,
        certificate_hash=_certificate_hash(signed),
        timestamp=unsigned[_STAMP].der if _STAMP in unsigned else None,
    )


def _attributes(node: Node) -> dict[str, Node]:
    """Attributes by their number; each stands once and has one value."""
    found: dict[str, Node] = {}
    for one in node.children(at_most=64):
        number, values = der.sequence(one, at_least=2, at_most=2)
        held = values.expect(der.SET).children(at_most=16)
        if der.oid(number) in found or len(held) != 1:
            raise DerError("an attribute that occurs twice, or without exactly one value")
        found[der.oid(number)] = held[0]
    return found


def _check_attributes(signed: dict[str, Node], kind: str) -> None:
    """Signed attributes hold a digest, and the content type is that of the content."""
    if _DIGEST not in signed:
        raise DerError("signed attributes without a message digest")
    told = der.oid(signed[_CONTENT_TYPE]) if _CONTENT_TYPE in signed else kind
    if told != kind and not {told, kind} <= _DATA:
        raise DerError("signed attributes of another content type")


def _certificate_hash(signed: dict[str, Node]) -> tuple[str, bytes] | None:
    """The first certificate that is named is the signer's (RFC 5035 §5.4.1); SHA-256 where no digest is named."""
    if _CERTIFICATE_2 in signed:
        first = der.sequence(
            der.sequence(der.sequence(signed[_CERTIFICATE_2], at_least=1)[0], at_least=1)[0], at_least=1
        )
        if first[0].tag == der.SEQUENCE:
            number = der.oid(der.sequence(first[0], at_least=1)[0])
            return DIGESTS.get(number, number), der.octets(first[1] if len(first) > 1 else first[0])
        return "sha256", der.octets(first[0])
    if _CERTIFICATE_1 in signed:
        first = der.sequence(
            der.sequence(der.sequence(signed[_CERTIFICATE_1], at_least=1)[0], at_least=1)[0], at_least=1
        )
        return "sha1", der.octets(first[0])
    return None
