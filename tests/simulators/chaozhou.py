"""潮州 445100: takes batches of files over SFTP and answers with files (docs/wire-formats.md §5)."""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from tests.simulators import batch_files, clock
from tests.simulators.batch_files import FollowUp, Received
from tests.simulators.books import Booking, Books
from tests.simulators.chaozhou_lists import DayLists
from tests.simulators.chaozhou_words import (
    ACKS,
    FAULTS,
    FOLLOW_UP_ACKS,
    PLANS,
    PROGRESS,
    REASONS,
    WITHDRAWN,
    last_code,
)
from tests.simulators.control import Control
from tests.simulators.process import Simulator, arguments, run
from tests.simulators.progress import Moment, result_file, result_pdf, walk
from tests.simulators.sftp_server import SftpServer
from tests.simulators.under_way import UnderWay

log = logging.getLogger(__name__)

AT_ONCE = 100


class Chaozhou(Simulator):
    def __init__(self, books: Books, root: Path, poll_s: float) -> None:
        super().__init__(books, Control(FAULTS, PLANS))
        self._poll_s = poll_s
        self._inbox, self._outbox, self._done = root / "inbox", root / "outbox", root / "outbox" / "done"
        listings = self._outbox / "duizhang"
        self._archive = root.parent / f"{root.name}-archive"
        for folder in (self._inbox, self._done, listings, root / "records", self._archive):
            folder.mkdir(parents=True, exist_ok=True)
        self.server: SftpServer | None = None
        self.port = 0
        self._thread = ThreadPoolExecutor(1, "batches")
        self._seen = books.seen()
        self._bookings = {booking.our_ref: booking for booking in books.bookings()}
        self._under_way = UnderWay(books)
        self._lists = DayLists(listings)
        self._lists.add(self._bookings.values())
        for our_ref, booking in self._bookings.items():
            self._lists.remember(booking, Moment(0, "", last_code(books.steps_of(our_ref)), 0))
        self._serial = len(self._bookings)
        self._sets = 0
        self._waiting: list[tuple[dict[str, object], int, bytes | None]] = []
        self._unread: dict[str, list[int]] = {}  # manifest → steps in the books

    async def open(self, stack: AsyncExitStack) -> None:
        stack.callback(self._thread.shutdown, wait=False, cancel_futures=True)
        if self.server is not None:
            self.port = await self.server.listen(self.port)
            stack.push_async_callback(self.server.close)
        self.tasks.create_task(self._work_forever())

    def facts(self) -> dict[str, object]:
        if self.server is None:
            return {}
        return {"sftp_port": self.port, "host_key": self.server.fingerprint}

    async def _work_forever(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            if self.settings.down and self.server is not None:
                self.server.cut_all()
            if self.settings.down or self.settings.asleep:
                continue
            for path in sorted(self._inbox.glob("*.json")):
                await self._take(path)
            await self._publish()
            self._lists.write()
            for name in [name for name in self._unread if (self._done / name).exists()]:
                self.books.steps_delivered(self._unread.pop(name))

    async def _threaded(self, work: Any, *arguments: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _take(self, path: Path) -> None:
        manifest = orjson.loads(path.read_bytes())
        if not await self._threaded(batch_files.is_whole, self._inbox, manifest):
            return  # not all of it is here yet
        number = manifest["PCH"]
        if number not in self._seen or self.settings.fault == "double_booking":
            rows = await self._threaded(lambda: list(batch_files.read_batch(self._inbox, manifest)))
            acks = []
            for start in range(0, len(rows), AT_ONCE):
                part = rows[start : start + AT_ONCE]
                acks += [self._judge(number, place, row) for place, row in enumerate(part, start + 1)]
                await asyncio.sleep(0)
            answers = {f"HZ-{number}.csv": ("HZ", batch_files.table(ACKS, acks))}
            followed = await self._threaded(lambda: list(batch_files.read_follow_ups(self._inbox, manifest)))
            if followed:
                told = [self._judge_follow_up(number, place, row) for place, row in enumerate(followed, 1)]
                answers[f"HH-{number}.csv"] = ("HH", batch_files.table(FOLLOW_UP_ACKS, told))
            self._put(f"HZ-{number}", answers)
            self.books.see(number)
            self._seen.add(number)
        for name in (*(one["WJM"] for one in manifest["WJQD"]), path.name):
            shutil.move(self._inbox / name, self._archive / name)

    def _told(self, at: float) -> str:
        """A true time as this city's clock shows it."""
        return clock.text(at + self.settings.skew_s)

    def _judge(self, number: str, place: int, row: Received) -> dict[str, object]:
        self.books.deliver(row.our_ref, row.sha256)
        at = clock.now()
        ack: dict[str, object] = {"PCH": number, "XH": place, "YSBLSH": row.our_ref, "SJ": self._told(at)}
        known = self._bookings.get(row.our_ref)
        if known is not None and self.settings.fault != "double_booking":
            return ack | {"JG": "2", "SBLSH": known.case_number}
        refused = self.control.refuses((row.task_code,)) or self.settings.take("refuse_count")
        lost = bool(row.files) and self.settings.take("lose_uploads")
        refusal = row.fault or ("材料文件缺失" if lost else "不符合申报条件" if refused else None)
        if refusal:
            if not row.fault:
                self.books.step(row.our_ref, "REJECTED")
            return ack | {"JG": "3", "YY": refusal}
        self._serial += 1
        case_number = f"CZ{clock.day(at)}{self._serial:06d}"
        booking = Booking(row.our_ref, case_number, at, row.sha256, row.mode, row.task_code)
        self.books.book(booking, row.files)
        self._bookings[row.our_ref] = booking
        if not self.settings.silent:
            self.books.step(row.our_ref, "ARRIVED")
            outcome = self.settings.outcome_of(row.task_code)
            self._under_way.begin(row.our_ref, self.tasks, self._progress(booking, outcome))
        self._lists.add([booking])
        return ack | {"JG": "1", "SBLSH": case_number}

    def _judge_follow_up(self, number: str, place: int, row: FollowUp) -> dict[str, object]:
        """1 taken, 2 had it before, 3 refused."""
        ack: dict[str, object] = {"PCH": number, "XH": place, "HXLSH": row.message_id, "YSBLSH": row.our_ref}
        ack |= {"HXLX": row.kind, "SJ": self._told(clock.now())}
        booking = self._bookings.get(row.our_ref)
        if row.fault or booking is None:
            return ack | {"JG": "3", "YY": row.fault or "未查询到办件"}
        ack["SBLSH"] = booking.case_number
        if self.books.has_follow_up(row.message_id):
            return ack | {"JG": "2"}
        if self._under_way.has_ended(row.our_ref):
            return ack | {"JG": "3", "YY": "办件已办结"}
        withdrawal = row.kind == "2"
        kind = "WITHDRAW" if withdrawal else "SUPPLEMENT"
        self.books.follow_up(row.message_id, row.our_ref, kind, row.reason, row.files)
        if withdrawal:
            self._tell(booking, self._under_way.withdraw(row.our_ref, WITHDRAWN))
        else:
            self._under_way.supplement(row.our_ref)
        return ack | {"JG": "1"}

    async def _progress(self, booking: Booking, outcome: str) -> None:
        async def tell(moment: Moment) -> None:
            self._tell(booking, moment)

        answered = partial(self._under_way.answered, booking.our_ref) if outcome == "asks" else None
        await walk(PLANS[outcome], self.settings, tell, apart_s=1.0, answered=answered)

    def _tell(self, booking: Booking, moment: Moment) -> None:
        step = self.books.step(booking.our_ref, moment.step)
        self._lists.remember(booking, moment)
        row, content = self._row(booking, moment)
        for _ in range(1 + self.settings.repeat):
            self._waiting.append((row, step, content))

    def _row(self, booking: Booking, moment: Moment) -> tuple[dict[str, object], bytes | None]:
        row: dict[str, object] = {
            "YSBLSH": booking.our_ref,
            "SBLSH": booking.case_number,
            "XH": moment.number,
            "ZT": moment.code,
            "SJ": self._told(moment.at),
            "SM": REASONS.get(moment.code, ""),
        }
        if moment.code != "40":
            return row, None
        file, content = result_file(booking.our_ref, booking.case_number), result_pdf(booking.case_number)
        self.books.file_out(file)
        told = batch_files.sm3_hex(b"other" if self.settings.wrong_digest else content)
        return row | {"FJM": file.name, "FJDX": file.size, "FJSM3": told}, content

    async def _publish(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self._sets += 1
        number = f"JD-{clock.text(clock.now())}-{self._sets:06d}"
        entries = {str(row["FJM"]): content for row, _, content in waiting if content is not None}
        rows = [row | ({} if content is None else {"FJB": f"{number}.zip"}) for row, _, content in waiting]
        files = {f"{number}.csv": ("JD", batch_files.table(PROGRESS, rows))}
        if entries:
            files[f"{number}.zip"] = ("FJ", batch_files.zipped(entries))
        self._unread[f"{number}.json"] = sorted({step for _, step, _ in waiting})
        if self.settings.take("half_written"):
            self.tasks.create_task(self._put_slowly(number, files))
        else:
            self._put(number, files)

    def _put(self, number: str, files: Mapping[str, tuple[str, bytes]]) -> None:
        """Data first, the manifest last, each under another name until it is whole."""
        manifest = batch_files.manifest(number, files, spoilt=self.settings.take("spoil_digest"))
        for name, content in (*((name, one[1]) for name, one in files.items()), (f"{number}.json", manifest)):
            part = self._outbox / f"{name}.part"
            part.write_bytes(content)
            part.rename(self._outbox / name)

    async def _put_slowly(self, number: str, files: Mapping[str, tuple[str, bytes]]) -> None:
        """As a careless city does: the manifest first, in two halves, then the data in two halves."""
        manifest = batch_files.manifest(number, files)
        for name, content in ((f"{number}.json", manifest), *((name, one[1]) for name, one in files.items())):
            for end in (len(content) // 2, len(content)):
                (self._outbox / name).write_bytes(content[:end])
                await asyncio.sleep(0.2)


def main() -> None:
    parser = arguments("潮州 simulator")
    parser.add_argument("--root", required=True, help="the folder a login sees")
    parser.add_argument("--poll", type=float, default=0.1, help="seconds between looks into it")
    parser.add_argument("--sftp-port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--no-server", action="store_true", help="another SFTP server shows the folder")
    parser.add_argument("--host-key", help="file of the private host key; made where there is none")
    parser.add_argument("--user", default="tongban-445200")
    parser.add_argument("--authorized-key", action="append", default=[])
    parser.add_argument("--password")
    options = parser.parse_args()
    root = Path(options.root)
    root.mkdir(parents=True, exist_ok=True)
    city = Chaozhou(Books(options.books), root, options.poll)
    if not options.no_server:
        key = Path(options.host_key or f"{options.books}.host_key")
        city.server, city.port = SftpServer(root, city.settings, key, options.user), options.sftp_port
        city.server.allow(options.authorized_key, options.password)
    run(city, options)


if __name__ == "__main__":
    main()
