"""TIF网关签名: x-tif-* headers, as public code of several Guangdong systems computes them (domain facts §8).

Body, method and path are not signed: that is the scheme's weakness, and the nonce is all there is against replay.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from pydantic import ValidationError

from adapters.operations import TifUser
from adapters.signing.signed import Signed, outlives, same, signed_time, wrong_signature

_LONGEST_NONCE = 128


def signature(timestamp: str, token: str, nonce: str, user: TifUser | None = None) -> str:
    """Upper-case hex SHA-256 of timestamp + token + nonce, with a user context ,uid,uinfo,ext, and timestamp again."""
    context = "" if user is None else f",{user.uid},{user.info},{user.ext}"
    return hashlib.sha256(f"{timestamp}{token}{nonce}{context}{timestamp}".encode()).hexdigest().upper()


def headers(paasid: str, token: str, nonce: str, *, now: datetime, user: TifUser | None = None) -> dict[str, str]:
    """The four headers of a request, seven with a user context; the timestamp is in seconds."""
    timestamp = str(int(now.timestamp()))
    context = {} if user is None else {"x-tif-uid": user.uid, "x-tif-uinfo": user.info, "x-tif-ext": user.ext}
    return {
        "x-tif-paasid": paasid,
        "x-tif-timestamp": timestamp,
        "x-tif-nonce": nonce,
        **context,
        "x-tif-signature": signature(timestamp, token, nonce, user),
    }


def verify(given: Mapping[str, str], paasid: str, token: str, *, now: datetime, tolerance_s: int) -> Signed:
    """Check lower-case named headers. Unauthenticated for a wrong signature or a time out of tolerance."""
    timestamp, nonce = given.get("x-tif-timestamp", ""), given.get("x-tif-nonce", "")
    wanted = signature(timestamp, token, nonce, _user(given))
    right = same(given.get("x-tif-signature", ""), wanted) and same(given.get("x-tif-paasid", ""), paasid)
    if not right or not 0 < len(nonce) <= _LONGEST_NONCE:
        raise wrong_signature()
    stated = signed_time(timestamp, per_second=1, now=now, tolerance_s=tolerance_s)
    return Signed(nonce, outlives(stated, tolerance_s))


def _user(given: Mapping[str, str]) -> TifUser | None:
    """The user context a call came with, if it has one."""
    if "x-tif-uid" not in given:
        return None
    try:
        return TifUser(uid=given["x-tif-uid"], info=given.get("x-tif-uinfo", ""), ext=given.get("x-tif-ext", ""))
    except ValidationError:
        raise wrong_signature() from None
