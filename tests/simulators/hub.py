"""A provincial platform that passes applications on by division code; several cities sit behind it.

One address, one signature, one feed of progress for all of them. A city it cannot reach is an answer code of its own;
a repeated application gets its first number.
"""

import asyncio
import hashlib
import hmac
from functools import partial
from typing import Any, ClassVar

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.simulators import clock, shapes
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.control import REST, Control
from tests.simulators.hub_words import DISPATCH, FOLLOW_UPS, PLANS, REASONS, WITHDRAWN
from tests.simulators.process import arguments, json_answer, run
from tests.simulators.progress import Moment, result_file, shown_digest, walk
from tests.simulators.rest import RestCity

TOLERANCE_S = 300
ROWS_AT_MOST = 500
_RESULTS = {"00": "0", "01": "1", "10": "7", "98": "5"}


class Hub(RestCity):
    reference: ClassVar[str] = "bizNo"
    shape: ClassVar[dict[str, shapes.Rule]] = DISPATCH
    follow_up_shapes: ClassVar[dict[str, dict[str, shapes.Rule]]] = FOLLOW_UPS

    def __init__(self, books: Books, sid: str, secret: str, areas: frozenset[str]) -> None:
        self._serial = 0
        names = REST | {"areas_down", "areas_slow", "mislabel"}
        super().__init__(books, Control(names, PLANS))
        self._sid, self._secret, self._areas = sid, secret.encode(), areas
        self._seq = books.feed_end()
        self._unread = {row[0] for row in books.undelivered()}

    def pages(self) -> list[web.RouteDef]:
        return [
            web.post("/hub/v1/dispatch", self.apply),
            web.post("/hub/v1/supplement", self.supplement),
            web.post("/hub/v1/withdraw", self.withdraw),
            web.post("/hub/v1/attachments", self._take_file),
            web.get("/hub/v1/attachments/{file_id}", self.send_result),
            web.get("/hub/v1/feed", self._feed),
            web.get("/hub/v1/ping", self.ping),
        ]

    def application(self) -> web.Application:
        app = super().application()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/_") and (objection := await self._objection(request)):
            return json_answer(self.envelope("401", objection), status=401)
        return await handler(request)

    async def _objection(self, request: web.Request) -> str | None:
        sid, time, sign = (request.headers.get(f"X-Hub-{name}", "") for name in ("Sid", "Time", "Sign"))
        if sid != self._sid:
            return "sid 无效"
        if not (time.isdecimal() and time.isascii()) or abs(int(time) - self.clock()) > TOLERANCE_S:
            return "时间超出允许范围"
        text = f"{sid}|{time}|{request.raw_path.partition('?')[0]}|{digest(await request.read())}"
        mac = hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(mac, sign) else "签名错误"

    def envelope(self, code: str, message: str, data: object = None) -> dict[str, object]:
        return {"rtn": _RESULTS.get(code, "9"), "msg": message, "body": data}

    async def _take_file(self, request: web.Request) -> web.Response:
        our_ref, name = request.query.get("bizNo", ""), request.query.get("fileName", "")
        if not our_ref or not name:
            return json_answer(self.envelope("99", "缺少 bizNo 或 fileName"), status=400)
        content = await request.read()
        sha256 = digest(content)
        file_id = digest(orjson.dumps([our_ref, name, sha256]))[:24]
        self.books.keep_upload(file_id, Upload(our_ref, name, len(content), sha256))
        return json_answer(self.envelope("00", "成功", {"attachNo": file_id, "sha256": sha256}))

    async def apply(self, request: web.Request) -> web.Response:
        """A city for which everything is slow holds up its own applications only."""
        answer = await super().apply(request)
        if self.settings.areas_slow and orjson.loads(await request.read())["targetArea"] in self.settings.areas_slow:
            await asyncio.sleep(30)
        return answer

    def accept(self, message: dict[str, Any], sha256: str) -> web.Response:
        our_ref, area = message["bizNo"], message["targetArea"]
        if known := self.by_reference.get(our_ref):
            return self._receipt("01", "重复派件", known[0])
        if (answer := self._unreachable(area)) is not None:
            return answer
        files = [
            file for one in message["attachments"] for file in self.uploaded(our_ref, one["attachNo"], one["sha256"])
        ]
        at = clock.now()
        self._serial += 1
        number = f"{area}-{clock.day(at)}-{self._serial:06d}"
        booking = Booking(our_ref, number, at, sha256, str(message["mode"]), message["itemCode"])
        self.book(booking, files)
        if not self.settings.silent:
            outcome = self.settings.outcome_of(booking.task_code)
            self.under_way.begin(our_ref, self.tasks, self._progress(booking, outcome))
        return self._receipt("00", "成功", booking)

    def _unreachable(self, area: str) -> web.Response | None:
        if area not in self._areas:
            return json_answer({"rtn": "6", "msg": "该地区未接入平台", "body": None})
        if area in self.settings.areas_down.split(","):
            return json_answer({"rtn": "8", "msg": "该地区业务系统暂时无法连接", "body": None})
        return None

    def _receipt(self, code: str, message: str, booking: Booking) -> web.Response:
        return json_answer(self.envelope(code, message, {"acceptNo": booking.case_number}))

    def followed(self, kind: str, message: dict[str, Any]) -> web.Response:
        """The same dispatch id twice is one."""
        our_ref = message["bizNo"]
        if self.books.has_follow_up(message["dispatchId"]):
            return self._receipt("01", "重复派件", self.by_reference[our_ref][0])
        if (answer := self._unreachable(message["targetArea"])) is not None:
            return answer
        booking = self.case_of(our_ref)
        listed = message.get("attachments", [])
        files = [file for one in listed for file in self.uploaded(our_ref, one["attachNo"], one["sha256"])]
        self.books.follow_up(message["dispatchId"], our_ref, kind, message.get("note") or "", files)
        if kind == "SUPPLEMENT":
            self.under_way.supplement(our_ref)
        else:
            self.tasks.create_task(self._enter(booking, self.under_way.withdraw(our_ref, WITHDRAWN)))
        return self._receipt("00", "成功", booking)

    def _remember(self, booking: Booking) -> None:
        super()._remember(booking)
        self._serial = max(self._serial, int(booking.case_number.rpartition("-")[2]))

    async def _progress(self, booking: Booking, outcome: str) -> None:
        answered = partial(self.under_way.answered, booking.our_ref) if outcome == "asks" else None
        await walk(PLANS[outcome], self.settings, partial(self._enter, booking), answered=answered)

    async def _enter(self, booking: Booking, moment: Moment) -> None:
        step_id = self.books.step(booking.our_ref, moment.step)
        self._unread.add(step_id)
        row = self._row(booking, moment)
        for _ in range(1 + self.settings.repeat):
            self._seq += 1
            self.books.feed(self._seq, orjson.dumps(row | {"feedNo": self._seq}).decode(), step_id)

    def _row(self, booking: Booking, moment: Moment) -> dict[str, object]:
        return {
            "bizNo": booking.our_ref,
            "area": self.settings.mislabel or booking.case_number[:6],
            "acceptNo": booking.case_number,
            "node": moment.code,
            "nodeNo": moment.number,
            "time": int((moment.at + self.settings.skew_s) * 1000),
            "remark": REASONS.get(moment.code),
            "results": self._result_files(booking) if moment.code == "40" else [],
        }

    def _result_files(self, booking: Booking) -> list[dict[str, object]]:
        file = result_file(booking.our_ref, booking.case_number)
        self.books.file_out(file)
        shown = shown_digest(file, self.settings)
        return [{"attachNo": f"R{booking.case_number}", "fileName": file.name, "size": file.size, "sha256": shown}]

    async def _feed(self, request: web.Request) -> web.Response:
        start, size = request.query.get("from", "0"), request.query.get("size", "100")
        if not (start.isdecimal() and size.isdecimal()):
            return json_answer(self.envelope("99", "from 或 size 不正确"), status=400)
        found = self.books.feed_after(int(start), min(int(size), ROWS_AT_MOST))
        fresh = self._unread.intersection(step_id for _, _, step_id in found)
        self.books.steps_delivered(sorted(fresh))
        self._unread -= fresh
        rows = [orjson.Fragment(row) for _, row, _ in found]
        return json_answer(self.envelope("00", "成功", {"rows": rows, "next": found[-1][0] if found else int(start)}))


def main() -> None:
    parser = arguments("provincial hub simulator")
    parser.add_argument("--sid", required=True)
    parser.add_argument("--appsecret", required=True)
    parser.add_argument("--areas", default="440500,441400,441500", help="division codes of the cities behind it")
    options = parser.parse_args()
    run(Hub(Books(options.books), options.sid, options.appsecret, frozenset(options.areas.split(","))), options)


if __name__ == "__main__":
    main()
