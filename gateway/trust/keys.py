"""公钥与签名算法: what a public key can verify, and which algorithms are too weak to prove anything."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.trust import der, sm2
from gateway.trust.der import DerError, Node
from gateway.trust.sm2_curve import Point

SM2_SM3 = "1.2.156.10197.1.501"
SM2_OIDS = frozenset({SM2_SM3, "1.2.156.10197.1.301", "1.2.156.10197.1.301.1"})
"""Signature algorithm numbers under which SM2 with SM3 is found in real files."""
_SM2_CURVE = "1.2.156.10197.1.301"
_EC_KEY, _RSA_KEY, _ED25519 = "1.2.840.10045.2.1", "1.2.840.113549.1.1.1", "1.3.101.112"
_HASHES: dict[str, tuple[Literal["rsa", "ec"], hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.4": ("rsa", hashes.MD5()),  # noqa: S303 - named so that it can be refused by name
    "1.2.840.113549.1.1.5": ("rsa", hashes.SHA1()),  # noqa: S303
    "1.2.840.113549.1.1.11": ("rsa", hashes.SHA256()),
    "1.2.840.113549.1.1.12": ("rsa", hashes.SHA384()),
    "1.2.840.113549.1.1.13": ("rsa", hashes.SHA512()),
    "1.2.156.10197.1.504": ("rsa", hashes.SM3()),
    "1.2.840.10045.4.1": ("ec", hashes.SHA1()),  # noqa: S303
    "1.2.840.10045.4.3.2": ("ec", hashes.SHA256()),
    "1.2.840.10045.4.3.3": ("ec", hashes.SHA384()),
    "1.2.840.10045.4.3.4": ("ec", hashes.SHA512()),
}
WEAK_SIGNATURES = frozenset({"1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"})
_SMALLEST_RSA = 2048


def family(algorithm: str) -> str:
    """sm2, rsa, ec or ed25519: which keys an algorithm is for; empty for an unknown one."""
    if algorithm in SM2_OIDS:
        return "sm2"
    return "ed25519" if algorithm == _ED25519 else _HASHES.get(algorithm, ("", None))[0]


def digest_of(algorithm: str) -> str:
    """The name of the digest an algorithm signs, as hashlib knows it; sm3 for SM2."""
    digest = _HASHES.get(algorithm, ("", None))[1]
    return "sm3" if digest is None else digest.name


ClassicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """公钥: an SM2 point, or a key that `cryptography` knows."""

    kind: Literal["sm2", "rsa", "ec", "ed25519"]
    spki: bytes
    """SubjectPublicKeyInfo as it is encoded."""
    point: Point | None = None
    key: ClassicKey | None = None

    @property
    def is_weak(self) -> bool:
        """An RSA key below 2048 bits."""
        return isinstance(self.key, rsa.RSAPublicKey) and self.key.key_size < _SMALLEST_RSA

    def verify(self, algorithm: str, message: bytes, signature: bytes, *, raw: bool = False) -> bool:
        """Whether `signature` over `message` holds under the algorithm with this number.

        False also for an algorithm that does not fit the key, and for an ill-formed value. `raw`: an SM2 value of 64
        bytes r‖s, as some real issuers write it.
        """
        if self.point is not None:
            if algorithm not in SM2_OIDS:
                return False
            try:
                r, s = sm2.signature_numbers(signature, raw=raw)
            except sm2.BadSignature:
                return False
            return sm2.verify(self.point, message, r, s)
        return self._verify_classic(algorithm, message, signature)

    def _verify_classic(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        kind, digest = _HASHES.get(algorithm, ("", None))
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey) and algorithm == _ED25519:
                self.key.verify(signature, message)
                return True
            if isinstance(self.key, rsa.RSAPublicKey) and kind == "rsa" and digest is not None:
                self.key.verify(signature, message, padding.PKCS1v15(), digest)
                return True
            if isinstance(self.key, ec.EllipticCurvePublicKey) and kind == "ec" and digest is not None:
                self.key.verify(signature, message, ec.ECDSA(digest))
                return True
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return False


@lru_cache(maxsize=1024)
def public_key(spki: bytes) -> PublicKey:
    """The key in a SubjectPublicKeyInfo. DerError for one that is malformed, off its curve or of an unknown kind."""
    algorithm, bits = der.sequence(der.read(spki), at_least=2, at_most=2)
    parts = der.sequence(algorithm, at_least=1, at_most=2)
    number = der.oid(parts[0])
    if number == _EC_KEY and len(parts) == 2 and _curve(parts[1]) == _SM2_CURVE:
        return PublicKey("sm2", spki, point=sm2.point_of(der.whole_bits(bits)))
    if number not in {_EC_KEY, _RSA_KEY, _ED25519}:
        raise DerError(f"a public key of the unknown kind {number}")
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        raise DerError("a public key that cannot be used") from None
    if isinstance(key, rsa.RSAPublicKey):
        return PublicKey("rsa", spki, key=key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return PublicKey("ec", spki, key=key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PublicKey("ed25519", spki, key=key)
    raise DerError("a public key of an unknown kind")


def _curve(parameters: Node) -> str | None:
    return der.oid(parameters) if parameters.tag == der.OID else None
