"""惠州 441300: REST with TIF headers and signed callbacks (docs/wire-formats.md §1)."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, ClassVar

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from aiohttp.typedefs import Handler

from tests.simulators import clock, shapes
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.control import REST, Control
from tests.simulators.huizhou_words import APPLY, FOLLOW_UPS, FORWARDED_TO, PLANS, RESULTS, WITHDRAWN
from tests.simulators.process import arguments, json_answer, run
from tests.simulators.progress import Moment, result_file, shown_digest, walk
from tests.simulators.rest import ROWS_OF_A_DAY, Refused, RestCity
from tests.simulators.tif import Gate, tif_signature

SOMEBODY_ELSE = "00000000-0000-4000-8000-000000000001"
CALLBACK_TRIES = 20
CALLBACK_PAUSE_S = 0.3
CALLBACKS_IN_FLIGHT = 200


class Huizhou(RestCity):
    reference: ClassVar[str] = "YSBLSH"
    shape: ClassVar[dict[str, shapes.Rule]] = APPLY
    follow_up_shapes: ClassVar[dict[str, dict[str, shapes.Rule]]] = FOLLOW_UPS

    def __init__(self, books: Books, gate: Gate, inbound_token: str) -> None:
        self._serials: dict[tuple[str, str], int] = {}
        super().__init__(books, Control(REST | {"bad_signature", "callback_url"}, PLANS))
        self._gate = gate
        self._inbound_token = inbound_token
        self._session: ClientSession
        self._in_flight = asyncio.Semaphore(CALLBACKS_IN_FLIGHT)

    def pages(self) -> list[web.RouteDef]:
        base = f"/ebus/{self._gate.paasid}/kctb"
        return [
            web.post(f"{base}/apply", self.apply),
            web.post(f"{base}/supplement", self.supplement),
            web.post(f"{base}/withdraw", self.withdraw),
            web.get(f"{base}/list", self._list),
            web.post(f"{base}/file", self._take_file),
            web.get(f"{base}/file/{{file_id}}", self.send_result),
            web.get(f"{base}/ping", self.ping),
        ]

    def application(self) -> web.Application:
        app = super().application()
        app.middlewares.append(self._guard)
        return app

    async def open(self, stack: AsyncExitStack) -> None:
        connector = TCPConnector(limit=CALLBACKS_IN_FLIGHT)
        session = ClientSession(connector=connector, timeout=ClientTimeout(total=10))
        self._session = await stack.enter_async_context(session)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        checked = not request.path.startswith("/_") and self.settings.fault != "open_door"
        if checked and (objection := self._gate.objection(request, self.clock())):
            return json_answer(self.envelope("401", objection), status=401)
        return await handler(request)

    def envelope(self, code: str, message: str, data: object = None) -> dict[str, object]:
        return {"code": code, "message": message, "data": data}

    def later(self, headers: dict[str, str]) -> web.Response:
        """HTTP 200 with code 98, or 429 when a Retry-After is to be told."""
        return json_answer(self.envelope("98", "请稍后再试"), status=429 if headers else 200, headers=headers)

    async def _take_file(self, request: web.Request) -> web.Response:
        our_ref, name = request.query.get("YSBLSH", ""), request.query.get("WJM", "")
        if not our_ref or not name:
            return json_answer(self.envelope("99", "缺少 YSBLSH 或 WJM"), status=400)
        content = await request.read()
        sha256 = digest(content)
        file_id = digest(orjson.dumps([our_ref, name, sha256]))[:32]
        self.books.keep_upload(file_id, Upload(our_ref, name, len(content), sha256))
        told = digest(b"other") if self.settings.fault == "upload_digest" else sha256
        data = {"WJBS": file_id, "WJDX": len(content), "SHA256": told}
        return json_answer(self.envelope("00", "成功", data))

    def accept(self, message: dict[str, Any], sha256: str) -> web.Response:
        our_ref, task_code = message["YSBLSH"], message["SXBM"]
        if self.settings.fault != "double_booking" and (known := self.by_reference.get(our_ref)):
            return self._receipt("01", "重复申报", known[0])
        files = [file for material in message["SBCLQD"] for file in self._file_of(our_ref, material)]
        at = clock.now()
        number = self._next_number(task_code, at + self.settings.skew_s)
        booking = Booking(our_ref, number, at, sha256, str(message["TBMS"]), task_code)
        self.book(booking, files)
        if not self.settings.silent:
            outcome = self.settings.outcome_of(booking.task_code)
            self.under_way.begin(our_ref, self.tasks, self._progress(booking, outcome))
        return self._receipt("00", "成功", booking)

    def followed(self, kind: str, message: dict[str, Any]) -> web.Response:
        """The same BWID twice is one."""
        our_ref, message_id = message["YSBLSH"], message["BWID"]
        if self.books.has_follow_up(message_id):
            return self._receipt("01", "重复报文", self.by_reference[our_ref][0])
        booking = self.case_of(our_ref)
        files = [file for material in message.get("BZCLQD", []) for file in self._file_of(our_ref, material)]
        self.books.follow_up(message_id, our_ref, kind, message.get("CHYY") or message.get("BZSM") or "", files)
        if kind == "SUPPLEMENT":
            if self.settings.fault != "ignored_supplement":
                self.under_way.supplement(our_ref)
        elif self.settings.fault != "ignored_withdrawal":
            moment = self.under_way.withdraw(our_ref, WITHDRAWN)
            self.tasks.create_task(self._tell(booking, "withdrawn", moment))
        return self._receipt("00", "成功", booking)

    async def _list(self, request: web.Request) -> web.Response:
        """One page of a day's cases, from page 1; an empty one ends it."""
        page = int(request.query.get("YM", "1"))
        booked = list(self.booked_on(request.query.get("RQ", "")))[(page - 1) * ROWS_OF_A_DAY : page * ROWS_OF_A_DAY]
        rows = [
            {"YSBLSH": one.our_ref, "SBLSH": one.case_number, **self.last.get(one.our_ref, (0, {"BWLX": "1"}))[1]}
            for one in booked[1 if self.settings.fault == "unlisted" else 0 :]
        ]
        return json_answer(self.envelope("00", "成功", {"LB": rows}))

    def _file_of(self, our_ref: str, material: dict[str, Any]) -> list[Upload]:
        files = self.uploaded(our_ref, material.get("WJBS"), material.get("SHA256"))
        if any((file.name, file.size) != (material.get("WJM"), material.get("WJDX")) for file in files):
            raise Refused(f"材料文件名或大小不符: {material['WJBS']}")
        return files

    def _receipt(self, code: str, message: str, booking: Booking) -> web.Response:
        received_ms = int((booking.booked_at + self.settings.skew_s) * 1000)
        data = {"SBLSH": booking.case_number, "JSSJ": received_ms}
        return json_answer(self.envelope(code, message, data))

    def _next_number(self, task_code: str, at: float) -> str:
        """Task code, date, serial per task code and day of four digits or more."""
        key = (task_code, clock.day(at))
        self._serials[key] = self._serials.get(key, 0) + 1
        return f"{task_code}{key[1]}{self._serials[key]:04d}"

    def _remember(self, booking: Booking) -> None:
        super()._remember(booking)
        tail = booking.case_number.removeprefix(booking.task_code)
        key = (booking.task_code, tail[:8])
        self._serials[key] = max(self._serials.get(key, 0), int(tail[8:]))

    async def _progress(self, booking: Booking, outcome: str) -> None:
        deliver = partial(self._tell, booking, outcome)
        answered = partial(self.under_way.answered, booking.our_ref) if outcome == "asks" else None
        await walk(PLANS[outcome], self.settings, deliver, answered=answered)

    async def _tell(self, booking: Booking, outcome: str, moment: Moment) -> None:
        await self.while_down()
        row = self.books.step(booking.our_ref, moment.step)
        said = self._callback_body(booking, moment, outcome)
        if self.settings.fault == "foreign_report":
            said["YSBLSH"] = SOMEBODY_ELSE
        state: dict[str, object] = {name: said[name] for name in ("BWLX", "SLZTDM", "BJJGDM") if name in said}
        self.remember_step(booking.our_ref, moment.number, state)
        body = orjson.dumps(said)
        for _ in range(1 + self.settings.repeat):
            if await self._call_back(body):
                self.books.steps_delivered([row])

    def _callback_body(self, booking: Booking, moment: Moment, outcome: str) -> dict[str, object]:
        told_ms = int((moment.at + self.settings.skew_s) * 1000)
        body: dict[str, object] = {"BWLX": moment.code, "YSBLSH": booking.our_ref, "SBLSH": booking.case_number}
        body |= {"XH": moment.number, "SJ": told_ms}
        if moment.code == "1":
            body |= {"YSLZTDM": "1"}
        elif moment.code == "2":
            rejected = moment.step == "REJECTED"
            body |= {"SLZTDM": "2" if rejected else "1", "BSLYY": "不属于本机关职权范围" if rejected else None}
        elif moment.code == "4":
            code, text = RESULTS[outcome]
            body |= {"BJJGDM": code, "BJJGMS": text, "BJJGFJ": self._result_files(booking) if code == "0" else []}
        elif moment.code == "7":
            text = "身份证复印件（加盖公章）"
            body |= {"BZCLQD": [text.encode().decode("latin-1") if self.settings.fault == "garbled" else text]}
        elif moment.code == "11":
            body |= {"ZBYY": FORWARDED_TO}
        return body

    def _result_files(self, booking: Booking) -> list[dict[str, object]]:
        if self.settings.fault == "no_result_file":
            return []
        file = result_file(booking.our_ref, booking.case_number)
        self.books.file_out(file)
        digest_shown = shown_digest(file, self.settings)
        return [{"WJBS": f"R{booking.case_number}", "WJM": file.name, "WJDX": file.size, "SHA256": digest_shown}]

    async def _call_back(self, body: bytes) -> bool:
        """Whether one of the tries was answered HTTP 200."""
        for _ in range(CALLBACK_TRIES):
            async with self._in_flight:
                if await self._post(body):
                    return True
            await asyncio.sleep(CALLBACK_PAUSE_S)
            await self.while_down()
        return False

    async def _post(self, body: bytes) -> bool:
        url = f"{self.settings.callback_url}/v1/callbacks/441300"
        try:
            async with self._session.post(url, data=body, headers=self._callback_headers()) as answer:
                await answer.read()
                return answer.status == 200
        except (ClientError, TimeoutError, ValueError):
            return False

    def _callback_headers(self) -> dict[str, str]:
        timestamp, nonce = str(int(self.clock())), secrets.token_hex(16)
        if self.settings.fault == "same_nonce":
            nonce = "always-the-same"
        token = "wrong" if self.settings.take("bad_signature") else self._inbound_token
        return {
            "Content-Type": "application/json",
            "x-tif-paasid": "huizhou-kctb",
            "x-tif-timestamp": timestamp,
            "x-tif-nonce": nonce,
            "x-tif-signature": tif_signature(timestamp, token, nonce),
        }


def main() -> None:
    parser = arguments("惠州 simulator")
    parser.add_argument("--token", required=True, help="what we sign our requests with")
    parser.add_argument("--inbound-token", required=True, help="what the city signs its callbacks with")
    parser.add_argument("--paasid", required=True)
    parser.add_argument("--callback-url", default="")
    options = parser.parse_args()
    city = Huizhou(Books(options.books), Gate(options.paasid, options.token), options.inbound_token)
    city.settings.callback_url = options.callback_url
    run(city, options)


if __name__ == "__main__":
    main()
