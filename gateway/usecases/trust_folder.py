"""信任目录: a trust snapshot from a folder, without a database.

anchors/ intermediates/ crls/ sealers/ hold PEM or DER; issuers/ holds JSON, status_lists/ tokens. Without a folder
sealers/ no list of seal makers is kept, and that check is skipped.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.trust.snapshot import TrustSnapshot, generation_of
from gateway.usecases.trust_parts import Kind, Read, TrustPart, read_part, snapshot_of
from schemas.errors import Invalid

FOLDERS = {
    "anchors": Kind.ANCHOR,
    "intermediates": Kind.INTERMEDIATE,
    "crls": Kind.CRL,
    "sealers": Kind.SEALER,
    "issuers": Kind.ISSUER,
    "status_lists": Kind.STATUS_LIST,
}

_NEVER_OLD = datetime(9000, 1, 1, tzinfo=UTC)
"""When a status list of a folder was fetched is not known: its own `exp` decides alone."""


def trust_folder(folder: Path) -> TrustSnapshot:
    """Read a folder. Invalid names the first file that cannot be used; a folder without any part is one too."""
    pieces = list(read_folder(folder))
    parts = [
        (
            TrustPart(
                kind=one.kind, sha256=hashlib.sha256(one.content).hexdigest(), about=one.about, source=str(folder)
            ),
            one.content,
        )
        for one in pieces
    ]
    return snapshot_of(
        generation_of(one.kind.encode() + one.content for one in pieces),
        parts,
        keeps_sealers=keeps_sealers(folder),
        now=_NEVER_OLD,
    )


def read_folder(folder: Path) -> Iterator[Read]:
    """Every piece in a folder. Invalid as above."""
    if not any((folder / part).is_dir() for part in FOLDERS):
        raise Invalid(
            f"{folder} holds none of {', '.join(f'{part}/' for part in FOLDERS)}.",
            f"目录 {folder} 中没有 {'、'.join(f'{part}/' for part in FOLDERS)} 任何一个。",
        )
    for part, kind in FOLDERS.items():
        for path, content in _files(folder / part):
            yield from read_part(kind, content, str(path))


def keeps_sealers(folder: Path) -> bool:
    """Whether the folder says who may make seals, be it nobody."""
    return (folder / "sealers").is_dir()


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield path, path.read_bytes()
