"""进程锁: one process for a SQLite folder; one process for a node name on PostgreSQL. A lock ends with its process."""

import fcntl
import hashlib
from pathlib import Path
from typing import IO

from schemas.errors import AlreadyRunning


def lock_folder(folder: Path) -> IO[str]:
    """Hold a SQLite data folder for this process; AlreadyRunning when another has it."""
    return _lock(
        folder / "gateway.lock",
        AlreadyRunning(
            f"Another gateway process is using {folder}. SQLite serves exactly one process; stop the other one, "
            "or set TONGBAN_DATABASE_URL to a PostgreSQL database.",
            f"{folder} 已被另一个网关进程使用。SQLite 只支持一个进程；请先停止它，"
            "或用 TONGBAN_DATABASE_URL 改用 PostgreSQL。",
        ),
    )


def lock_node(folder: Path, node: str) -> IO[str]:
    """Hold a node name for this process: two processes under one name would take each other's messages."""
    return _lock(
        folder / f"node-{hashlib.sha256(node.encode()).hexdigest()[:16]}.lock",
        AlreadyRunning(
            f"Another gateway process runs as node {node}. Stop it, or name this one in TONGBAN_NODE.",
            f"已有网关进程以节点名 {node} 运行。请先停止它，或用 TONGBAN_NODE 为本进程另取节点名。",
        ),
    )


def _lock(path: Path, refused: AlreadyRunning) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise refused from None
    return handle
