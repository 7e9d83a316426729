"""国家数据共享交换平台签名: gjgxjhpt_* headers (domain facts §8). Neither body nor path is signed."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from adapters.signing.signed import Signed, outlives, same, signed_time, wrong_signature


def signature(appsecret: str, sender_id: str, service_id: str, time_ms: str) -> str:
    """Base64 of HMAC-SHA256 over sid + rid + rtime."""
    mac = hmac.digest(appsecret.encode(), f"{sender_id}{service_id}{time_ms}".encode(), hashlib.sha256)
    return base64.b64encode(mac).decode()


def headers(service_id: str, sender_id: str, appsecret: str, *, now: datetime) -> dict[str, str]:
    """The four headers of a request; rtime is in milliseconds."""
    time_ms = str(int(now.timestamp() * 1000))
    return {
        "gjgxjhpt_rid": service_id,
        "gjgxjhpt_sid": sender_id,
        "gjgxjhpt_rtime": time_ms,
        "gjgxjhpt_sign": signature(appsecret, sender_id, service_id, time_ms),
    }


def verify(
    given: Mapping[str, str], service_id: str, sender_id: str, appsecret: str, *, now: datetime, tolerance_s: int
) -> Signed:
    """Check lower-case named headers; the scheme has no nonce, so the signature itself stands for it.

    Unauthenticated for a wrong signature or a time out of tolerance. Two calls in one millisecond look alike.
    """
    time_ms, sign = given.get("gjgxjhpt_rtime", ""), given.get("gjgxjhpt_sign", "")
    right = same(sign, signature(appsecret, sender_id, service_id, time_ms))
    if not right or given.get("gjgxjhpt_rid") != service_id or given.get("gjgxjhpt_sid") != sender_id:
        raise wrong_signature()
    stated = signed_time(time_ms, per_second=1000, now=now, tolerance_s=tolerance_s)
    return Signed(sign, outlives(stated, tolerance_s))
