"""汕尾 441500: REST with national-exchange headers, polled; books every message (docs/wire-formats.md §2)."""

import base64
import hashlib
import hmac
import secrets
from functools import partial
from typing import Any, ClassVar

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.simulators import clock, shapes
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.control import REST, Control
from tests.simulators.process import arguments, json_answer, run
from tests.simulators.progress import Moment, result_file, shown_digest, walk
from tests.simulators.rest import ROWS_OF_A_DAY, RestCity
from tests.simulators.shanwei_words import APPLY, FOLLOW_UPS, PLANS, REASONS, WITHDRAWN

TOLERANCE_S = 300
ROWS_AT_MOST = 1000
# `time` has whole seconds: shuffled steps must lie this far apart for it to tell their order.
SHUFFLED_APART_S = 1.0


class Shanwei(RestCity):
    reference: ClassVar[str] = "outerNo"
    shape: ClassVar[dict[str, shapes.Rule]] = APPLY
    follow_up_shapes: ClassVar[dict[str, dict[str, shapes.Rule]]] = FOLLOW_UPS

    def __init__(self, books: Books, sid: str, appsecret: str) -> None:
        self._serials: dict[str, int] = {}
        super().__init__(books, Control(REST, PLANS))
        self._sid = sid
        self._appsecret = appsecret.encode()
        self._seq = books.feed_end()
        self._asked = 0
        self._unpolled = {row[0] for row in books.undelivered()}

    def pages(self) -> list[web.RouteDef]:
        base = "/share/kctb"
        return [
            web.post(f"{base}/apply", self.apply),
            web.post(f"{base}/supplement", self.supplement),
            web.post(f"{base}/withdraw", self.withdraw),
            web.get(f"{base}/daily", self._daily_rows),
            web.post(f"{base}/files", self._take_file),
            web.get(f"{base}/files/{{file_id}}", self.send_result),
            web.get(f"{base}/query", self._query),
            web.get(f"{base}/progress", self._progress_rows),
            web.get(f"{base}/ping", self.ping),
        ]

    def application(self) -> web.Application:
        app = super().application()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/_") and (objection := self._objection(request)):
            return json_answer(self.envelope("401", objection), status=401)
        return await handler(request)

    def _objection(self, request: web.Request) -> str | None:
        names = ("rid", "sid", "rtime", "sign")
        rid, sid, rtime, sign = (request.headers.get(f"gjgxjhpt_{name}", "") for name in names)
        if not rid or sid != self._sid:
            return "rid 或 sid 无效"
        if not (rtime.isdecimal() and rtime.isascii()) or abs(int(rtime) / 1000 - self.clock()) > TOLERANCE_S:
            return "rtime 超出允许范围"
        mac = hmac.digest(self._appsecret, f"{sid}{rid}{rtime}".encode(), hashlib.sha256)
        return None if hmac.compare_digest(base64.b64encode(mac), sign.encode()) else "签名错误"

    def envelope(self, code: str, message: str, data: object = None) -> dict[str, object]:
        return {"STATUS": {"CODE": code, "MSG": message}, "data": data}

    def _told(self, at: float) -> str:
        """A true time as this city's clock shows it."""
        return clock.text(at + self.settings.skew_s)

    async def _take_file(self, request: web.Request) -> web.Response:
        our_ref, name = request.query.get("outerNo", ""), request.query.get("name", "")
        if not our_ref or not name:
            return json_answer(self.envelope("99", "缺少 outerNo 或 name"), status=400)
        content = await request.read()
        file_id, file = secrets.token_hex(16), Upload(our_ref, name, len(content), digest(content))
        self.books.keep_upload(file_id, file)
        return json_answer(self.envelope("00", "成功", {"fileId": file_id, "size": file.size, "sha256": file.sha256}))

    def accept(self, message: dict[str, Any], sha256: str) -> web.Response:
        """Every message is booked, duplicates included."""
        our_ref = message["outerNo"]
        files = [
            file
            for material in message["materials"]
            for file in self.uploaded(our_ref, material.get("fileId"), material.get("sha256"))
        ]
        at = clock.now()
        number = self._next_number(at + self.settings.skew_s)
        booking = Booking(our_ref, number, at, sha256, str(message["tbMode"]), message["taskCode"])
        self.book(booking, files)
        if not self.settings.silent:
            outcome = self.settings.outcome_of(booking.task_code)
            self.under_way.begin(our_ref, self.tasks, self._progress(booking, outcome))
        return json_answer(self.envelope("00", "成功", {"projectNo": number, "acceptTime": self._told(at)}))

    def followed(self, kind: str, message: dict[str, Any]) -> web.Response:
        """The same messageNo twice is one, and is told by a code of its own."""
        our_ref, message_id = message["outerNo"], message["messageNo"]
        if self.books.has_follow_up(message_id):
            number = self.by_reference[our_ref][0].case_number
            return json_answer(self.envelope("02", "已接收过", {"projectNo": number}))
        booking = self.case_of(our_ref)
        files = [
            file
            for material in message.get("materials", [])
            for file in self.uploaded(our_ref, material.get("fileId"), material.get("sha256"))
        ]
        self.books.follow_up(message_id, our_ref, kind, message.get("reason") or message.get("remark") or "", files)
        if kind == "SUPPLEMENT":
            self.under_way.supplement(our_ref)
        else:
            self._enter(booking, self.under_way.withdraw(our_ref, WITHDRAWN))
        return json_answer(self.envelope("00", "成功", {"projectNo": booking.case_number}))

    def _next_number(self, at: float) -> str:
        day = clock.day(at)
        if self.settings.fault != "same_number" or day not in self._serials:
            self._serials[day] = self._serials.get(day, 0) + 1
        return f"SW{day}{self._serials[day]:06d}"

    def _remember(self, booking: Booking) -> None:
        super()._remember(booking)
        day, serial = booking.case_number[2:10], booking.case_number[10:]
        self._serials[day] = max(self._serials.get(day, 0), int(serial))

    async def _progress(self, booking: Booking, outcome: str) -> None:
        async def enter(moment: Moment) -> None:
            self._enter(booking, moment)

        answered = partial(self.under_way.answered, booking.our_ref) if outcome == "asks" else None
        await walk(PLANS[outcome], self.settings, enter, apart_s=SHUFFLED_APART_S, answered=answered)

    def _enter(self, booking: Booking, moment: Moment) -> None:
        step_id = self.books.step(booking.our_ref, moment.step)
        self._unpolled.add(step_id)
        self.remember_step(booking.our_ref, moment.number, {"state": moment.code})
        row = self._row(booking, moment)
        for _ in range(1 + self.settings.repeat):
            self._seq += 1
            self.books.feed(self._seq, orjson.dumps(row | {"seq": self._seq}).decode(), step_id)

    def _row(self, booking: Booking, moment: Moment) -> dict[str, object]:
        return {
            "outerNo": booking.our_ref,
            "projectNo": booking.case_number,
            "state": moment.code,
            "time": self._told(moment.at),
            "reason": REASONS.get(moment.code),
            "files": self._result_files(booking) if moment.code == "3" else [],
        }

    def _result_files(self, booking: Booking) -> list[dict[str, object]]:
        file = result_file(booking.our_ref, booking.case_number)
        self.books.file_out(file)
        digest_shown = shown_digest(file, self.settings)
        return [{"fileId": f"R{booking.case_number}", "name": file.name, "size": file.size, "sha256": digest_shown}]

    async def _query(self, request: web.Request) -> web.Response:
        known = self.by_reference.get(request.query.get("outerNo", ""), [])
        if self.settings.fault == "query_lies" and not known and self.cases:
            return json_answer(self.envelope("00", "成功", [{"projectNo": sorted(self.cases)[0]}]))
        if not known or self.settings.fault == "query_forgets":
            return json_answer(self.envelope("04", "未查询到办件"))
        found = [{"projectNo": one.case_number, "time": self._told(one.booked_at)} for one in known]
        return json_answer(self.envelope("00", "成功", found))

    async def _daily_rows(self, request: web.Request) -> web.Response:
        """A day's cases from the cursor on; the cursor of the last page is null."""
        since = int(request.query.get("since", "0"))
        booked = list(self.booked_on(request.query.get("day", "")))
        rows = [
            {"outerNo": one.our_ref, "projectNo": one.case_number, **self.last.get(one.our_ref, (0, {"state": "0"}))[1]}
            for one in booked[since : since + ROWS_OF_A_DAY]
        ]
        following = since + ROWS_OF_A_DAY if since + ROWS_OF_A_DAY < len(booked) else None
        return json_answer(self.envelope("00", "成功", {"rows": rows, "next": following}))

    async def _progress_rows(self, request: web.Request) -> web.Response:
        since, limit = request.query.get("since", "0"), request.query.get("limit", "100")
        if not (since.isdecimal() and limit.isdecimal()):
            return json_answer(self.envelope("99", "since 或 limit 不正确"), status=400)
        found = self.books.feed_after(int(since), min(int(limit), ROWS_AT_MOST))
        fresh = self._unpolled.intersection(step_id for _, _, step_id in found)
        if fresh:
            self.books.steps_delivered(sorted(fresh))
            self._unpolled -= fresh
        rows = [orjson.Fragment(row) for _, row, _ in found]
        end = found[-1][0] if found else int(since)
        if self.settings.fault == "cursor_skips" and found:
            end += 1
        if self.settings.fault == "changing_reports":
            self._asked += 1
            rows = [orjson.loads(row) | {"time": clock.text(clock.now() + self._asked % 60)} for _, row, _ in found]
        return json_answer(self.envelope("00", "成功", {"rows": rows, "next": end}))


def main() -> None:
    parser = arguments("汕尾 simulator")
    parser.add_argument("--sid", required=True)
    parser.add_argument("--appsecret", required=True)
    options = parser.parse_args()
    run(Shanwei(Books(options.books), options.sid, options.appsecret), options)


if __name__ == "__main__":
    main()
