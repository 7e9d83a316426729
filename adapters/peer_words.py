"""同类网关的词: the shapes of the peer protocol that are no exchanged model: pages, discovery, digests, names.

The protocol is published in docs/peer-openapi.json and explained in docs/adding-a-city/peer_gateway.md.
"""

import hashlib
import json
from typing import Any

VERSIONS = ("1",)
"""Versions of the protocol that are spoken here, oldest first."""
RECEIPT_TYPE = "tongban-receipt+jws"
REPORT = "REPORT"
"""Kind of a report in the tray; messages have their own kind."""


def caller(city: str) -> str:
    """The account under which a peer's gateway acts."""
    return f"{city}:gateway"


def canonical_application(message: bytes) -> bytes:
    """规范申请: the `application` of an outbound message, as it stands in the message's JSON, in canonical form.

    RFC 8785, but that whole numbers are written with all their digits: an application has no fractions. Raises
    ValueError for what is no JSON object with an `application`.
    """
    try:
        application = json.loads(message)["application"]
    except (LookupError, TypeError, RecursionError):
        raise ValueError("no application") from None
    return json.dumps(application, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def body_sha256(message: bytes) -> str:
    """What the receipt for this message attests: SHA-256 of the canonical application, in hexadecimal."""
    return hashlib.sha256(canonical_application(message)).hexdigest()


def spoken_by_both(theirs: Any) -> str | None:
    """The highest version in the peer's list that is spoken here too."""
    listed = theirs if isinstance(theirs, list) else []
    both = [version for version in VERSIONS if version in listed]
    return both[-1] if both else None
