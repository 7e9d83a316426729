"""声明: the claims of a token by their own rules: times are whole seconds, an issuer is named, nothing is for ever."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.trust.checks import Ledger
from gateway.trust.judging import Judging
from schemas.verification import SubIndication as Sub

_LATEST_S = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a token was issued, from when and until when it holds."""

    issued: datetime | None
    begins: datetime | None
    expires: datetime | None


def check_times(ledger: Ledger, claims: Mapping[str, Any], judging: Judging, *, must_expire: bool = True) -> Times:
    """Note whether the token holds at the moment of judging."""
    found: dict[str, datetime | None] = {}
    for name in ("iat", "nbf", "exp"):
        value = claims.get(name)
        if value is None:
            found[name] = None
        elif type(value) is not int or not 0 <= value <= _LATEST_S:
            ledger.failed("claims", Sub.FORMAT_FAILURE, f"令牌的时间 {name} 不是整数秒。", claim=name)
            return Times(None, None, None)
        else:
            found[name] = datetime.fromtimestamp(value, UTC)
    times = Times(found["iat"], found["nbf"], found["exp"])
    if times.issued is None or (must_expire and times.expires is None):
        ledger.failed("claims", Sub.FORMAT_FAILURE, "令牌缺少签发时间或到期时间。")
        return times
    ledger.passed("claims", "令牌的时间写法正确。")
    _check_span(ledger, times, judging)
    return times


def _check_span(ledger: Ledger, times: Times, judging: Judging) -> None:
    now, skew_s = judging.now, judging.policy.clock_skew_s
    for moment in (times.issued, times.begins):
        if moment is not None and (moment - now).total_seconds() > skew_s:
            text = "令牌尚未生效，或签发时间在核验时刻之后。"
            ledger.unsure("validity", Sub.NOT_YET_VALID, text, at=moment.isoformat())
            return
    if times.expires is not None and now >= times.expires:
        ledger.unsure("validity", Sub.EXPIRED, "令牌已过有效期，请出示新的。", at=times.expires.isoformat())
    else:
        ledger.passed("validity", "令牌在有效期内。")
