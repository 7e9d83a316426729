"""回执: the signed proof that an application was taken, over its number, its body's digest and the time.

Receipts of a commit group are signed together. A larger group is signed in a process of its own: between requests a
signature finds cold caches and costs twice what it costs in a row, and it would hold the event loop all that time.
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any

import jwt
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.evidence.jws import Signer, signatures
from gateway.evidence.keys import KeyRing, base64url

log = structlog.get_logger()
RECEIPT_TYPE = "tongban-receipt+jws"
_WORTH_A_TRIP = 6
"""From this many receipts on, the other process is cheaper than the loop."""


@dataclass(frozen=True, slots=True)
class ReceiptContent:
    """What a receipt attests."""

    application_id: str
    body_sha256: str
    caller: str
    accepted_at_ms: int


class ReceiptSigner:
    """Signs receipts for one city."""

    def __init__(self, ring: KeyRing, city: str, *, own_process: bool = False) -> None:
        self._signer = Signer(ring, RECEIPT_TYPE)
        self._key = ring.private_key
        self._city = city
        self._pool: ProcessPoolExecutor | None = None
        if own_process:
            pem = ring.private_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), _hold_key, (pem,))

    def sign(self, content: ReceiptContent) -> str:
        """The compact JWS of a receipt."""
        return self._signer.sign(self._claims(content))

    async def sign_all(self, contents: Sequence[ReceiptContent]) -> list[str]:
        """The receipts of a group, in order."""
        if self._pool is None or len(contents) < _WORTH_A_TRIP:
            return [self.sign(content) for content in contents]
        inputs = [self._signer.signing_input(self._claims(content)) for content in contents]
        raw = await self._signatures([one.encode() for one in inputs])
        return [f"{one}.{base64url(signature)}" for one, signature in zip(inputs, raw, strict=True)]

    async def _signatures(self, inputs: list[bytes]) -> list[bytes]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _sign_held, inputs)
        except (BrokenProcessPool, RuntimeError):
            # killed, or closed by a rotation just now: the loop signs from here on
            log.warning("receipts.signing_process_lost")
            self._pool = None
            return signatures(self._key, inputs)

    async def warm_up(self) -> None:
        """Start the signing process now rather than under the first load."""
        if self._pool is not None:
            await self._signatures([b"warm-up"])

    def close(self) -> None:
        """End the signing process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=False)

    def _claims(self, content: ReceiptContent) -> dict[str, object]:
        return {
            "iss": self._city,
            "sub": content.application_id,
            "iat": content.accepted_at_ms // 1000,
            "accepted_at_ms": content.accepted_at_ms,
            "body_sha256": content.body_sha256,
            "caller": content.caller,
        }


_held: list[ec.EllipticCurvePrivateKey] = []


def _hold_key(pem: bytes) -> None:
    """Runs once in the signing process. It ends with its gateway, however that ends: nobody else may hold the key."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    key = serialization.load_pem_private_key(pem, None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        _held[:] = [key]


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _sign_held(inputs: list[bytes]) -> list[bytes]:
    """Runs in the signing process."""
    return signatures(_held[0], inputs)


def read_receipt(jws: str, ring: KeyRing) -> dict[str, Any]:
    """The claims of a receipt that one of our keys signed; jwt.PyJWTError where it does not verify."""
    header = jwt.get_unverified_header(jws)
    if header.get("typ") != RECEIPT_TYPE:
        raise jwt.InvalidTokenError("not a receipt")
    key = ring.public_keys.get(str(header.get("kid")))
    if key is None:
        raise jwt.InvalidTokenError("signed by a key that is not ours")
    claims: dict[str, Any] = jwt.decode(jws, key, algorithms=["ES256"], options={"require": ["iss", "sub", "iat"]})
    return claims
