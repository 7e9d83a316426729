"""Signing tokens, by hand: the good ones and the bad ones a library would not make."""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.trust.judging import Judging
from gateway.trust.policy import POLICIES
from gateway.trust.snapshot import Issuer, StatusList, TrustSnapshot

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ISSUER = "https://office.example"
LIST = "https://office.example/status/1"


def b64(content: bytes | str) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass
class TokenKey:
    """An ES256 key."""

    kid: str = "k1"
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, Any]:
        numbers = self.private.public_key().public_numbers()
        x, y = (b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig"}

    def sign(self, header: object, payload: object) -> str:
        """Header and payload as JSON, or as the very text that is given."""
        parts = [b64(one if isinstance(one, str | bytes) else as_json(one)) for one in (header, payload)]
        signed = ".".join(parts)
        r, s = decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def token(self, payload: Mapping[str, Any], **header: Any) -> str:
        return self.sign({"alg": "ES256", "typ": "JWT", "kid": self.kid, **header}, payload)


def claims(**more: Any) -> dict[str, Any]:
    base = {"iss": ISSUER, "iat": NOW_S - 60, "exp": NOW_S + 3600, "vct": "演示证照"}
    return {name: value for name, value in (base | more).items() if value is not None}


def judging(
    *keys: TokenKey, policy: str = "window", lists: Sequence[StatusList] = (), algorithms: frozenset[str] | None = None
) -> Judging:
    issuer = Issuer(ISSUER, tuple(key.jwk for key in keys), algorithms or frozenset({"ES256"}))
    snapshot = TrustSnapshot("test", issuers={ISSUER: issuer}, status_lists={one.uri: one for one in lists})
    return Judging(snapshot, POLICIES[policy], NOW)


def disclosure(*parts: Any) -> tuple[str, str]:
    """(the text, its digest)."""
    text = b64(as_json(["salt", *parts]))
    return text, b64(hashlib.sha256(text.encode()).digest())


def status_list(key: TokenKey, values: Sequence[int], *, bits: int = 1, uri: str = LIST, **more: Any) -> StatusList:
    content = bytearray(-(-len(values) * bits // 8))
    for index, value in enumerate(values):
        content[index * bits // 8] |= value << index * bits % 8
    held = {"bits": bits, "lst": b64(zlib.compress(bytes(content)))} | more.pop("status_list", {})
    payload = {"iss": ISSUER, "sub": LIST, "iat": NOW_S - 60, "exp": NOW_S + 3600, "status_list": held} | more
    return StatusList(uri, key.token(payload, typ="statuslist+jwt"), NOW)
