"""模拟批量城市: takes the batches left in its folder, and answers with sets of files of its own."""

import asyncio
import hashlib
import io
import itertools
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.expression_functions import compact_time
from adapters.listing import day_words
from adapters.profile import CityProfile
from adapters.sftp_calls import Unreadable
from adapters.sftp_operations import FOLLOW_UPS, SftpOperations
from gateway.simulation.batch_tables import BatchReader, Brought, SetWriter, csv_bytes
from gateway.simulation.engine import Engine
from gateway.simulation.facts import Happened, SimulatedCase
from gateway.simulation.hearing import check_heard
from gateway.simulation.listing_rows import ListingWriter
from gateway.simulation.reports import solver_of
from schemas.message import Step

_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One row that is to go out, and the file it names."""

    via: str
    row: dict[str, Any]
    happened: Happened


class SftpCity:
    """模拟批量城市 over a folder; how a login comes to it is another's business."""

    def __init__(self, profile: CityProfile, root: Path, engine: Engine) -> None:
        assert profile.sftp_batch is not None  # noqa: S101 - the caller has looked
        self._profile, self._engine, self._root = profile, engine, root
        self._operations: SftpOperations = profile.sftp_batch
        solver = solver_of(profile)
        check_heard(profile, self._operations.outgoing.applications.columns, solver)
        self._reader = BatchReader(self._operations.outgoing, solver)
        self._writer = SetWriter(self._operations.incoming, profile.compiler(), solver)
        self._inbox, self._outbox = root / self._operations.outgoing.folder, root / self._operations.incoming.folder
        self._taken = root.parent / f"{root.name}-taken"
        self._waiting: list[_Waiting] = []
        self._serials = itertools.count(1)
        listing = self._operations.listing
        self._listing = None if listing is None else ListingWriter(profile, listing.case)
        engine.tell = self._tell
        engine.reference = lambda case, name: f"{case.case_number}.zip!{name}"
        for folder in self._folders():
            folder.mkdir(parents=True, exist_ok=True)

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to look into the folder."""
        tasks.create_task(self._look(), name="look")

    def _folders(self) -> list[Path]:
        names = [self._operations.incoming.done]
        names += [] if self._operations.outgoing.records is None else [self._operations.outgoing.records]
        names += [] if self._operations.listing is None else [self._operations.listing.folder]
        return [self._inbox, self._outbox, self._taken, *(self._root / name for name in names)]

    async def _look(self) -> None:
        while True:
            for manifest in sorted(self._inbox.glob(f"*{self._operations.outgoing.manifest.ending}")):
                brought = await asyncio.to_thread(self._reader.read, manifest)
                if brought is not None:
                    await self._take(brought)
                    self._put_away(manifest)
            self._publish()
            self._list()
            await asyncio.sleep(_LOOK_S)

    async def _take(self, rows: list[Brought]) -> None:
        for one in rows:
            if one.role == FOLLOW_UPS:
                self._take_follow_up(one)
                continue
            known = self._engine.known(one.words)
            if known is not None and "double_booking" not in self._engine.faults:
                for happened in [step for step in known.steps if step.step is Step.ARRIVED][:1]:
                    await self._tell(*self._engine.writer.written(happened), known, happened)
            elif self._engine.refuses(one.words) or not one.whole:
                await self._engine.reject(one.words)
            else:
                self._engine.book(one.words)

    def _take_follow_up(self, one: Brought) -> None:
        case = self._engine.known(one.words)
        if case is not None and one.whole:
            withdrawal = one.words.get("kind") == "WITHDRAW"
            self._engine.follow(case, str(one.words.get("message_id")), withdrawal=withdrawal)

    def _put_away(self, manifest: Path) -> None:
        try:
            names = self._reader.names(manifest)
        except Unreadable:
            names = [manifest.name]
        for name in names:
            if (path := manifest.parent / name).is_file():
                shutil.move(path, self._taken / name)

    async def _tell(self, via: str, body: dict[str, Any], case: SimulatedCase, happened: Happened) -> None:
        self._waiting.append(_Waiting(via, body, happened))

    def _publish(self) -> None:
        """Everything that waits, as one set of files."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        number = f"SIM-{compact_time(self._engine.now().isoformat())}-{next(self._serials):06d}"
        other = "wrong_charset" in self._engine.faults
        files: dict[str, tuple[str | None, bytes]] = {}
        for via in dict.fromkeys(one.via for one in waiting):
            rows = [one.row for one in waiting if one.via == via]
            name = f"{number}-{self._writer.kinds[via]}.csv"
            files[name] = (self._writer.kinds[via], self._writer.table(rows, other_charset=other))
        for one in waiting:
            if one.happened.file is not None and one.happened.file.reference in self._engine.results:
                name, _, entry = one.happened.file.reference.partition("!")
                files[name] = (None, _zipped(entry, one.happened.file.content))
        manifest = self._writer.manifest(number, files)
        for name, (_, content) in files.items():
            self._put(name, content[: len(content) // 2] if "truncated" in self._engine.faults else content)
        self._put(number + self._operations.incoming.manifest.ending, manifest)

    def _list(self) -> None:
        """The list of the day, anew."""
        listing = self._operations.listing
        if listing is None or self._listing is None or not self._engine.cases:
            return
        day = str(compact_time(self._engine.now().isoformat()))[:8]
        words = day_words(self._engine.now().date()) | {"day_compact": day, "day": f"{day[:4]}-{day[4:6]}-{day[6:]}"}
        compiler = self._profile.compiler()
        content = csv_bytes(self._listing.rows(self._engine, day), listing.table)
        written = {listing.name: content}
        if listing.sm3 is not None:
            written[listing.sm3] = hashlib.new("sm3", content).hexdigest().encode()
        for text, one in written.items():
            name = str(compiler.expression(text, ("listing", "name"))(words))
            path = self._root / listing.folder / name
            if not path.is_file() or path.read_bytes() != one:
                part = path.with_name(f".{name}.part")
                part.write_bytes(one)
                part.rename(path)

    def _put(self, name: str, content: bytes) -> None:
        part = self._outbox / f"{name}.part"
        part.write_bytes(content)
        part.rename(self._outbox / name)


def _zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()
