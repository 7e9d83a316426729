"""揭阳 445200, our own city's back office: JSON in the language of 通办, HMAC-SM3 both ways, signed callbacks.

Files come first; a repeated application gets its first number; a withdrawal ends a case that is not decided.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from aiohttp.typedefs import Handler

from tests.simulators import clock, shapes
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.control import REST, Control
from tests.simulators.jieyang_words import APPLICATION, FOLLOW_UPS, MODES, PLANS, REASONS
from tests.simulators.office_signature import Gate, signature, sm3
from tests.simulators.process import arguments, json_answer, run
from tests.simulators.progress import Moment, result_file, result_pdf, shown_digest, walk
from tests.simulators.rest import Refused, RestCity

CALLBACK_TRIES = 200
CALLBACK_PAUSE_S = 0.3
CALLBACKS_IN_FLIGHT = 200
_RESULTS = {"00": "accepted", "01": "known", "10": "refused", "98": "busy"}


class Jieyang(RestCity):
    reference: ClassVar[str] = "application_id"
    shape: ClassVar[dict[str, shapes.Rule]] = APPLICATION
    follow_up_shapes: ClassVar[dict[str, dict[str, shapes.Rule]]] = FOLLOW_UPS

    def __init__(self, books: Books, city: str, gate: Gate, inbound_key: str) -> None:
        self._serials: dict[tuple[str, str], int] = {}
        super().__init__(books, Control(REST | {"bad_signature", "callback_url"}, PLANS))
        self._city, self._gate, self._inbound_key = city, gate, inbound_key
        self._session: ClientSession
        self._in_flight = asyncio.Semaphore(CALLBACKS_IN_FLIGHT)

    def pages(self) -> list[web.RouteDef]:
        one = "/office/applications/{application_id}"
        return [
            web.post("/office/applications", self.apply),
            web.get("/office/applications", self._listing),
            web.post(f"{one}/supplements", self.supplement),
            web.post(f"{one}/withdrawal", self.withdraw),
            web.post("/office/files", self._take_file),
            web.get("/office/files/{file_id}", self.send_result),
            web.get("/office/ping", self.ping),
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
        if not request.path.startswith("/_") and (objection := await self._gate.objection(request, self.clock())):
            return json_answer(self.envelope("401", objection), status=401)
        return await handler(request)

    def envelope(self, code: str, message: str, data: object = None) -> dict[str, object]:
        more = data if isinstance(data, dict) else {}
        return {"result": _RESULTS.get(code, "error"), "message": message, **more}

    async def _take_file(self, request: web.Request) -> web.Response:
        our_ref, name = request.query.get("application_id", ""), request.query.get("name", "")
        if not our_ref or not name:
            return json_answer(self.envelope("99", "缺少 application_id 或 name"), status=400)
        content = await request.read()
        sha256 = digest(content)
        file_id = digest(orjson.dumps([our_ref, name, sha256]))[:32]
        self.books.keep_upload(file_id, Upload(our_ref, name, len(content), sha256))
        return json_answer(self.envelope("00", "成功", {"file_id": file_id, "sha256": sha256}))

    def accept(self, message: dict[str, Any], sha256: str) -> web.Response:
        our_ref, task_code = message["application_id"], message["task_code"]
        if known := self.by_reference.get(our_ref):
            return json_answer(self.envelope("01", "已登记", {"case_number": known[0].case_number}))
        files = self._files_of(our_ref, message["files"])
        at = clock.now()
        number = self._next_number(task_code, at + self.settings.skew_s)
        booking = Booking(our_ref, number, at, sha256, MODES[message["application"]["mode"]], task_code)
        self.book(booking, files)
        if not self.settings.silent:
            self.under_way.begin(our_ref, self.tasks, self._progress(booking, self.settings.outcome_of(task_code)))
        return json_answer(self.envelope("00", "成功", {"case_number": number}))

    def _files_of(self, our_ref: str, listed: list[dict[str, Any]]) -> list[Upload]:
        found = []
        for one in listed:
            stated = one["file"]
            (file,) = self.uploaded(our_ref, one["office_file_id"], stated["sha256"])
            if (file.name, file.size) != (stated["name"], stated["size_bytes"]):
                raise Refused(f"材料文件名或大小不符: {one['office_file_id']}")
            found.append(file)
        return found

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

    def followed(self, kind: str, message: dict[str, Any]) -> web.Response:
        """The same message id twice is one."""
        our_ref, message_id = message["application_id"], message["message_id"]
        if self.books.has_follow_up(message_id):
            number = self.by_reference[our_ref][0].case_number
            return json_answer(self.envelope("01", "已登记", {"case_number": number}))
        booking = self.case_of(our_ref)
        files = self._files_of(our_ref, message.get("files", []))
        self.books.follow_up(message_id, our_ref, kind, message.get("reason") or "", files)
        if kind == "SUPPLEMENT":
            self.under_way.supplement(our_ref)
        else:
            self.tasks.create_task(self._tell(booking, self.under_way.withdraw(our_ref, "")))
        return json_answer(self.envelope("00", "成功", {"case_number": booking.case_number}))

    async def _listing(self, request: web.Request) -> web.Response:
        """The cases booked on a day, with the last thing that happened to each."""
        known = self.booked_on(request.query.get("day", "").replace("-", ""))
        begun: dict[str, object] = {"step": "ARRIVED", "outcome": None}
        rows = [
            {"application_id": one.our_ref, "case_number": one.case_number, **self.last.get(one.our_ref, (0, begun))[1]}
            for one in known
        ]
        return json_answer(self.envelope("00", "成功", {"cases": rows}))

    async def _progress(self, booking: Booking, outcome: str) -> None:
        answered = partial(self.under_way.answered, booking.our_ref) if outcome == "asks" else None
        await walk(PLANS[outcome], self.settings, partial(self._tell, booking), answered=answered)

    async def _tell(self, booking: Booking, moment: Moment) -> None:
        await self.while_down()
        row = self.books.step(booking.our_ref, moment.step)
        said = self._report(booking, moment)
        self.remember_step(booking.our_ref, moment.number, {name: said[name] for name in ("step", "outcome")})
        body = orjson.dumps(said)
        for _ in range(1 + self.settings.repeat):
            if await self._call_back(body):
                self.books.steps_delivered([row])

    def _report(self, booking: Booking, moment: Moment) -> dict[str, object]:
        told = datetime.fromtimestamp(moment.at + self.settings.skew_s, UTC).isoformat(timespec="milliseconds")
        return {
            "application_id": booking.our_ref,
            "case_number": booking.case_number,
            "sequence": moment.number,
            "step": "AWAITING_BUREAU" if moment.step == "UNKNOWN" else moment.step,
            "outcome": moment.code or None,
            "occurred_at": told,
            "reason": REASONS.get(moment.code or moment.step),
            "files": self._result_files(booking) if moment.code == "GRANTED" else [],
        }

    def _result_files(self, booking: Booking) -> list[dict[str, object]]:
        file = result_file(booking.our_ref, booking.case_number)
        self.books.file_out(file)
        return [
            {
                "file_id": f"R{booking.case_number}",
                "name": file.name,
                "size_bytes": file.size,
                "sha256": shown_digest(file, self.settings),
                "sm3": sm3(result_pdf(booking.case_number)),
            }
        ]

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
        path = f"/v1/callbacks/{self._city}"
        try:
            url = f"{self.settings.callback_url}{path}"
            async with self._session.post(url, data=body, headers=self._callback_headers(path, body)) as answer:
                await answer.read()
                return answer.status == 200
        except (ClientError, TimeoutError, ValueError):
            return False

    def _callback_headers(self, path: str, body: bytes) -> Mapping[str, str]:
        key = "wrong" if self.settings.take("bad_signature") else self._inbound_key
        timestamp, nonce = str(int(self.clock() * 1000)), secrets.token_hex(16)
        return {
            "Content-Type": "application/json",
            "X-Office-Time": timestamp,
            "X-Office-Nonce": nonce,
            "X-Office-Signature": signature(key, "POST", path, timestamp, nonce, body),
        }


def main() -> None:
    parser = arguments("揭阳 back office simulator")
    parser.add_argument("--city", default="445200", help="whose back office it is")
    parser.add_argument("--key", required=True, help="what the gateway signs its requests with")
    parser.add_argument("--inbound-key", required=True, help="what the office signs its callbacks with")
    parser.add_argument("--callback-url", default="")
    options = parser.parse_args()
    city = Jieyang(Books(options.books), options.city, Gate(options.key), options.inbound_key)
    city.settings.callback_url = options.callback_url
    run(city, options)


if __name__ == "__main__":
    main()
