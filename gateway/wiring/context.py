"""适配器的依托: what adapters are handed from above, and the keys they sign with."""

import secrets
from collections.abc import Callable

import structlog

from adapters.contract import AdapterContext, RequestSigner
from gateway.clock import now
from gateway.evidence.jws import RawSigner
from gateway.evidence.keys import KeyRing, current_kid, load_keys, new_ring
from gateway.settings import Settings, secret
from gateway.storage.files import FileStore
from gateway.storage.tray import StoredTray

log = structlog.get_logger()


def adapter_context(
    settings: Settings | None = None, tray: StoredTray | None = None, files: FileStore | None = None
) -> AdapterContext:
    """What adapters are handed; commands that speak to no peer and leave nothing need neither argument."""
    return AdapterContext(
        now=now,
        secret=secret,
        nonce=lambda: secrets.token_hex(16),
        signer=None if settings is None else _newest_signer(settings),
        tray=tray,
        city="445200" if settings is None else settings.city,
        pdf_font=None if settings is None else settings.pdf_font,
        files=files,
    )


def _newest_signer(settings: Settings) -> Callable[[], RequestSigner]:
    """Gives the signer of the newest key; the folder's pointer is read each time, the key only after a rotation."""
    held: list[RawSigner] = []

    def newest() -> RequestSigner:
        kid = current_kid(settings.keys)
        if not held or held[0].kid != kid:
            held[:] = [RawSigner(open_keys(settings))]
        return held[0]

    return newest


def open_keys(settings: Settings) -> KeyRing:
    """The gateway's keys; its first one is made where there is none yet."""
    ring = load_keys(settings.keys)
    if ring is None:
        ring = new_ring(settings.keys)
        log.info("keys.created", kid=ring.kid, folder=str(settings.keys))
    return ring
