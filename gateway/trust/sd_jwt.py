"""SD-JWT: a token some of whose claims are disclosed beside it, each under a digest the issuer signed (RFC 9901)."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.trust.checks import Ledger
from gateway.trust.claims import check_times
from gateway.trust.judging import Judging
from gateway.trust.jws import ASYMMETRIC, TokenError, base64url, take_apart, verify_jws
from gateway.trust.strict_json import JsonError, strict_object
from schemas.verification import SubIndication as Sub

_DIGESTS = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_RESERVED = frozenset({"_sd", "...", "_sd_alg"})
_NEVER_HIDDEN = frozenset({"iss", "nbf", "exp", "cnf", "vct", "status"})
_MOST_DISCLOSURES = 256


@dataclass(frozen=True, slots=True)
class Parts:
    """The issuer's token, the disclosures and the holder's proof, as they stand in the text."""

    issued: str
    disclosures: tuple[str, ...]
    proof: str | None
    before_proof: str


@dataclass(frozen=True, slots=True)
class _Disclosure:
    name: str | None
    """None for an element of an array."""
    value: Any


def split(text: str) -> Parts:
    """The parts of issuer-token~disclosure~…~[proof]. TokenError for another shape."""
    issued, *rest = text.split("~")
    if not rest or len(rest) > _MOST_DISCLOSURES + 1 or any(not one for one in rest[:-1]):
        raise TokenError(Sub.FORMAT_FAILURE, "令牌的披露部分不合规范。", "empty or too many disclosures")
    proof = rest[-1] or None
    return Parts(issued, tuple(rest[:-1]), proof, text[: len(text) - len(rest[-1])])


def disclosed(ledger: Ledger, claims: Mapping[str, Any], parts: Parts, judging: Judging) -> dict[str, Any]:
    """The claims with what was disclosed put in its place, and the holder's proof checked where there is one."""
    algorithm = claims.get("_sd_alg", "sha-256")
    digest = _DIGESTS.get(algorithm) if isinstance(algorithm, str) else None
    if digest is None:
        raise TokenError(Sub.CRYPTO_CONSTRAINTS_FAILURE, "披露所用的摘要算法不被接受。", "_sd_alg")
    known = {_digest(digest, one): _disclosure(one) for one in parts.disclosures}
    if len(known) != len(parts.disclosures):
        raise TokenError(Sub.FORMAT_FAILURE, "同一披露出现多次。", "a disclosure twice")
    placing = _Placing(known)
    whole = placing.object({name: value for name, value in claims.items() if name != "_sd_alg"})
    if placing.unused:
        raise TokenError(Sub.HASH_FAILURE, "披露的内容不是签发机构签过的。", "a disclosure nothing refers to")
    ledger.passed("disclosures", "披露的内容与签发机构的签名相符。", count=len(known))
    _check_proof(ledger, whole, parts, digest, judging)
    return whole


def _digest(name: str, text: str) -> str:
    raw = hashlib.new(name, text.encode("ascii")).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _disclosure(text: str) -> _Disclosure:
    try:
        wrapped = strict_object(b'{"d":' + base64url(text) + b"}")
    except JsonError:
        raise TokenError(Sub.FORMAT_FAILURE, "披露的内容不合规范。", "not JSON") from None
    parts = wrapped["d"] if wrapped.keys() == {"d"} else None
    if not isinstance(parts, list) or len(parts) not in (2, 3) or not isinstance(parts[0], str):
        raise TokenError(Sub.FORMAT_FAILURE, "披露的内容不合规范。", "not [salt, name, value]")
    if len(parts) == 2:
        return _Disclosure(None, parts[1])
    name = parts[1]
    if not isinstance(name, str) or name in _RESERVED:
        raise TokenError(Sub.FORMAT_FAILURE, "披露的名称不合规范。", "a reserved name")
    return _Disclosure(name, parts[2])


class _Placing:
    """Puts disclosures where their digests stand; a digest may stand in one place only."""

    def __init__(self, known: Mapping[str, _Disclosure]) -> None:
        self._known, self.unused, self._seen = known, set(known), set[str]()

    def object(self, given: Mapping[str, Any], *, top: bool = True) -> dict[str, Any]:
        """An object with its hidden members put in."""
        hidden = given.get("_sd", [])
        if not isinstance(hidden, list) or "..." in given:
            raise TokenError(Sub.FORMAT_FAILURE, "令牌内容不合规范。", "_sd is no list, or a stray ...")
        whole = {name: self._value(value) for name, value in given.items() if name != "_sd"}
        for digest in hidden:
            found = self._take(digest)
            if found is None:
                continue  # not disclosed, or a decoy
            if found.name is None or found.name in whole or (top and found.name in _NEVER_HIDDEN):
                raise TokenError(Sub.FORMAT_FAILURE, "披露的名称与已有内容冲突。", "a name twice, or one never hidden")
            whole[found.name] = self._value(found.value)
        return whole

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.object(value, top=False)
        if not isinstance(value, list):
            return value
        elements = []
        for one in value:
            if isinstance(one, dict) and one.keys() == {"..."}:
                found = self._take(one["..."])
                if found is None:
                    continue
                if found.name is not None:
                    raise TokenError(Sub.FORMAT_FAILURE, "披露的内容放错了位置。", "a member in an array")
                elements.append(self._value(found.value))
            else:
                elements.append(self._value(one))
        return elements

    def _take(self, digest: Any) -> _Disclosure | None:
        if not isinstance(digest, str) or digest in self._seen:
            raise TokenError(Sub.FORMAT_FAILURE, "令牌内容不合规范。", "a digest that is no text or stands twice")
        self._seen.add(digest)
        self.unused.discard(digest)
        return self._known.get(digest)


def _check_proof(ledger: Ledger, claims: Mapping[str, Any], parts: Parts, digest: str, judging: Judging) -> None:
    """Whether the holder's key, named by the issuer, signed this very presentation."""
    confirmed = claims.get("cnf")
    holder = confirmed.get("jwk") if isinstance(confirmed, dict) else None
    if parts.proof is None:
        ledger.skipped("holder_proof", "出示时没有持有人的签名，须当面核对持有人。", bound=holder is not None)
        return
    if not isinstance(holder, dict):
        raise TokenError(Sub.SIG_CONSTRAINTS_FAILURE, "证照没有绑定持有人的密钥，却带有持有人签名。", "no cnf.jwk")
    token = take_apart(parts.proof)
    if token.header.get("typ") != "kb+jwt":
        raise TokenError(Sub.FORMAT_FAILURE, "持有人签名的类型不符。", "typ")
    verify_jws(token, holder, ASYMMETRIC)
    try:
        proof = strict_object(token.payload)
    except JsonError as error:
        raise TokenError(Sub.FORMAT_FAILURE, "持有人签名的内容不合规范。", str(error)) from None
    if proof.get("sd_hash") != _digest(digest, parts.before_proof):
        raise TokenError(Sub.HASH_FAILURE, "持有人签名不是为这次出示所作。", "sd_hash")
    if not isinstance(proof.get("aud"), str) or not isinstance(proof.get("nonce"), str):
        raise TokenError(Sub.FORMAT_FAILURE, "持有人签名缺少对象或随机数。", "aud or nonce")
    times = check_times(ledger, proof, judging, must_expire=False)
    if times.issued is not None:
        ledger.passed(
            "holder_proof",
            "持有人用自己的密钥签了这次出示。",
            audience=json.dumps(proof["aud"], ensure_ascii=False)[:200],
            signed_at=times.issued.isoformat(),
        )
