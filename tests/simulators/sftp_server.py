"""A city's SFTP server on loopback, over one folder, with the faults of a bad line."""

import asyncio
from pathlib import Path

import asyncssh

from tests.simulators.control import Settings

HANDED_OVER = b".json"


class Folder(asyncssh.SFTPServer):
    """What a login sees: the city's folder and nothing above it."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", root: Path, settings: Settings) -> None:
        super().__init__(channel, chroot=str(root).encode())
        self._channel, self._settings = channel, settings

    def _cut(self) -> None:
        self._channel.get_connection().abort()

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        settings = self._settings
        if 0 < settings.cut_at_bytes < offset + len(data) and settings.take("cut_count"):
            self._cut()
            raise asyncssh.SFTPConnectionLost("cut")
        written = super().write(file_obj, offset, data)
        assert isinstance(written, int)
        return written

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """The faults are those of the moment at which a manifest gets its name."""
        settings = self._settings
        if not newpath.endswith(HANDED_OVER):
            super().posix_rename(oldpath, newpath)
            return
        await asyncio.sleep(settings.slow_before_s)
        if not settings.cut_at_bytes and not settings.cut_after_booking and settings.take("cut_count"):
            self._cut()
            raise asyncssh.SFTPConnectionLost("cut")
        if settings.take("fail_count"):
            raise asyncssh.SFTPFailure("no space left")
        super().posix_rename(oldpath, newpath)
        if settings.cut_after_booking and settings.take("cut_count"):
            self._cut()
            raise asyncssh.SFTPConnectionLost("cut")
        await asyncio.sleep(settings.slow_after_s)


class _Gate(asyncssh.SSHServer):
    def __init__(self, city: "SftpServer") -> None:
        self._city = city

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if self._city.settings.down:
            conn.abort()
        self._city.connections.add(conn)
        self._conn = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self._city.connections.discard(self._conn)

    def password_auth_supported(self) -> bool:
        return self._city.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        return username == self._city.user and password == self._city.password


class SftpServer:
    """`key` is the host's own private key file; it is made where there is none."""

    def __init__(self, root: Path, settings: Settings, key: Path, user: str) -> None:
        self.settings, self.user = settings, user
        self.password: str | None = None
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._root = root
        if not key.exists():
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
        self._key = asyncssh.read_private_key(key)
        self._authorized: asyncssh.SSHAuthorizedKeys | None = None
        self._acceptor: asyncssh.SSHAcceptor

    @property
    def fingerprint(self) -> str:
        return self._key.get_fingerprint()

    def allow(self, public_keys: list[str], password: str | None) -> None:
        self._authorized = asyncssh.import_authorized_keys("".join(f"{key}\n" for key in public_keys))
        self.password = password

    async def listen(self, port: int) -> int:
        """Returns the port listened on."""
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_factory=lambda: _Gate(self),
            server_host_keys=[self._key],
            authorized_client_keys=self._authorized,
            sftp_factory=lambda channel: Folder(channel, self._root, self.settings),
            allow_scp=False,
        )
        return self._acceptor.get_port()

    def cut_all(self) -> None:
        for connection in list(self.connections):
            connection.abort()

    async def close(self) -> None:
        self.cut_all()
        self._acceptor.close()
        await self._acceptor.wait_closed()
