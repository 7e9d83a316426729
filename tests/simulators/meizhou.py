"""梅州 441400: speaks only through an exchange database 前置库 (docs/wire-formats.md §3)."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from tests.simulators import clock
from tests.simulators.books import Booking, Books
from tests.simulators.control import EVERYWHERE, Control
from tests.simulators.exchange import Ack, Exchange, Received
from tests.simulators.exchange_follow_ups import Followed, FollowUpRows
from tests.simulators.exchange_rows import event_row, result_rows, row_guid
from tests.simulators.exchange_tables import open_exchange
from tests.simulators.meizhou_words import PLANS, WITHDRAWN
from tests.simulators.process import Simulator, arguments, run
from tests.simulators.progress import Moment, walk
from tests.simulators.under_way import UnderWay

T = TypeVar("T")
log = logging.getLogger(__name__)

CHUNK = 200
# `event_time` has whole seconds: what another authority does must lie this far from what the first one did.
FORWARDED_APART_S = 1.0
UNREACHABLE = (DBAPIError, OSError)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the city thinks of a row it has read; `begins` only for the row that made the booking."""

    ack: Ack
    our_ref: str
    begins: bool


def chunks(items: Iterable[str]) -> Iterator[list[str]]:
    everything = list(items)
    return (everything[start : start + CHUNK] for start in range(0, len(everything), CHUNK))


class Meizhou(Simulator):
    def __init__(self, books: Books, engine: Engine, poll_s: float) -> None:
        super().__init__(books, Control(EVERYWHERE, PLANS))
        self._exchange, self._follow_ups = Exchange(engine), FollowUpRows(engine)
        self._under_way = UnderWay(books)
        self._poll_s = poll_s
        self._thread = ThreadPoolExecutor(1, "exchange")
        self._seen = books.seen()
        self._verdicts: dict[str, Verdict] = {}
        self._bookings: dict[str, Booking] = {}
        self._outcomes: dict[str, str] = {}
        self._serials: dict[str, int] = {}
        self._unread: dict[str, int] = {}  # row_guid of a process or result row → its step in the books
        self._unmarked: dict[str, int] = {}  # our reference → its ARRIVED or REJECTED step
        for booking in books.bookings():
            self._remember(booking)
        for step_id, our_ref, step, case_number in books.undelivered():
            self._expect(step_id, our_ref, step, case_number)

    async def open(self, stack: AsyncExitStack) -> None:
        stack.callback(self._thread.shutdown, wait=False, cancel_futures=True)
        self.tasks.create_task(self._poll_forever())

    async def _database(self, work: Callable[..., T], *args: object) -> T:
        """One thread speaks to the database, so one transaction at a time; what has begun is done to its end."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *args))

    async def _poll_forever(self) -> None:
        while True:
            if not self.settings.down:
                try:
                    await self._poll()
                except UNREACHABLE as error:
                    log.warning("exchange.unreachable: %s", error)
            await asyncio.sleep(self._poll_s)

    async def _poll(self) -> None:
        waiting = await self._database(self._exchange.unacknowledged)
        for guids in chunks(guid for guid in waiting if guid not in self._seen):
            for received in await self._database(self._exchange.fetch, guids):
                self._receive(received)
        if not self.settings.silent:
            for guids in chunks(waiting):
                await self._acknowledge([guid for guid in guids if guid in self._seen])
            for one in await self._database(self._follow_ups.waiting):
                await self._follow_up(one)
        await self._collect_marks()

    def _receive(self, received: Received) -> None:
        self.books.deliver(received.our_ref, received.sha256)
        known = self._bookings.get(received.our_ref)
        if known is None:
            verdict = self._judge(received)
        else:
            verdict = Verdict(self._ack(received.row_guid, known), received.our_ref, begins=False)
        self._verdicts[received.row_guid] = verdict
        self.books.see(received.row_guid)
        self._seen.add(received.row_guid)

    def _judge(self, received: Received) -> Verdict:
        """Books a first message, or refuses it."""
        refused = self.control.refuses((received.task_code,)) or self.settings.take("refuse_count")
        refusal = received.fault or ("不符合申报条件" if refused else None)
        if received.files and self.settings.take("lose_uploads"):
            refusal = "材料文件缺失"
        if refusal:
            return Verdict(Ack(received.row_guid, "10", refusal, None), received.our_ref, begins=False)
        at = clock.now()
        number = self._next_number(at)
        booking = Booking(received.our_ref, number, at, received.sha256, received.mode, received.task_code)
        self.books.book(booking, received.files)
        self._remember(booking)
        self._outcomes[booking.our_ref] = self.settings.outcome_of(booking.task_code)
        return Verdict(self._ack(received.row_guid, booking), received.our_ref, begins=True)

    def _ack(self, guid: str, booking: Booking) -> Ack:
        if self._outcomes.get(booking.our_ref) == "rejected":
            return Ack(guid, "10", "不属于本机关职权范围", booking.case_number)
        return Ack(guid, "00", "已接收", booking.case_number)

    def _next_number(self, at: float) -> str:
        day = clock.day(at)
        self._serials[day] = self._serials.get(day, 0) + 1
        return f"MZ{day}{self._serials[day]:06d}"

    def _remember(self, booking: Booking) -> None:
        self._bookings[booking.our_ref] = booking
        day, serial = booking.case_number[2:10], booking.case_number[10:]
        self._serials[day] = max(self._serials.get(day, 0), int(serial))

    def _expect(self, step_id: int, our_ref: str, step: str, case_number: str) -> None:
        if step in ("ARRIVED", "REJECTED"):
            self._unmarked[our_ref] = step_id
        else:
            self._unread[row_guid(case_number, step)] = step_id

    async def _acknowledge(self, guids: Sequence[str]) -> None:
        if not guids:
            return
        verdicts = [self._verdicts.get(guid) or await self._recalled(guid) for guid in guids]
        await self._database(self._exchange.acknowledge, [verdict.ack for verdict in verdicts], self._told())
        for verdict in verdicts:
            self._verdicts.pop(verdict.ack.row_guid, None)
            if verdict.begins:
                self._begin(self._bookings[verdict.our_ref])

    async def _follow_up(self, received: Followed) -> None:
        refusal = received.fault or self._objection(received)
        if refusal is None and not self.books.has_follow_up(received.row_guid):
            our_ref = received.our_ref
            self.books.follow_up(received.row_guid, our_ref, received.kind, received.reason, received.files)
            if received.kind == "SUPPLEMENT":
                self._under_way.supplement(our_ref)
            else:
                moment = self._under_way.withdraw(our_ref, WITHDRAWN)
                self.tasks.create_task(self._tell(self._bookings[our_ref], moment, ""))
        code, message = ("00", "已接收") if refusal is None else ("10", refusal)
        await self._database(self._follow_ups.acknowledge, received.row_guid, code, message, self._told())

    def _objection(self, received: Followed) -> str | None:
        if received.our_ref not in self._bookings:
            return "未查询到办件"
        if self.books.has_follow_up(received.row_guid) or not self._under_way.has_ended(received.our_ref):
            return None
        return "办件已办结"

    async def _recalled(self, guid: str) -> Verdict:
        """The verdict on a row that was read, but not acknowledged, before a restart."""
        (received,) = await self._database(self._exchange.fetch, [guid])
        booking = self._bookings.get(received.our_ref)
        ack = self._ack(guid, booking) if booking else Ack(guid, "10", received.fault or "不符合申报条件", None)
        return Verdict(ack, received.our_ref, begins=False)

    def _begin(self, booking: Booking) -> None:
        outcome = self._outcomes[booking.our_ref]
        first = "REJECTED" if outcome == "rejected" else "ARRIVED"
        step_id = self.books.step(booking.our_ref, first)
        self._expect(step_id, booking.our_ref, first, booking.case_number)
        self._under_way.begin(booking.our_ref, self.tasks, self._progress(booking, outcome))

    async def _progress(self, booking: Booking, outcome: str) -> None:
        async def insert(moment: Moment) -> None:
            await self._tell(booking, moment, outcome)

        answered = partial(self._under_way.answered, booking.our_ref) if outcome == "asks" else None
        apart_s = FORWARDED_APART_S if outcome == "forwarded" else 0.0
        await walk(PLANS[outcome], self.settings, insert, apart_s=apart_s, answered=answered)

    async def _tell(self, booking: Booking, moment: Moment, outcome: str) -> None:
        step_id = self.books.step(booking.our_ref, moment.step)
        self._unread[row_guid(booking.case_number, moment.step)] = step_id
        for copy in range(1 + self.settings.repeat):
            await self._insert(booking, moment, outcome, copy)

    def _told(self) -> str:
        """Now, by the city's own clock."""
        return clock.text(clock.now() + self.settings.skew_s)

    async def _insert(self, booking: Booking, moment: Moment, outcome: str, copy: int) -> None:
        moment = replace(moment, at=moment.at + self.settings.skew_s)
        if moment.code:
            rows = [event_row(booking, moment, copy)]
        else:
            rows, file = result_rows(booking, moment, outcome, copy, self.settings)
            if file is not None and copy == 0:
                self.books.file_out(file)
        while True:
            await self.while_down()
            try:
                return await self._database(self._exchange.insert, rows)
            except UNREACHABLE as error:
                log.warning("exchange.unreachable: %s", error)
                await asyncio.sleep(self._poll_s)

    async def _collect_marks(self) -> None:
        """Finds what the other side has stored since the last time."""
        for guids in chunks(self._unread):
            stored = await self._database(self._exchange.stored, guids)
            self.books.steps_delivered([self._unread.pop(guid) for guid in stored])
        for references in chunks(self._unmarked):
            marked = await self._database(self._exchange.marked, references)
            self.books.steps_delivered([self._unmarked.pop(our_ref) for our_ref in marked])


def main() -> None:
    parser = arguments("梅州 simulator")
    parser.add_argument("--database", required=True, help="SQLAlchemy URL of the exchange database")
    parser.add_argument("--poll", type=float, default=0.1, help="seconds between looks into the database")
    options = parser.parse_args()
    engine = open_exchange(options.database)
    try:
        run(Meizhou(Books(options.books), engine, options.poll), options)
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
