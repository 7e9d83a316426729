"""JWS: compact ES256 signatures for receipts and tokens.

Written by hand over `cryptography` because pyjwt's encode costs twice the signature itself; pyjwt reads every
one of them back in the tests.
"""

from collections.abc import Mapping, Sequence

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.evidence.keys import KeyRing, base64url

_ES256 = ec.ECDSA(hashes.SHA256())


def signatures(key: ec.EllipticCurvePrivateKey, inputs: Sequence[bytes]) -> list[bytes]:
    """The raw r‖s signature over each signing input (RFC 7518 §3.4)."""
    pairs = [decode_dss_signature(key.sign(one, _ES256)) for one in inputs]
    return [r.to_bytes(32, "big") + s.to_bytes(32, "big") for r, s in pairs]


class Signer:
    """Signs JSON claims with one key ring; the header is prepared once."""

    def __init__(self, ring: KeyRing, typ: str) -> None:
        self._key = ring.private_key
        header = orjson.dumps({"alg": "ES256", "kid": ring.kid, "typ": typ})
        self._header = base64url(header) + "."

    def signing_input(self, claims: Mapping[str, object]) -> str:
        """Header and claims as they are signed."""
        return self._header + base64url(orjson.dumps(claims))

    def sign(self, claims: Mapping[str, object]) -> str:
        """A compact JWS over `claims`."""
        signing_input = self.signing_input(claims)
        (signature,) = signatures(self._key, [signing_input.encode()])
        return f"{signing_input}.{base64url(signature)}"


class RawSigner:
    """裸签名: signs bytes with one key ring, for schemes that carry the signature in a header."""

    def __init__(self, ring: KeyRing) -> None:
        self._key = ring.private_key
        self.kid = ring.kid

    def sign(self, data: bytes) -> bytes:
        """r‖s, 64 bytes."""
        (signature,) = signatures(self._key, [data])
        return signature
