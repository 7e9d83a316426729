"""验签结果: what every scheme's check gives and raises."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.errors import Unauthenticated

_LONGEST_NUMBER = 16


@dataclass(frozen=True, slots=True)
class Signed:
    """已验签: `nonce` must not be taken a second time before `expires_at`."""

    nonce: str
    expires_at: datetime


def same(given: str, wanted: str) -> bool:
    """Compared in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def wrong_signature() -> Unauthenticated:
    """The error for headers that are missing or wrong, whichever it is."""
    return Unauthenticated("The signature headers are missing or wrong.", "签名信息缺失或不正确。")


def signed_time(text: str, *, per_second: int, now: datetime, tolerance_s: int) -> datetime:
    """The time a header states, as a whole number of seconds or milliseconds. Unauthenticated when it is stale."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        raise wrong_signature()
    stated_s = int(text) / per_second
    if abs(stated_s - now.timestamp()) > tolerance_s:
        raise Unauthenticated(
            "The time in the signature is too far from ours.", "签名时间与本机时间相差过大。", tolerance_s=tolerance_s
        )
    return datetime.fromtimestamp(stated_s, UTC)


def outlives(stated: datetime, tolerance_s: int) -> datetime:
    """Until when a replay would still pass the check of its time."""
    return stated + timedelta(seconds=tolerance_s + 1)
