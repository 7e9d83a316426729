"""漳州 350600: a gateway of its own making that speaks the peer protocol, as docs/peer-openapi.json describes it.

It leaves what happens to a case for the collecting city to fetch; with `callback_url` it reports it there instead.
"""

import asyncio
import hashlib
import json
import secrets
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import NAMESPACE_OID, uuid5

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.simulators import clock, shapes
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.control import REST, Control
from tests.simulators.peer_signing import Key, Objection, Request, check_request, digest_field, sign_request
from tests.simulators.peer_signing import sign_response as signed_response
from tests.simulators.process import arguments, json_answer, run
from tests.simulators.progress import Moment, result_file, result_pdf, shown_digest, walk
from tests.simulators.rest import Refused, RestCity
from tests.simulators.zhangzhou_words import FOLLOW_UPS, MESSAGE, MODE_NUMBERS, PLANS, REASONS

CITY, PARTNER = "350600", "445200"
VERSION = "1"
APART_S = 0.01  # times are told in milliseconds
REPORT_TRIES, REPORT_PAUSE_S = 20, 0.3
_STATUS = {"request.file_unknown": 422, "request.item_unknown": 422, "request.step_not_allowed": 409}


class Zhangzhou(RestCity):
    reference: ClassVar[str] = "application_id"
    shape: ClassVar[dict[str, shapes.Rule]] = MESSAGE
    follow_up_shapes: ClassVar[dict[str, dict[str, shapes.Rule]]] = FOLLOW_UPS

    def __init__(self, books: Books, key: Key, peer_keys: Path) -> None:
        super().__init__(books, Control(REST | {"bad_signature", "callback_url"}, PLANS))
        self._key, self._folder = key, peer_keys
        self._keys: dict[str, ec.EllipticCurvePublicKey] = {}
        self._nonces: set[str] = set()
        self._canonical: dict[str, str] = {}
        self._seq = books.feed_end()
        self._results = {_file_id(number): number for number in self.cases}
        self._session: ClientSession

    def facts(self) -> dict[str, object]:
        return {"jwks": {"keys": [self._key.jwk]}}

    async def open(self, stack: AsyncExitStack) -> None:
        self._session = await stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=10)))

    def pages(self) -> list[web.RouteDef]:
        base = "/v1/peer"
        return [
            web.get("/.well-known/tongban", self._description),
            web.get("/.well-known/jwks.json", self._jwks),
            web.get(f"{base}/probe", self._probe),
            web.put(f"{base}/files/{{file_id}}", self._take_file),
            web.get(f"{base}/files/{{file_id}}", self._send_file),
            web.post(f"{base}/applications", self.apply),
            web.get(f"{base}/applications/{{application_id}}", self._show),
            web.post(f"{base}/follow-ups", self._take_follow_up),
            web.get(f"{base}/reports", self._reports),
            web.post(f"{base}/reports", self._take_reports),
            web.get(f"{base}/messages", self._messages),
            web.get(f"{base}/listings/{{day}}", self._listing),
        ]

    def application(self) -> web.Application:
        app = super().application()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/v1/peer/"):
            return await handler(request)
        asked = Request(request.method, request.raw_path, {n.lower(): v for n, v in request.headers.items()})
        if asked.headers.get("tongban-version") != VERSION:
            return json_answer({"code": "request.version_not_spoken", "versions": [VERSION]}, status=406)
        try:
            await self._admit(request, asked)
        except Objection as objection:
            return json_answer(self._problem("request.unauthenticated", str(objection), 401), status=401)
        response = await handler(request)
        if isinstance(response, web.Response):
            self._dress(response, asked)
        return response

    async def _admit(self, request: web.Request, asked: Request) -> None:
        """Raises Objection."""
        self._read_keys()
        _, nonce = check_request(asked, self._keys, now=self.clock())
        if (asked.headers["tongban-from"], asked.headers["tongban-to"]) != (PARTNER, CITY):
            raise Objection("不是约定的双方")
        if nonce in self._nonces:
            raise Objection("nonce 重复使用")
        self._nonces.add(nonce)
        if asked.headers["content-digest"] != digest_field(hashlib.sha256(await request.read()).digest()):
            raise Objection("内容与摘要不符")

    def _read_keys(self) -> None:
        for path in sorted(self._folder.glob("*.public.pem")):
            key = serialization.load_pem_public_key(path.read_bytes())
            if isinstance(key, ec.EllipticCurvePublicKey):
                self._keys[path.name.removesuffix(".public.pem")] = key

    def _dress(self, response: web.Response, asked: Request) -> None:
        """The status a problem names, and the signature."""
        body = response.body if isinstance(response.body, bytes) else b""
        if body.startswith(b'{"problem"'):
            problem = orjson.loads(body)["problem"]
            if response.status == 200:
                response.set_status(problem["status"])
            response.body = body = orjson.dumps(problem)
            response.content_type = "application/problem+json"
        headers = {"content-digest": digest_field(hashlib.sha256(body).digest())}
        headers["content-type"] = response.headers["Content-Type"]
        if "Idempotent-Replayed" in response.headers:
            headers["idempotent-replayed"] = response.headers["Idempotent-Replayed"]
        signing = Key.new() if self.settings.take("bad_signature") else self._key
        headers |= signed_response(response.status, headers, asked, signing, now=self.clock())
        response.headers.update(headers)

    def _problem(self, code: str, detail: str, status: int) -> dict[str, object]:
        return {"type": "about:blank", "code": code, "status": status, "title": code, "detail": detail}

    def envelope(self, code: str, message: str, data: object = None) -> dict[str, object]:
        """A problem for what RestCity says by number; `_dress` gives it its status."""
        name = "request.file_unknown" if "文件" in message else "request.item_unknown"
        name = "request.step_not_allowed" if "已办结" in message else name
        return {"problem": self._problem(name, message, _STATUS[name])}

    def later(self, headers: dict[str, str]) -> web.Response:
        return json_answer(self._problem("gateway.busy", "请稍后再试", 429), status=429, headers=headers)

    async def _description(self, _request: web.Request) -> web.Response:
        return json_answer(
            {
                "city": CITY,
                "software": "zhangzhou-simulator",
                "versions": [VERSION],
                "capabilities": ["applications", "files", "follow_ups", "reports_polled", "listings"],
                "endpoints": {"peer": "/v1/peer"},
                "jwks": "/.well-known/jwks.json",
                "catalogue_generation": 1,
            }
        )

    async def _jwks(self, _request: web.Request) -> web.Response:
        return json_answer({"keys": [self._key.jwk]})

    async def _probe(self, _request: web.Request) -> web.Response:
        return json_answer({"city": PARTNER, "version": VERSION})

    async def _take_file(self, request: web.Request) -> web.Response:
        content, file_id, name = await request.read(), request.match_info["file_id"], request.query["name"]
        known, sha256 = self.books.upload(file_id), digest(content)
        if known is not None and known.sha256 != sha256:
            return json_answer(self._problem("request.idempotency_mismatch", "文件不同", 409), status=409)
        self.books.keep_upload(file_id, Upload("", name, len(content), sha256))
        answer = {"file_id": file_id, "name": name, "media_type": "application/pdf", "size_bytes": len(content)}
        answer |= {"sha256": sha256, "sm3": hashlib.new("sm3", content).hexdigest()}
        return json_answer(answer, status=200 if known else 201)

    async def _send_file(self, request: web.Request) -> web.Response:
        number = self._results.get(request.match_info["file_id"])
        if self.settings.lose_files or number is None:
            return json_answer(self._problem("request.not_found", "文件不存在", 404), status=404)
        return web.Response(body=result_pdf(number), content_type="application/pdf")

    async def apply(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            message = json.loads(raw)
            text = json.dumps(message["application"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            self._canonical[str(message["message_id"])] = digest(text.encode())
        except (ValueError, LookupError, TypeError):
            return json_answer(self._problem("request.malformed", "不是 JSON", 400), status=400)
        return await super().apply(request)

    def accept(self, message: dict[str, Any], sha256: str) -> web.Response:
        our_ref, body_sha256 = message["application_id"], self._canonical.pop(message["message_id"])
        if known := self.by_reference.get(our_ref):
            if known[0].message_sha256 != body_sha256:
                return json_answer(self._problem("request.idempotency_mismatch", "报文不同", 409), status=409)
            return self._submitted(known[0], {"Idempotent-Replayed": "true"})
        files = self._files_of(our_ref, message)
        application = message["application"]
        number = f"ZZ{clock.day(clock.now())}{secrets.token_hex(4)}"
        mode = MODE_NUMBERS[application["mode"]]
        booking = Booking(our_ref, number, clock.now(), body_sha256, mode, message["task_code"])
        self.book(booking, files)
        self._results[_file_id(number)] = number
        if not self.settings.silent:
            outcome = self.settings.outcome_of(booking.task_code)
            self.under_way.begin(our_ref, self.tasks, self._progress(booking, outcome))
        return self._submitted(booking, {})

    def _files_of(self, our_ref: str, message: dict[str, Any]) -> list[Upload]:
        """Raises Refused for one that never came, or that is another."""
        found = []
        for one in message["files"]:
            told = one["file"]
            file = self.books.upload(told["file_id"])
            if file is None or (file.size, file.sha256) != (told["size_bytes"], told["sha256"]):
                raise Refused(f"材料文件不存在或不符: {told['file_id']}")
            found.append(Upload(our_ref, told["name"], file.size, file.sha256))
        return found

    def _submitted(self, booking: Booking, headers: dict[str, str], status: int = 202) -> web.Response:
        """The same receipt each time: its signature is deterministic."""
        claims = {"iss": CITY, "sub": booking.our_ref, "iat": int(booking.booked_at)}
        claims |= {"body_sha256": booking.message_sha256, "caller": f"{PARTNER}:gateway"}
        receipt = {
            "application_id": booking.our_ref,
            "body_sha256": booking.message_sha256,
            "accepted_at": _moment(booking.booked_at),
            "jws": self._key.jws(claims, "tongban-receipt+jws"),
        }
        answer = {"application_id": booking.our_ref, "state": "ARRIVED", "receipt": receipt, "warnings": []}
        return json_answer(answer, status=status, headers=headers)

    async def _show(self, request: web.Request) -> web.Response:
        known = self.by_reference.get(request.match_info["application_id"])
        if not known:
            return json_answer(self._problem("request.not_found", "查无此件", 404), status=404)
        return self._submitted(known[0], {}, status=200)

    async def _take_follow_up(self, request: web.Request) -> web.Response:
        kind = str(json.loads(await request.read()).get("kind"))
        return await (self.withdraw(request) if kind == "WITHDRAW" else self.supplement(request))

    def followed(self, kind: str, message: dict[str, Any]) -> web.Response:
        our_ref, message_id = message["application_id"], message["message_id"]
        answer = {"application_id": our_ref, "message_id": message_id, "state": "ARRIVED"}
        if self.books.has_follow_up(message_id):
            return json_answer(answer, status=202, headers={"Idempotent-Replayed": "true"})
        booking = self.case_of(our_ref)
        self.books.follow_up(message_id, our_ref, kind, message.get("reason") or "", self._files_of(our_ref, message))
        if kind == "SUPPLEMENT":
            self.under_way.supplement(our_ref)
        else:
            moment = self.under_way.withdraw(our_ref, "WITHDRAWN")
            self.tasks.create_task(self._tell(booking, "withdrawn", moment))
        return json_answer(answer, status=202)

    async def _progress(self, booking: Booking, outcome: str) -> None:
        deliver = partial(self._tell, booking, outcome)
        answered = partial(self.under_way.answered, booking.our_ref) if outcome == "asks" else None
        await walk(PLANS[outcome], self.settings, deliver, answered=answered, apart_s=APART_S)

    async def _tell(self, booking: Booking, outcome: str, moment: Moment) -> None:
        step_id = self.books.step(booking.our_ref, moment.step)
        row = self._row(booking, outcome, moment)
        told = {"step": row["step"], "outcome": row.get("outcome")}
        self.remember_step(booking.our_ref, moment.number, told)
        for _ in range(1 + self.settings.repeat):
            if not self.settings.callback_url:
                self._seq += 1
                self.books.feed(self._seq, orjson.dumps(row).decode(), step_id)
            elif await self._report(row):
                self.books.steps_delivered([step_id])

    def _row(self, booking: Booking, outcome: str, moment: Moment) -> dict[str, object]:
        row: dict[str, object] = {
            "report_id": f"{booking.our_ref}:{moment.number}",
            "application_id": booking.our_ref,
            "deciding_city": CITY,
            "step": moment.code,
            "occurred_at": _moment(moment.at + self.settings.skew_s),
            "case_number": booking.case_number,
        }
        if moment.step in REASONS:
            row["reason"] = REASONS[moment.step]
        if moment.step == "DECIDED" and outcome == "refused":
            row |= {"outcome": "REFUSED", "reason": "不符合条件，不予批准"}
        elif moment.step == "DECIDED":
            row |= {"outcome": "GRANTED", "licence_issued": True, "files": [self._result(booking)]}
        return row

    def _result(self, booking: Booking) -> dict[str, object]:
        file = result_file(booking.our_ref, booking.case_number)
        self.books.file_out(file)
        told = {"reference": _file_id(booking.case_number), "name": file.name, "size_bytes": file.size}
        return told | {"sha256": shown_digest(file, self.settings)}

    async def _report(self, row: dict[str, object]) -> bool:
        """Whether one of the tries was answered 200."""
        body = orjson.dumps({"data": [row]})
        for _ in range(REPORT_TRIES):
            await self.while_down()
            try:
                if await self._post("/v1/peer/reports", body) == 200:
                    return True
            except (ClientError, TimeoutError, ValueError):
                pass
            await asyncio.sleep(REPORT_PAUSE_S)
        return False

    async def _post(self, target: str, body: bytes) -> int:
        headers = {"content-type": "application/json", "content-digest": digest_field(hashlib.sha256(body).digest())}
        headers |= {"tongban-from": CITY, "tongban-to": PARTNER, "tongban-version": VERSION}
        request = Request("POST", target, headers)
        headers |= sign_request(request, self._key, now=self.clock(), nonce=secrets.token_hex(16))
        async with self._session.post(self.settings.callback_url + target, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def _reports(self, request: web.Request) -> web.Response:
        found = self.books.feed_after(int(request.query.get("after", "0")), min(int(request.query["limit"]), 200))
        self.books.steps_delivered([step_id for _, _, step_id in found])
        rows = [orjson.Fragment(row) for _, row, _ in found]
        return json_answer({"data": rows, "next": str(found[-1][0]) if found else None})

    async def _take_reports(self, request: web.Request) -> web.Response:
        return json_answer({"taken": len(orjson.loads(await request.read())["data"])})

    async def _messages(self, _request: web.Request) -> web.Response:
        return json_answer({"data": [], "next": None})

    async def _listing(self, request: web.Request) -> web.Response:
        day, after = request.match_info["day"].replace("-", ""), request.query.get("after", "")
        known = sorted((one for one in self.booked_on(day) if one.our_ref > after), key=lambda one: one.our_ref)
        page = known[: int(request.query["limit"])]
        rows = [
            {"application_id": one.our_ref, "case_number": one.case_number}
            | self.last.get(one.our_ref, (0, {"step": "ARRIVED"}))[1]
            for one in page
        ]
        return json_answer({"data": rows, "next": page[-1].our_ref if len(page) < len(known) else None})


def _file_id(case_number: str) -> str:
    return str(uuid5(NAMESPACE_OID, case_number))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def main() -> None:
    parser = arguments("漳州 simulator")
    parser.add_argument("--key", required=True, help="PEM file of its own key; made where it is not there yet")
    parser.add_argument("--peer-keys", required=True, help="folder with <kid>.public.pem of the gateway that calls it")
    options = parser.parse_args()
    path = Path(options.key)
    if not path.exists():
        path.write_bytes(Key.new().pem())
    city = Zhangzhou(Books(options.books), Key.from_pem(path.read_bytes()), Path(options.peer_keys))
    run(city, options)


if __name__ == "__main__":
    main()
