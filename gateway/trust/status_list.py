"""状态列表: whether an issuer has revoked or suspended a token (Token Status List draft 21, [M] until it is an RFC).

Lists are fetched by a job into the trust snapshot, never here. A list is verified like any token; inflating it is
bounded, because a kilobyte can become a megabyte.
"""

import zlib
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from gateway.trust.checks import Ledger
from gateway.trust.judging import Judging
from gateway.trust.jws import TokenError, base64url, take_apart, verify_jws
from gateway.trust.snapshot import StatusList
from gateway.trust.strict_json import JsonError, strict_object
from schemas.verification import SubIndication as Sub

_MAX_BYTES = 16 * 1024 * 1024
_WORDS = {0: "有效", 1: "已吊销", 2: "已暂停"}


def check_status(ledger: Ledger, claims: Mapping[str, Any], judging: Judging) -> None:
    """Note what the list that the token names says about it."""
    named = claims.get("status")
    reference = named.get("status_list") if isinstance(named, dict) else None
    if reference is None:
        ledger.skipped("status", "证照没有指明状态列表，未检查是否已注销。")
        return
    uri, index = (reference.get("uri"), reference.get("idx")) if isinstance(reference, dict) else (None, None)
    if not isinstance(uri, str) or type(index) is not int or index < 0:
        ledger.failed("status", Sub.FORMAT_FAILURE, "证照的状态列表写法不合规范。")
        return
    if judging.policy.revocation == "none":
        ledger.skipped("status", "本策略不检查状态列表。", list=uri[:300])
        return
    listed = judging.snapshot.status_lists.get(uri)
    if listed is None:
        _missing(ledger, judging, uri)
        return
    try:
        _note(ledger, _status(listed, index, str(claims.get("iss")), judging), uri)
    except TokenError as error:
        ledger.unsure("status", Sub.TRY_LATER, f"状态列表不可用：{error.message_zh}", list=uri[:300])


def _missing(ledger: Ledger, judging: Judging, uri: str) -> None:
    if judging.policy.revocation == "hard":
        ledger.unsure("status", Sub.TRY_LATER, "还没有取得证照的状态列表，请稍后再试。", list=uri[:300])
    else:
        ledger.skipped("status", "还没有取得证照的状态列表，未检查是否已注销。", list=uri[:300])


def _note(ledger: Ledger, value: int, uri: str) -> None:
    if value == 0:
        ledger.passed("status", "签发机构的状态列表显示证照有效。", list=uri[:300])
    else:
        word = _WORDS.get(value, "不再有效")
        ledger.failed("status", Sub.REVOKED, f"签发机构的状态列表显示证照{word}。", list=uri[:300], value=value)


def _status(listed: StatusList, index: int, issuer_name: str, judging: Judging) -> int:
    token = take_apart(listed.token)
    if token.header.get("typ") != "statuslist+jwt":
        raise TokenError(Sub.FORMAT_FAILURE, "类型不符。", "typ")
    try:
        claims = strict_object(token.payload)
    except JsonError as error:
        raise TokenError(Sub.FORMAT_FAILURE, "内容不合规范。", str(error)) from None
    issuer = judging.snapshot.issuers.get(str(claims.get("iss", issuer_name)))
    keys = [] if issuer is None else [k for k in issuer.keys if token.key_id is None or k.get("kid") == token.key_id]
    if issuer is None or len(keys) != 1:
        raise TokenError(Sub.NO_CERTIFICATE_CHAIN_FOUND, "签发者不受信任。", "issuer")
    verify_jws(token, keys[0], issuer.algorithms)
    if claims.get("sub") != listed.uri:
        raise TokenError(Sub.SIG_CONSTRAINTS_FAILURE, "不是所指的那份列表。", "sub")
    _check_fresh(claims, listed, judging)
    return _value(claims.get("status_list"), index)


def _check_fresh(claims: Mapping[str, Any], listed: StatusList, judging: Judging) -> None:
    expires, lives_s = claims.get("exp"), claims.get("ttl")
    for value in (claims.get("iat"), expires, lives_s):
        if value is not None and type(value) is not int:
            raise TokenError(Sub.FORMAT_FAILURE, "时间不是整数秒。", "iat, exp or ttl")
    over = isinstance(expires, int) and judging.now.timestamp() >= expires
    aged = isinstance(lives_s, int) and judging.now > listed.fetched_at + timedelta(seconds=lives_s)
    if over or aged:
        raise TokenError(Sub.TRY_LATER, "已过期，请稍后再试。", "stale")


def _value(holder: Any, index: int) -> int:
    if not isinstance(holder, dict) or holder.get("bits") not in (1, 2, 4, 8) or not isinstance(holder.get("lst"), str):
        raise TokenError(Sub.FORMAT_FAILURE, "内容不合规范。", "status_list")
    bits, content = int(holder["bits"]), _inflated(holder["lst"])
    place = index * bits
    if place // 8 >= len(content):
        raise TokenError(Sub.FORMAT_FAILURE, "证照的序号超出列表。", "index")
    return content[place // 8] >> place % 8 & ((1 << bits) - 1)


@lru_cache(maxsize=16)
def _inflated(text: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(base64url(text), _MAX_BYTES)
    except zlib.error:
        raise TokenError(Sub.FORMAT_FAILURE, "压缩数据已损坏。", "zlib") from None
    if not inflater.eof or inflater.unused_data:
        raise TokenError(Sub.FORMAT_FAILURE, "过大或不完整。", "too large or cut short")
    return content
