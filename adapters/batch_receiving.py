"""收取批次: what the city leaves in its outgoing folder: whole sets of files, a page of rows at a time.

A set is whole once its manifest can be read and every file it lists is there with the stated size and digest. What is
not whole is left alone; after `incomplete_s` a person is told, once, and it stays where it is. The cursor says which
set is being read and how many of its rows are stored; the set moves to `done` only after its last row is stored, its
manifest last of all, so that a move that was cut off is found again.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.batch_building import Digests
from adapters.contract import Collected
from adapters.dialect import Reports
from adapters.expression_functions import json_bytes
from adapters.reading import read_rows
from adapters.sftp_calls import IncomingCalls, Unreadable
from adapters.sftp_faults import Missing
from adapters.sftp_files import RemoteEntry, SftpFiles
from adapters.sftp_operations import Incoming
from schemas.message import ProgressReport

_MOST_MANIFEST_BYTES = 4 * 1024**2
Row = dict[str, str | None]


class Incomplete(Exception):
    """尚未完整: leave it alone for now; `reason` names no person."""

    def __init__(self, reason: str, reason_zh: str) -> None:
        super().__init__(reason)
        self.reason, self.reason_zh = reason, reason_zh


@dataclass(frozen=True, slots=True)
class _Set:
    """A whole set: its manifest as it was listed, all its files, and its rows with the report that reads each."""

    manifest: RemoteEntry
    digest: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, Row], ...]


class BatchReceiver:
    """One city's outgoing folder."""

    def __init__(
        self, incoming: Incoming, calls: IncomingCalls, reports: Mapping[str, Reports], most_bytes: int
    ) -> None:
        self._incoming, self._calls, self._reports, self._most_bytes = incoming, calls, reports, most_bytes
        self._read: _Set | None = None
        """The set that is being paged through: it is not fetched anew for every page."""
        self._told: set[str] = set()

    async def collect(self, files: SftpFiles, cursor: str | None, now: Callable[[], datetime]) -> Collected:
        """A page of the first set that is whole, in order of name."""
        entries = {entry.name: entry for entry in await files.entries(self._incoming.folder)}
        manifests = [entry for name, entry in entries.items() if name.endswith(self._incoming.manifest.ending)]
        self._told &= {entry.name for entry in manifests}
        place = _Place.read(cursor)
        unreadable: list[bytes] = []
        for manifest in sorted(manifests, key=lambda entry: (entry.name != place.name, entry.name)):
            try:
                whole = await self._whole(files, manifest, entries, place)
            except Missing:
                continue  # taken back by the city while we looked
            except Incomplete as error:
                age_s = now().timestamp() - manifest.modified_s
                unreadable += self._tell(manifest.name, error) if age_s > self._incoming.incomplete_s else []
            except Unreadable as error:
                unreadable += self._tell(manifest.name, error)
            else:
                return self._page(whole, place.stored_of(whole.digest), unreadable, more=len(manifests) > 1)
        return Collected((), cursor, unreadable=tuple(unreadable))

    async def acknowledge(self, files: SftpFiles, collected: Collected) -> None:
        """Move the files of a set that is stored to the last row."""
        names: Sequence[str] = collected.token or ()
        for name in names:
            try:
                await files.rename(f"{self._incoming.folder}/{name}", f"{self._incoming.done}/{name}")
            except Missing:
                if await files.size(f"{self._incoming.folder}/{name}") is not None:
                    raise files.folder_missing() from None
        if names:
            self._read = None

    def _page(self, whole: _Set, start: int, unreadable: list[bytes], *, more: bool) -> Collected:
        page = whole.rows[start : start + self._incoming.limit]
        reports: list[ProgressReport] = []
        for source in dict.fromkeys(name for name, _ in page):
            read, bad = read_rows(self._reports[source], [row for name, row in page if name == source])
            reports += read
            unreadable += bad
        end = start + len(page)
        finished = end >= len(whole.rows)
        return Collected(
            tuple(reports),
            f"{end}|{whole.digest}|{whole.manifest.name}",
            token=whole.names if finished else None,
            more=more or not finished,
            unreadable=tuple(unreadable),
        )

    async def _whole(
        self, files: SftpFiles, manifest: RemoteEntry, entries: Mapping[str, RemoteEntry], place: "_Place"
    ) -> _Set:
        """Raises Incomplete, Unreadable or Missing."""
        if self._read is not None and self._read.manifest == manifest:
            return self._read
        content = await files.read(f"{self._incoming.folder}/{manifest.name}", _MOST_MANIFEST_BYTES)
        digest = hashlib.sha256(content).hexdigest()[:16]
        try:
            listed = self._calls.files(content)
        except Unreadable as error:  # half of a manifest looks like this, too
            raise Incomplete(error.reason, error.reason_zh) from None
        rows: list[tuple[str, Row]] = []
        for one in listed:
            source = self._incoming.sources.get(str(one["kind"]))
            # of a set that is stored to its last row, some files may have been moved already
            moved = one["name"] not in entries and place.stored_of(digest) > 0
            folder = self._incoming.done if moved else self._incoming.folder
            table = await self._checked(files, f"{folder}/{one['name']}", one, keep=source is not None)
            if source is not None:
                rows += [(source, row) for row in self._calls.rows(table)]
        self._read = _Set(manifest, digest, (*(one["name"] for one in listed), manifest.name), tuple(rows))
        return self._read

    async def _checked(self, files: SftpFiles, path: str, listed: Mapping[str, Any], *, keep: bool) -> bytes:
        """Hold a file against its size and digests; its bytes where they are rows."""
        most_bytes = self._incoming.max_table_bytes if keep else self._most_bytes
        if listed["size_bytes"] > most_bytes:
            raise Unreadable("a file is larger than the profile takes", "文件超过配置的大小上限")
        size_bytes = await files.size(path)
        if size_bytes != listed["size_bytes"]:
            raise Incomplete("a file is missing or has another size than stated", "文件缺失或大小与清单不符")
        digests, kept = Digests(), bytearray()
        async for chunk in files.chunks(path, most_bytes):
            digests.update(chunk)
            if keep:
                kept += chunk
        sm3, sha256 = digests.hex()
        if not listed["digests"].items() <= {"sm3": sm3, "sha256": sha256}.items():
            raise Incomplete("a file has another digest than stated", "文件摘要与清单不符")
        return bytes(kept)

    def _tell(self, name: str, error: Incomplete | Unreadable) -> list[bytes]:
        """For a person, once as long as we run; the same words make it the same entry after a restart."""
        if name in self._told:
            return []
        self._told.add(name)
        return [json_bytes({"manifest": name, "fault": error.reason, "fault_zh": error.reason_zh})]


@dataclass(frozen=True, slots=True)
class _Place:
    """The cursor: how many rows of which set are stored. A set of the same name with other content is another."""

    stored: int
    digest: str
    name: str

    @classmethod
    def read(cls, cursor: str | None) -> "_Place":
        stored, _, rest = (cursor or "").partition("|")
        digest, _, name = rest.partition("|")
        return cls(int(stored) if stored.isascii() and stored.isdecimal() else 0, digest, name)

    def stored_of(self, digest: str) -> int:
        """How many rows of the set with this digest."""
        return self.stored if digest == self.digest else 0
