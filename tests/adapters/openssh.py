"""A real OpenSSH server on loopback over one folder; it belongs to the user who runs the tests."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {root}
LogLevel VERBOSE
"""


class OpensshMissing(Exception):
    """There is no sshd on this machine."""


@dataclass
class Openssh:
    """A running server."""

    folder: Path
    root: Path
    port: int
    user: str
    key: asyncssh.SSHKey
    host_key: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        sshd = _binary()
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen([sshd, "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=log)
        deadline = time.monotonic() + 15
        while not _answers(self.port):
            assert self.process.poll() is None, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < deadline, "sshd does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """The server and every connection it has: each is a child process."""
        if self.process is not None:
            for pid in [*_descendants(self.process.pid), self.process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def _binary() -> str:
    found = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if found is None:
        raise OpensshMissing("sshd (openssh-server) is not installed")
    return found


def _descendants(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, looking = [], [pid]
    while looking:
        parent = looking.pop()
        children = [child for child, of in parents.items() if of == parent]
        found += children
        looking += children
    return found


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
        return probe.recv(4) == b"SSH-"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def openssh(folder: Path, root: Path) -> Iterator[Openssh]:
    """Raises OpensshMissing."""
    _binary()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it refuses to start as root without
    folder.mkdir()
    host, key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    host.write_private_key(folder / "host_key")
    (folder / "host_key").chmod(0o600)
    key.write_public_key(folder / "authorized_keys")
    server = Openssh(folder, root, _free_port(), pwd.getpwuid(os.geteuid()).pw_name, key, host.get_fingerprint())
    text = CONFIGURATION.format(port=server.port, folder=folder, root=root)
    (folder / "sshd_config").write_text(text)
    server.start()
    try:
        yield server
    finally:
        server.kill()
