"""对方公钥: a peer's public keys, from the JWK set an operator has put beside the secrets; read again when it changes.

Several keys may be in force while the peer rotates them. A set that holds a private key, or nothing that can be used,
is refused whole: better no traffic than traffic trusted by mistake.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from jwt import PyJWK
from jwt.exceptions import PyJWTError


class UnusableKeys(ValueError):
    """What is kept under this name is no set of public P-256 keys."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class PeerKeys:
    """One peer's keys. `name` is what the text is kept under."""

    def __init__(self, name: str, secret: Callable[[str], str]) -> None:
        self._name, self._secret = name, secret
        self._text: str | None = None
        self._keys: Mapping[str, ec.EllipticCurvePublicKey] = {}

    def find(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The key of this name. KeyError where no set is configured, UnusableKeys where it cannot be read."""
        text = self._secret(self._name)
        if text != self._text:
            self._keys, self._text = read_keys(text, self._name), text
        return self._keys.get(kid)


def read_keys(text: str, name: str) -> dict[str, ec.EllipticCurvePublicKey]:
    """Public P-256 keys by kid; keys of other kinds are passed over. Raises UnusableKeys."""
    try:
        listed: list[dict[str, Any]] = orjson.loads(text)["keys"]
        if any("d" in jwk or "k" in jwk for jwk in listed):
            raise UnusableKeys(name)
        ours = [jwk for jwk in listed if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256"]
        found = {str(jwk["kid"]): PyJWK(jwk, algorithm="ES256").key for jwk in ours}
    except (orjson.JSONDecodeError, PyJWTError, LookupError, TypeError, AttributeError):
        raise UnusableKeys(name) from None
    if not found:
        raise UnusableKeys(name)
    return found
