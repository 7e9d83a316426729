"""模拟城市的SFTP服务器: one folder, for one login, with a host key made for this run."""

from contextlib import AsyncExitStack
from pathlib import Path

import asyncssh

from adapters.sftp_operations import Login


class _Folder(asyncssh.SFTPServer):
    """What a login sees: the city's folder and nothing above it."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", root: Path) -> None:
        super().__init__(channel, chroot=str(root).encode())


class _Gate(asyncssh.SSHServer):
    def __init__(self, login: Login, password: str | None) -> None:
        self._user, self._password = login.user, password

    def password_auth_supported(self) -> bool:
        return self._password is not None

    def validate_password(self, username: str, password: str) -> bool:
        return username == self._user and password == self._password


async def serve_folder(
    root: Path,
    login: Login,
    *,
    host: str,
    port: int,
    keys: tuple[str, ...],
    password: str | None,
    stack: AsyncExitStack,
) -> tuple[int, str]:
    """Open it; gives port and fingerprint of the host key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    authorized = asyncssh.import_authorized_keys("".join(f"{one}\n" for one in keys)) if keys else None
    acceptor = await asyncssh.listen(
        host,
        port,
        server_factory=lambda: _Gate(login, password),
        server_host_keys=[key],
        authorized_client_keys=authorized,
        sftp_factory=lambda channel: _Folder(channel, root),
        allow_scp=False,
    )
    stack.callback(acceptor.close)
    return acceptor.get_port(), key.get_fingerprint()
