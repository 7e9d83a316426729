"""陌生人: the same city spoken to with credentials that are wrong, of the kind that its profile asks for."""

import secrets
from dataclasses import replace

import asyncssh
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from adapters.contract import Adapter, AdapterContext, RequestSigner
from adapters.operations import OAuth2Auth
from adapters.profile import CityProfile, Transport
from adapters.registry import build_adapter

_CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}


def stranger(profile: CityProfile, context: AdapterContext) -> Adapter | None:
    """An adapter with wrong credentials; None where there is nothing to be wrong about."""
    if profile.transport is Transport.EXCHANGE_DATABASE and not _has_password(profile, context):
        return None

    def secret(name: str) -> str:
        return _spoilt(profile, name, context.secret(name))

    signer = None if context.signer is None else _Impostor(context.signer())
    spoilt = replace(context, secret=secret, signer=None if signer is None else lambda: signer)
    return build_adapter(profile, spoilt)


def _has_password(profile: CityProfile, context: AdapterContext) -> bool:
    assert profile.exchange_database is not None  # noqa: S101 - of this transport
    try:
        return make_url(context.secret(profile.exchange_database.database_url)).password is not None
    except ArgumentError:
        return False


def _spoilt(profile: CityProfile, name: str, value: str) -> str:
    """Another value of the same kind. TLS material stays: without it there is no connection to refuse anything."""
    section = profile.rest or profile.soap
    tls = None if section is None else section.tls
    if tls is not None and name in (tls.certificate, tls.key, tls.authority):
        return value
    if profile.exchange_database is not None and name == profile.exchange_database.database_url:
        return make_url(value).set(password=secrets.token_hex(16)).render_as_string(hide_password=False)
    if isinstance(profile.auth, OAuth2Auth) and name == profile.auth.private_key:
        return _fresh_key(profile.auth.algorithm)
    if "PRIVATE KEY" in value:
        return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    return secrets.token_hex(16)


def _fresh_key(algorithm: str) -> str:
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    if algorithm in _CURVES:
        key = ec.generate_private_key(_CURVES[algorithm]())
    elif algorithm == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = rsa.generate_private_key(65537, 2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


class _Impostor:
    """冒名者: the number of our key, and another key."""

    def __init__(self, right: RequestSigner) -> None:
        self._kid, self._key = right.kid, ec.generate_private_key(ec.SECP256R1())

    @property
    def kid(self) -> str:
        """As the right one has it."""
        return self._kid

    def sign(self, data: bytes) -> bytes:
        """A signature that does not fit."""
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
