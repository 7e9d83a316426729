"""A real PostgreSQL for the tests: TONGBAN_TEST_DATABASE_URL, else a cluster of our own from the installed binaries.

The cluster lives in a temporary folder and listens on loopback only. initdb refuses to run as root, so under root
the binaries run as the user postgres or nobody.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pg8000.native

_PLACES = "/usr/lib/postgresql/*/bin"


class PostgresMissing(Exception):
    """There are no PostgreSQL server binaries on this machine."""


def _binaries() -> Path:
    found = shutil.which("initdb")
    candidates = sorted(Path("/").glob(_PLACES.removeprefix("/")), reverse=True)
    for folder in [*candidates, *([Path(found).parent] if found else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissing("PostgreSQL server binaries (initdb, postgres) are not installed")


def _unprivileged() -> int | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise PostgresMissing("running as root, and there is no user postgres or nobody to run PostgreSQL as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[str]:
    """The URL of a fresh server's maintenance database. `durable` keeps fsync on, for measurements."""
    given = os.environ.get("TONGBAN_TEST_DATABASE_URL")
    if given:
        yield given
        return
    binaries, uid = _binaries(), _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="tongban-pg-"))
    if uid is not None:
        os.chown(folder, uid, -1)
    data, port = folder / "data", _free_port()
    fsync = [] if durable else ["-c", "fsync=off", "-c", "full_page_writes=off"]
    try:
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
            check=True,
            capture_output=True,
            user=uid,
            cwd=folder,
        )
        log = (folder / "server.log").open("w")
        server = subprocess.Popen(
            [
                *(binaries / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1"),
                *("-c", "unix_socket_directories=", "-c", "max_connections=100", *fsync),
            ],
            stdout=subprocess.DEVNULL,
            stderr=log,
            user=uid,
            cwd=folder,
        )
        try:
            _wait(port)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(timeout=20)
            log.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            pg8000.native.Connection("postgres", host="127.0.0.1", port=port, database="postgres").close()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _run(url: str, statement: str) -> None:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = pg8000.native.Connection(
        parts.username or "postgres",
        password=parts.password,
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 5432,
        database=parts.path.lstrip("/") or "postgres",
    )
    try:
        connection.run(statement)
    finally:
        connection.close()


def create_database(server_url: str, template: str | None = None) -> str:
    """A new database on the server, copied from `template` where one is given; its URL."""
    name = f"t{uuid.uuid4().hex}"
    _run(server_url, f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    return server_url.rsplit("/", 1)[0] + f"/{name}"


def drop_database(server_url: str, url: str) -> None:
    """Remove a database made by `create_database`."""
    _run(server_url, f"DROP DATABASE IF EXISTS {url.rsplit('/', 1)[1]} WITH (FORCE)")


def _serve() -> None:
    """Run a durable cluster with two empty databases until SIGTERM: for the benchmarks."""
    import json
    import signal
    import sys
    import threading

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with cluster(durable=True) as url:
        urls = [create_database(url), create_database(url)]
        sys.stdout.write(json.dumps({"ready": True, "urls": urls}) + "\n")
        sys.stdout.flush()
        while not stop.wait(1.0) and os.getppid() != 1:
            pass


if __name__ == "__main__":
    _serve()
