"""SFTP通道: one connection to one city: its pinned host key, our login, modern algorithms only.

A connection is used again within a minute of its last use, and made anew when a secret has changed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncssh

from adapters.contract import AdapterContext
from adapters.profile import CityProfile
from adapters.sftp_faults import sftp_faults
from adapters.sftp_files import SftpFiles
from adapters.sftp_operations import Login, SftpOperations
from schemas.errors import PartnerAmbiguous, PartnerUnavailable

_IDLE_S = 60.0
_KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp521",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
)
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


class _Pinned(asyncssh.SSHClient):
    """Takes the host keys of the profile and no other."""

    def __init__(self, host_keys: tuple[str, ...]) -> None:
        self._host_keys = frozenset(host_keys)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        algorithm, text, *_ = key.export_public_key().decode().split()
        return not self._host_keys.isdisjoint({key.get_fingerprint(), f"{algorithm} {text}"})


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the login shows; compared, so that a rotated secret needs no restart."""

    private_key: str | None
    passphrase: str | None
    password: str | None


@dataclass(slots=True)
class _Open:
    shown: _Shown
    connection: asyncssh.SSHClientConnection
    files: SftpFiles
    used_at: float
    users: int = 0
    spoilt: bool = False
    """Nobody new may have it; the last one out closes it."""


class SftpChannel:
    """One city's server."""

    def __init__(self, profile: CityProfile, operations: SftpOperations, context: AdapterContext) -> None:
        self._city = f"{profile.name} {profile.code}"
        self._operations, self._context = operations, context
        self._opening = asyncio.Lock()
        self._opened: _Open | None = None

    @asynccontextmanager
    async def files(self) -> AsyncIterator[SftpFiles]:
        """The city's files. PartnerUnavailable or PartnerProtocol where there is no connection to be had.

        After a fault nobody new gets this connection; others who have it are not disturbed.
        """
        async with self._opening:
            opened = await self._current()
            opened.users += 1
        try:
            yield opened.files
        except (PartnerUnavailable, PartnerAmbiguous):
            opened.spoilt = True
            raise
        finally:
            opened.users -= 1
            opened.used_at = asyncio.get_running_loop().time()
            self._release(opened)

    async def close(self) -> None:
        """Release the connection."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.connection.abort()
            await opened.connection.wait_closed()

    def _release(self, opened: _Open) -> None:
        if opened.spoilt and opened is self._opened:
            self._opened = None
        if opened.users == 0 and opened is not self._opened:
            opened.connection.abort()

    async def _current(self) -> _Open:
        shown, opened = self._shown(self._operations.login), self._opened
        if opened is not None:
            idle_s = asyncio.get_running_loop().time() - opened.used_at
            closed = opened.connection.is_closed() or (opened.users == 0 and idle_s > _IDLE_S)
            if not closed and opened.shown == shown:
                return opened
            self._opened = None
            self._release(opened)
        self._opened = await self._open(shown)
        return self._opened

    async def _open(self, shown: _Shown) -> _Open:
        operations = self._operations
        keys = [] if shown.private_key is None else [self._key(shown.private_key, shown.passphrase)]
        async with sftp_faults(self._city, operations.answer_s):
            connection = await asyncssh.connect(
                operations.host,
                operations.port,
                **_OPTIONS,
                client_factory=lambda: _Pinned(operations.host_keys),
                username=operations.login.user,
                client_keys=keys,
                password=shown.password,
                login_timeout=operations.answer_s,
                keepalive_interval=max(1.0, operations.answer_s / 2),
            )
            try:
                client = await connection.start_sftp_client()
            except BaseException:
                connection.abort()
                raise
        files = SftpFiles(client, self._city, operations.answer_s)
        return _Open(shown, connection, files, asyncio.get_running_loop().time())

    def _shown(self, login: Login) -> _Shown:
        try:
            values = [
                None if name is None else self._context.secret(name)
                for name in (login.private_key, login.passphrase, login.password)
            ]
        except KeyError as error:
            name = str(error.args[0])
            raise PartnerUnavailable(
                f"The secret {name} is not configured here; nothing was sent.",
                f"本网关尚未配置密钥{name}，报文未发出。",
            ) from None
        return _Shown(*values)

    def _key(self, text: str, passphrase: str | None) -> asyncssh.SSHKey:
        name = self._operations.login.private_key
        try:
            return asyncssh.import_private_key(text, passphrase)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            raise PartnerUnavailable(
                f"The secret {name} is no private key that can be read; nothing was sent.",
                f"密钥{name}不是可读取的私钥，报文未发出。",
            ) from None


_OPTIONS: dict[str, Any] = {
    "config": None,  # nothing of this machine's own SSH set-up has a say
    "known_hosts": ([], [], []),  # trusts nobody, so that the pinned keys are asked about
    "agent_path": None,
    "x509_trusted_certs": None,
    "gss_host": None,
    "preferred_auth": ("publickey", "password"),
    "server_host_key_algs": _SIGNATURES,
    "signature_algs": _SIGNATURES,
    "kex_algs": _KEY_EXCHANGES,
    "encryption_algs": _CIPHERS,
    "mac_algs": _MACS,
    "compression_algs": ("none",),
    "client_version": "tongban",
}
