"""What the two REST cities share: the course of one apply call through faults and booking."""

import asyncio
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import orjson
from aiohttp import web

from tests.simulators import clock
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.control import Control, Fault
from tests.simulators.process import Simulator, cut, json_answer
from tests.simulators.progress import result_pdf
from tests.simulators.shapes import Rule, wrong
from tests.simulators.under_way import UnderWay

ROWS_OF_A_DAY = 20


class Refused(Exception):
    """A business refusal in the city's words."""


class RestCity(Simulator):
    reference: ClassVar[str]
    shape: ClassVar[dict[str, Rule]]
    follow_up_shapes: ClassVar[dict[str, dict[str, Rule]]]
    """SUPPLEMENT and WITHDRAW."""

    def __init__(self, books: Books, control: Control) -> None:
        super().__init__(books, control)
        self.by_reference: dict[str, list[Booking]] = defaultdict(list)
        self.cases: set[str] = set()
        self.under_way = UnderWay(books)
        self.last: dict[str, tuple[int, dict[str, object]]] = {}
        """Of each case, by our reference: the number and the words of the last thing that happened to it."""
        for booking in books.bookings():
            self._remember(booking)

    @abstractmethod
    def envelope(self, code: str, message: str, data: object = None) -> dict[str, object]:
        """The city's answer object."""

    @abstractmethod
    def accept(self, message: dict[str, Any], sha256: str) -> web.Response:
        """Books the message and answers. Raises Refused."""

    @abstractmethod
    def followed(self, kind: str, message: dict[str, Any]) -> web.Response:
        """Takes a supplement or a withdrawal and answers. Raises Refused."""

    def later(self, headers: dict[str, str]) -> web.Response:
        return json_answer(self.envelope("98", "请稍后再试"), headers=headers)

    def clock(self) -> float:
        """Unix seconds by the city's own clock, which may be wrong."""
        return clock.now() + self.settings.skew_s

    async def apply(self, request: web.Request) -> web.Response:
        body = await request.read()
        sha256 = digest(body)
        try:
            message = orjson.loads(body)
            self.books.deliver(str(message[self.reference]), sha256)
        except (orjson.JSONDecodeError, LookupError, TypeError):
            return self._malformed(self.reference)
        return await self._course(request, self.shape, message, lambda: self.accept(message, sha256))

    async def supplement(self, request: web.Request) -> web.Response:
        return await self._follow_up(request, "SUPPLEMENT")

    async def withdraw(self, request: web.Request) -> web.Response:
        return await self._follow_up(request, "WITHDRAW")

    async def _follow_up(self, request: web.Request, kind: str) -> web.Response:
        try:
            message = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return self._malformed(kind)
        return await self._course(request, self.follow_up_shapes[kind], message, lambda: self.followed(kind, message))

    async def _course(
        self, request: web.Request, shape: dict[str, Rule], message: Any, book: Callable[[], web.Response]
    ) -> web.Response:
        if found := wrong(shape, message):
            return self._malformed(found)
        if fault := self.control.fault_before_booking(message.values()):
            return self._answer_fault(request, fault)
        return await self._book_slowly(request, book)

    async def _book_slowly(self, request: web.Request, book: Callable[[], web.Response]) -> web.Response:
        settings = self.settings
        if settings.slow_before_s:
            await asyncio.sleep(settings.slow_before_s)
        try:
            answer = book()
        except Refused as refused:
            return json_answer(self.envelope("10", str(refused)))
        if settings.slow_after_s:
            await asyncio.sleep(settings.slow_after_s)
        fault = self.control.fault_after_booking()
        return self._answer_fault(request, fault) if fault else answer

    def _malformed(self, where: str) -> web.Response:
        return json_answer(self.envelope("99", f"报文格式不正确: {where}"), status=400)

    def _answer_fault(self, request: web.Request, fault: Fault) -> web.Response:
        headers = self.settings.retry_after()
        if fault is Fault.CUT:
            return cut(request)
        if fault is Fault.FAIL:
            status = self.settings.fail_status
            return json_answer(self.envelope("97", "系统错误"), status=status, headers=headers)
        if fault is Fault.LATER:
            return self.later(headers)
        return json_answer(self.envelope("10", "不符合申报条件"))

    def book(self, booking: Booking, files: list[Upload]) -> None:
        self.books.book(booking, files)
        self._remember(booking)

    def _remember(self, booking: Booking) -> None:
        self.by_reference[booking.our_ref].append(booking)
        self.cases.add(booking.case_number)

    def case_of(self, our_ref: str) -> Booking:
        """The first booking of an application that is not decided yet. Raises Refused."""
        known = self.by_reference.get(our_ref)
        if not known:
            raise Refused("未查询到办件")
        if self.under_way.has_ended(our_ref):
            raise Refused("办件已办结")
        return known[0]

    def booked_on(self, day: str) -> Iterable[Booking]:
        """Every booking of a day by the city's own clock, in order."""
        known = [booking for bookings in self.by_reference.values() for booking in bookings]
        return (one for one in known if clock.day(one.booked_at + self.settings.skew_s) == day)

    def remember_step(self, our_ref: str, number: int, words: dict[str, object]) -> None:
        self.last[our_ref] = max(self.last.get(our_ref, (0, {})), (number, words), key=lambda one: one[0])

    def uploaded(self, our_ref: str, file_id: str | None, sha256: str | None) -> list[Upload]:
        """The file a material names, none for one without a file. Raises Refused for one that never came."""
        if not file_id:
            return []
        file = self.books.upload(file_id)
        if file is None or file.our_ref != our_ref:
            raise Refused(f"材料文件不存在: {file_id}")
        if sha256 != file.sha256:
            raise Refused(f"材料文件摘要不符: {file_id}")
        return [file]

    async def send_result(self, request: web.Request) -> web.Response:
        """A result file's id is "R" and its case number."""
        case_number = request.match_info["file_id"].removeprefix("R")
        if self.settings.lose_files or case_number not in self.cases:
            return json_answer(self.envelope("04", "文件不存在"), status=404)
        return web.Response(body=result_pdf(case_number), content_type="application/pdf")

    async def ping(self, request: web.Request) -> web.Response:
        return json_answer(self.envelope("00", "成功"))
