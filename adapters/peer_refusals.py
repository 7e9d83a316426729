"""对方网关的回绝: what a problem document of a peer means for the message that was sent to it."""

from typing import Any, NoReturn

import orjson

from schemas.errors import PartnerProtocol, PartnerRefused

_BUSINESS = frozenset(
    {
        "request.item_unknown",
        "request.agreement_missing",
        "request.agreement_expired",
        "request.mode_not_available",
        "request.materials_incomplete",
        "request.step_not_allowed",
        "request.too_large",
    }
)
"""Reasons that lie in the application: sending the same again will not help, and nothing is wrong between the two."""
_LONGEST_CODE = 100


def problem_code(raw: bytes) -> str:
    """The code of a problem document; empty for what is none."""
    return str(problem(raw).get("code", ""))[:_LONGEST_CODE]


def problem(raw: bytes) -> dict[str, Any]:
    """A problem document's members; none for what is no JSON object."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def refuse(status: int, raw: bytes) -> NoReturn:
    """PartnerRefused for a business reason, PartnerProtocol for what must be mended between the two."""
    code = problem_code(raw)
    if code in _BUSINESS:
        raise PartnerRefused("The peer refuses the message.", "对方网关不予接收该报文。", partner_code=code)
    raise PartnerProtocol(
        "The peer does not understand the message, or may not take it from us.",
        "对方网关无法处理该报文，或不接受由本网关送来。",
        status=status,
        partner_code=code or None,
    )


def no_version(raw: bytes, ours: tuple[str, ...]) -> PartnerProtocol:
    """The error for a peer that speaks none of our versions; its own are named where it told them."""
    listed = problem(raw).get("versions")
    theirs = [str(one)[:20] for one in listed[:20]] if isinstance(listed, list) else []
    return PartnerProtocol(
        f"No version of the peer protocol is spoken by both: here {', '.join(ours)}, there {', '.join(theirs) or '?'}.",
        f"双方没有共同的协议版本：本网关 {'、'.join(ours)}，对方 {'、'.join(theirs) or '未知'}。",
        versions=list(ours),
        partner_versions=theirs,
    )
