"""对方回执: a peer's signed receipt, held against what was sent; a receipt for something else is no receipt."""

from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.types import Options

from adapters.peer_words import RECEIPT_TYPE, caller
from adapters.signing.http_signature import FindKey
from schemas.errors import PartnerProtocol

_CLAIMS = ["iss", "sub", "iat", "body_sha256", "caller"]
_BY_US: Options = {"require": _CLAIMS, "verify_iat": False, "verify_aud": False}


def check_receipt(jws: str, find_key: FindKey, *, city: str, own: str, application_id: UUID, body_sha256: str) -> None:
    """PartnerProtocol unless `city` attests with a key of its own that it has this application from `own`."""
    try:
        header = jwt.get_unverified_header(jws)
        key = find_key(str(header.get("kid")))
        if key is None or header.get("typ") != RECEIPT_TYPE:
            raise _worthless()
        claims = _claims(jws, key)
    except jwt.PyJWTError:
        raise _worthless() from None
    wanted = {"iss": city, "sub": str(application_id), "body_sha256": body_sha256, "caller": caller(own)}
    if any(claims.get(name) != value for name, value in wanted.items()):
        raise _worthless()


def _claims(jws: str, key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    return jwt.decode(jws, key, algorithms=["ES256"], options=_BY_US)


def _worthless() -> PartnerProtocol:
    return PartnerProtocol(
        "The peer's receipt is not signed by it, or is for something else.", "对方的回执验签不过，或与所送报文不符。"
    )
