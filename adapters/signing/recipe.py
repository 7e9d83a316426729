"""签名配方: header names, canonical string, digest and encoding as a profile writes them; for schemes of one city.

Both directions: what we send is made from the recipe, what comes in is taken apart by it.
"""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hmac

from adapters.expression_functions import CHINA, Unmappable
from adapters.operations import RecipeAuth
from adapters.signing.request import DIGESTS, SignedRequest, digest
from adapters.signing.signed import Signed, outlives, same, wrong_signature
from adapters.time_functions import format_time, parse_time
from schemas.errors import Unauthenticated

_LONGEST = 512
_PER_SECOND = {"s": 1, "ms": 1000}
_COMPACT = "%Y%m%d%H%M%S"


def headers(auth: RecipeAuth, secret: str, request: SignedRequest, *, nonce: str, now: datetime) -> dict[str, str]:
    """The headers of one request."""
    words = _words(auth, request, _written(auth, now), nonce)
    signature = _signature(auth, secret, words)
    return {name: template.format(**words, signature=signature) for name, template in auth.headers.items()}


def verify(
    auth: RecipeAuth,
    given: Mapping[str, str],
    secret: str,
    request: SignedRequest,
    *,
    now: datetime,
    tolerance_s: int,
) -> Signed:
    """Check lower-case named headers. Unauthenticated for a wrong signature or a time out of tolerance."""
    found = _taken_apart(auth, given)
    timestamp, nonce = found.get("timestamp", ""), found.get("nonce", "")
    words = _words(auth, request, timestamp, nonce)
    if not same(found.get("signature", ""), _signature(auth, secret, words)):
        raise wrong_signature()
    stated = _stated(auth, timestamp)
    if abs((stated - now).total_seconds()) > tolerance_s:
        raise Unauthenticated(
            "The time in the signature is too far from ours.", "签名时间与本机时间相差过大。", tolerance_s=tolerance_s
        )
    return Signed(nonce or found["signature"], outlives(stated, tolerance_s))


def _words(auth: RecipeAuth, request: SignedRequest, timestamp: str, nonce: str) -> dict[str, str]:
    return {
        **auth.values,
        "method": request.method.upper(),
        "path": request.path,
        "query": request.query,
        "timestamp": timestamp,
        "nonce": nonce,
        "body_digest": request.body_digest(auth.body_digest),
    }


def _signature(auth: RecipeAuth, secret: str, words: Mapping[str, str]) -> str:
    text = auth.canonical.format(**words, secret=secret).encode()
    keyed, _, algorithm = auth.mac.rpartition("_")
    if keyed:
        running = hmac.HMAC(secret.encode(), DIGESTS[algorithm]())
        running.update(text)
        mac = running.finalize()
    else:
        mac = digest(algorithm, text)
    if auth.encoding == "base64":
        return base64.b64encode(mac).decode()
    return mac.hex().upper() if auth.encoding == "hex_upper" else mac.hex()


def _written(auth: RecipeAuth, now: datetime) -> str:
    if auth.timestamp == "compact":
        return now.astimezone(CHINA).strftime(_COMPACT)
    if "%" in auth.timestamp:
        return str(format_time(now.isoformat(), auth.timestamp, auth.zone))
    return str(int(now.timestamp() * _PER_SECOND[auth.timestamp]))


def _stated(auth: RecipeAuth, text: str) -> datetime:
    try:
        if auth.timestamp == "compact":
            return datetime.strptime(text, _COMPACT).replace(tzinfo=CHINA)
        if "%" in auth.timestamp:
            zone = None if "%z" in auth.timestamp else auth.zone
            return datetime.fromisoformat(str(parse_time(text, auth.timestamp, zone)))
        if not (text.isascii() and text.isdecimal() and len(text) <= 16):
            raise wrong_signature()
        return datetime.fromtimestamp(int(text) / _PER_SECOND[auth.timestamp], UTC)
    except (Unmappable, ValueError, OverflowError, OSError):
        raise wrong_signature() from None


def _taken_apart(auth: RecipeAuth, given: Mapping[str, str]) -> dict[str, str]:
    """What the headers say for each word of their templates; a fixed part that differs is a wrong signature."""
    found: dict[str, str] = {}
    for name, template in auth.headers.items():
        value = given.get(name.lower(), "")
        match = re.fullmatch(_pattern(template, auth.values), value) if len(value) <= _LONGEST else None
        if match is None or any(found.get(word, said) != said for word, said in match.groupdict().items()):
            raise wrong_signature()
        found.update(match.groupdict())
    return found


def _pattern(template: str, values: Mapping[str, str]) -> str:
    """A regular expression for a header: {signature}, {timestamp} and {nonce} are what is looked for."""
    parts = re.split(r"\{([a-z_]+)\}", template)
    made = []
    for place, part in enumerate(parts):
        if place % 2 == 0:
            made.append(re.escape(part))
        elif part in values:
            made.append(re.escape(values[part]))
        else:
            letters = "\\x20-\\x7e" if part == "timestamp" else "\\x21-\\x7e"
            made.append(f"(?P<{part}>[{letters}]+)")
    return "".join(made)
