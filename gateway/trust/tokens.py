"""令牌核验: a JWS or SD-JWT licence: its issuer, signature, times, disclosures, holder and status."""

from collections.abc import Mapping
from typing import Any

from gateway.trust.checks import Ledger, verdict
from gateway.trust.claims import Times, check_times
from gateway.trust.judged import Judged
from gateway.trust.judging import Judging
from gateway.trust.jws import EMBEDDED, Compact, TokenError, take_apart, verify_jws
from gateway.trust.sd_jwt import disclosed, split
from gateway.trust.snapshot import Issuer
from gateway.trust.status_list import check_status
from gateway.trust.strict_json import JsonError, strict_object
from schemas.verification import LicenceFormat, SignatureReport
from schemas.verification import SubIndication as Sub

_SD_TYPES = frozenset({"dc+sd-jwt", "vc+sd-jwt"})
_JWS_TYPES = frozenset({"jwt", "vc+jwt", "vp+jwt", "licence+jwt", ""})


def verify_token(content: bytes, judging: Judging) -> Judged:
    """Every check of a token."""
    ledger = Ledger(0)
    text = content.decode("ascii", errors="replace").strip()
    kind = LicenceFormat.SD_JWT if "~" in text else LicenceFormat.JWS
    times, issuer = Times(None, None, None), None
    facts: dict[str, Any] = {}
    try:
        facts, issuer, times = _verify(ledger, text, kind, judging)
    except TokenError as error:
        ledger.failed("token", error.sub, error.message_zh, reason=str(error)[:200])
    indication, sub = verdict(ledger.checks)
    signature = SignatureReport(
        index=0, kind=kind, signer=issuer, signed_at=times.issued, indication=indication, sub_indication=sub
    )
    return Judged(kind, tuple(ledger.checks), (signature,), tuple(ledger.dialects), facts)


def _verify(
    ledger: Ledger, text: str, kind: LicenceFormat, judging: Judging
) -> tuple[dict[str, Any], str | None, Times]:
    parts = split(text) if kind is LicenceFormat.SD_JWT else None
    token = take_apart(parts.issued if parts else text)
    ledger.passed("format", "令牌结构完整。", algorithm=token.algorithm, embedded=_embedded(token))
    typed = str(token.header.get("typ", "")).lower().removeprefix("application/")
    if typed not in (_SD_TYPES if parts else _JWS_TYPES):
        raise TokenError(Sub.FORMAT_FAILURE, "令牌的类型不是电子证照。", f"typ {typed[:40]!r}")
    claims = claims_of(token)
    issuer = check_issuer(ledger, token, claims, judging)
    if issuer is None:
        return {}, _text(claims.get("iss")), Times(None, None, None)
    facts = disclosed(ledger, claims, parts, judging) if parts else dict(claims)
    times = check_times(ledger, claims, judging)
    check_status(ledger, claims, judging)
    return facts, issuer.issuer, times


def claims_of(token: Compact) -> dict[str, Any]:
    """The payload as claims. TokenError where it is no object that everybody reads alike."""
    try:
        return strict_object(token.payload)
    except JsonError as error:
        raise TokenError(Sub.FORMAT_FAILURE, "令牌内容不合规范。", str(error)) from None


def check_issuer(ledger: Ledger, token: Compact, claims: Mapping[str, Any], judging: Judging) -> Issuer | None:
    """The issuer whose key signed the token. None where it is not one of ours, which is then noted."""
    name = _text(claims.get("iss"))
    issuer = None if name is None else judging.snapshot.issuers.get(name)
    if issuer is None:
        text = "签发机构不在本机构信任的名单中。"
        ledger.unsure("issuer", Sub.NO_CERTIFICATE_CHAIN_FOUND, text, issuer=(name or "")[:200])
        return None
    keys = [key for key in issuer.keys if token.key_id is None or key.get("kid") == token.key_id]
    if len(keys) != 1:
        text = "令牌没有指明签发机构的哪一把密钥，或该密钥未登记。"
        ledger.unsure("issuer_key", Sub.NO_SIGNING_CERTIFICATE_FOUND, text, issuer=issuer.issuer)
        return None
    ledger.passed("issuer", "签发机构在信任名单中。", issuer=issuer.issuer)
    if token.algorithm not in issuer.algorithms:
        raise TokenError(Sub.CRYPTO_CONSTRAINTS_FAILURE, "令牌的签名算法不被接受。", "algorithm not allowed")
    verify_jws(token, keys[0], issuer.algorithms)
    ledger.passed("signature_value", "令牌签名与签发机构的密钥相符。", algorithm=token.algorithm)
    return issuer


def _embedded(token: Compact) -> list[str]:
    return [name for name in EMBEDDED if name in token.header]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
