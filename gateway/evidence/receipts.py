"""回执: the signed proof that an application was taken, over its number, its body's digest and the time."""

from typing import Any

import jwt

from gateway.evidence.jws import Signer
from gateway.evidence.keys import KeyRing

RECEIPT_TYPE = "tongban-receipt+jws"


class ReceiptSigner:
    """Signs receipts for one city."""

    def __init__(self, ring: KeyRing, city: str) -> None:
        self._signer = Signer(ring, RECEIPT_TYPE)
        self._city = city

    def sign(self, application_id: str, body_sha256: str, caller: str, accepted_at_ms: int) -> str:
        """The compact JWS of a receipt."""
        return self._signer.sign(
            {
                "iss": self._city,
                "sub": application_id,
                "iat": accepted_at_ms // 1000,
                "accepted_at_ms": accepted_at_ms,
                "body_sha256": body_sha256,
                "caller": caller,
            }
        )


def read_receipt(jws: str, ring: KeyRing) -> dict[str, Any]:
    """The claims of a receipt that one of our keys signed; jwt.PyJWTError where it does not verify."""
    header = jwt.get_unverified_header(jws)
    if header.get("typ") != RECEIPT_TYPE:
        raise jwt.InvalidTokenError("not a receipt")
    key = ring.public_keys.get(str(header.get("kid")))
    if key is None:
        raise jwt.InvalidTokenError("signed by a key that is not ours")
    claims: dict[str, Any] = jwt.decode(jws, key, algorithms=["ES256"], options={"require": ["iss", "sub", "iat"]})
    return claims
