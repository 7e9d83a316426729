"""签名密钥: the gateway's own ES256 keys in a folder, one PEM per key; the newest signs, all verify.

Rotation adds a key and keeps the public half of the old ones, so that old receipts verify for ever.
"""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_CURRENT = "current"


def base64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public JWK with its RFC 7638 thumbprint as `kid`."""
    numbers = key.public_numbers()
    members = {
        "crv": "P-256",
        "kty": "EC",
        "x": base64url(numbers.x.to_bytes(32, "big")),
        "y": base64url(numbers.y.to_bytes(32, "big")),
    }
    thumbprint = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
    return members | {"kid": base64url(thumbprint), "alg": "ES256", "use": "sig"}


@dataclass(frozen=True, slots=True)
class KeyRing:
    """密钥环: the signing key and every public key that may have signed before."""

    kid: str
    private_key: ec.EllipticCurvePrivateKey
    public_keys: dict[str, ec.EllipticCurvePublicKey]

    def jwks(self) -> dict[str, Any]:
        """What /.well-known/jwks.json shows."""
        return {"keys": [jwk(key) for key in self.public_keys.values()]}


def create_key(folder: Path) -> str:
    """Add a key and make it the signing one; gives its `kid`. The old private halves are destroyed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    private_key = ec.generate_private_key(ec.SECP256R1())
    kid = jwk(private_key.public_key())["kid"]
    old = sorted(folder.glob("*.private.pem"))
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_private(folder / f"{kid}.private.pem", pem)
    public = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / f"{kid}.public.pem").write_bytes(public)
    pointer = folder / f"{_CURRENT}.tmp"
    pointer.write_text(kid)
    pointer.replace(folder / _CURRENT)
    for path in old:
        path.unlink()
    return kid


def new_ring(folder: Path) -> KeyRing:
    """Add a key as `create_key` does; gives the whole ring."""
    create_key(folder)
    ring = load_keys(folder)
    assert ring is not None  # noqa: S101 - it has the key that was just made
    return ring


def _write_private(path: Path, pem: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(pem)


def current_kid(folder: Path) -> str | None:
    """Which key signs now; None where no key was made yet."""
    try:
        return (folder / _CURRENT).read_text().strip()
    except FileNotFoundError:
        return None


def load_keys(folder: Path) -> KeyRing | None:
    """The ring in `folder`; None where no key was made yet."""
    kid = current_kid(folder)
    if kid is None:
        return None
    private_key = serialization.load_pem_private_key((folder / f"{kid}.private.pem").read_bytes(), None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{folder / kid}.private.pem is not an EC key")
    public_keys: dict[str, ec.EllipticCurvePublicKey] = {}
    for path in sorted(folder.glob("*.public.pem")):
        key = serialization.load_pem_public_key(path.read_bytes())
        if isinstance(key, ec.EllipticCurvePublicKey):
            public_keys[path.name.removesuffix(".public.pem")] = key
    return KeyRing(kid, private_key, public_keys)
