"""TIF网关签名: x-tif-* headers, as public code of several Guangdong systems computes them (domain facts §8).

Body, method and path are not signed: that is the scheme's weakness, and the nonce is all there is against replay.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from adapters.signing.signed import Signed, outlives, same, signed_time, wrong_signature

_LONGEST_NONCE = 128


def signature(timestamp: str, token: str, nonce: str) -> str:
    """Upper-case hex SHA-256 of timestamp + token + nonce + timestamp."""
    return hashlib.sha256(f"{timestamp}{token}{nonce}{timestamp}".encode()).hexdigest().upper()


def headers(paasid: str, token: str, nonce: str, *, now: datetime) -> dict[str, str]:
    """The four headers of a request; the timestamp is in seconds."""
    timestamp = str(int(now.timestamp()))
    return {
        "x-tif-paasid": paasid,
        "x-tif-timestamp": timestamp,
        "x-tif-nonce": nonce,
        "x-tif-signature": signature(timestamp, token, nonce),
    }


def verify(given: Mapping[str, str], paasid: str, token: str, *, now: datetime, tolerance_s: int) -> Signed:
    """Check lower-case named headers. Unauthenticated for a wrong signature or a time out of tolerance."""
    timestamp, nonce = given.get("x-tif-timestamp", ""), given.get("x-tif-nonce", "")
    wanted = signature(timestamp, token, nonce)
    right = same(given.get("x-tif-signature", ""), wanted) and same(given.get("x-tif-paasid", ""), paasid)
    if not right or not 0 < len(nonce) <= _LONGEST_NONCE:
        raise wrong_signature()
    stated = signed_time(timestamp, per_second=1, now=now, tolerance_s=tolerance_s)
    return Signed(nonce, outlives(stated, tolerance_s))
