"""A small PKI: SM2, RSA and EC authorities and certificates, and revocation lists."""

import hashlib
import itertools
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from gateway.trust import sm2
from gateway.trust.sm2_curve import N
from tests.trust.office.der import TRUE, bits, generalized, integer, octets, oid, seq, set_of, tlv, utf8

SM2_SM3, RSA_SHA256, ECDSA_SHA256 = "1.2.156.10197.1.501", "1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"
_SM2_KEY = seq(oid("1.2.840.10045.2.1"), oid("1.2.156.10197.1.301"))
SIGNING, AUTHORITY = b"\x07\x80", b"\x01\x06"
"""keyUsage: digitalSignature; keyCertSign and cRLSign."""
EARLY, LATE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
_serials = itertools.count(1000)


@dataclass(frozen=True)
class Key:
    """A private key of one of three kinds, and what it says about itself."""

    kind: Literal["sm2", "rsa", "ec"]
    private: object
    spki: bytes
    algorithm: str

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, int):
            return sm2.encode_signature(*sm2.sign(self.private, message))
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        assert isinstance(self.private, ec.EllipticCurvePrivateKey)
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


def new_key(kind: Literal["sm2", "rsa", "ec"] = "sm2", *, rsa_bits: int = 2048) -> Key:
    if kind == "sm2":
        number = secrets.randbelow(N - 2) + 1
        return Key(kind, number, seq(_SM2_KEY, bits(sm2.encode_point(sm2.public_point(number)))), SM2_SM3)
    made: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "rsa":
        made = rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
    else:
        made = ec.generate_private_key(ec.SECP256R1())
    spki = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(kind, made, spki, RSA_SHA256 if kind == "rsa" else ECDSA_SHA256)


def algorithm(number: str) -> bytes:
    return seq(oid(number))


def name(common: str) -> bytes:
    parts = (("2.5.4.6", tlv(19, b"CN")), ("2.5.4.10", utf8("演示（虚构）机构")), ("2.5.4.3", utf8(common)))
    return seq(*(set_of(seq(oid(number), value)) for number, value in parts))


def extension(number: str, content: bytes, *, critical: bool = False) -> bytes:
    return seq(oid(number), *([TRUE] if critical else []), octets(content))


@dataclass
class Holder:
    """A key with its certificate, and what it has issued and revoked."""

    common: str
    key: Key
    certificate: bytes
    serial: int
    revoked: dict[int, tuple[datetime, int]] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.certificate).hexdigest()

    def issue(
        self,
        common: str,
        *,
        kind: Literal["sm2", "rsa", "ec"] = "sm2",
        authority: bool = False,
        usage: bytes | None = SIGNING,
        span: tuple[datetime, datetime] = (EARLY, LATE),
        extra: tuple[bytes, ...] = (),
        path_length: int | None = None,
        key: Key | None = None,
    ) -> "Holder":
        key = key or new_key(kind)
        usage = AUTHORITY if authority else usage
        extensions = list(extra)
        if authority:
            length = [] if path_length is None else [integer(path_length)]
            extensions.append(extension("2.5.29.19", seq(TRUE, *length), critical=True))
        if usage is not None:
            extensions.append(extension("2.5.29.15", tlv(3, usage), critical=True))
        serial = next(_serials)
        made = certificate_of(self, name(common), key.spki, serial, span, extensions)
        return Holder(common, key, made, serial)

    def revoke(self, other: "Holder", at: datetime, *, reason: int = 0) -> None:
        self.revoked[other.serial] = (at, reason)

    def crl(self, *, this: datetime, following: datetime | None, extra: tuple[bytes, ...] = ()) -> bytes:
        entries = [
            seq(integer(serial), generalized(at), seq(extension("2.5.29.21", tlv(10, bytes([reason])))))
            for serial, (at, reason) in self.revoked.items()
        ]
        body = seq(
            integer(1),
            algorithm(self.key.algorithm),
            name(self.common),
            generalized(this),
            *([generalized(following)] if following else []),
            *([seq(*entries)] if entries else []),
            *([tlv(0xA0, seq(*extra))] if extra else []),
        )
        return seq(body, algorithm(self.key.algorithm), bits(self.key.sign(body)))


def certificate_of(
    issuer: Holder,
    subject: bytes,
    spki: bytes,
    serial: int,
    span: tuple[datetime, datetime],
    extensions: list[bytes],
) -> bytes:
    body = seq(
        tlv(0xA0, integer(2)),
        integer(serial),
        algorithm(issuer.key.algorithm),
        name(issuer.common),
        seq(*(generalized(moment) for moment in span)),
        subject,
        spki,
        *([tlv(0xA3, seq(*extensions))] if extensions else []),
    )
    return seq(body, algorithm(issuer.key.algorithm), bits(issuer.key.sign(body)))


def root(common: str = "演示根", *, kind: Literal["sm2", "rsa", "ec"] = "sm2") -> Holder:
    """A self-signed authority."""
    key = new_key(kind)
    itself = Holder(common, key, b"", 1)
    extensions = [
        extension("2.5.29.19", seq(TRUE), critical=True),
        extension("2.5.29.15", tlv(3, AUTHORITY), critical=True),
    ]
    itself.certificate = certificate_of(itself, name(common), key.spki, 1, (EARLY, LATE), extensions)
    return itself
