"""模拟REST城市: an HTTP server that answers every call of a profile, and reports progress by polling or callbacks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from adapters.contract import AdapterContext, CallbackRequest
from adapters.expression_functions import CHINA, json_bytes
from adapters.operations import OAuth2Auth
from adapters.profile import CityProfile
from adapters.rest_operations import ListingCall, ProgressCall, Step, UploadCall
from gateway.simulation.answers import Written
from gateway.simulation.calling import Caller
from gateway.simulation.engine import Engine
from gateway.simulation.facts import Happened, SimulatedCase
from gateway.simulation.feed import Feed, Row
from gateway.simulation.guarding import Guard
from gateway.simulation.hearing import check_heard
from gateway.simulation.listing_rows import ListingWriter
from gateway.simulation.reports import solver_of
from gateway.simulation.rest_calls import Asked, SimulatedCall, calls_of
from gateway.simulation.taking import Answered, Desk
from schemas.errors import CrossCityError

_STORM_OF = 3
_CHINESE = "模拟城市"
_BOOKS = frozenset({"submit", "supplement", "withdraw"})
Said = Mapping[str | None, Any]


class RestCity:
    """模拟REST城市."""

    def __init__(self, profile: CityProfile, context: AdapterContext, engine: Engine, caller: Caller | None) -> None:
        assert profile.rest is not None  # noqa: S101 - the caller has looked
        self._profile, self._rest, self._engine, self._caller = profile, profile.rest, engine, caller
        self._calls = calls_of(profile.rest, profile.compiler(), solver_of(profile))
        submit = profile.rest.submit
        if "application_id" not in (*submit.query.values(), *submit.path.replace("}", "{").split("{")):
            check_heard(profile, submit.body, solver_of(profile))
        self._guard, self._desk = Guard(profile, context, engine), Desk(engine)
        self._feed = Feed(skips="cursor_skips" in engine.faults)
        listing = profile.rest.listing
        self._listing = None if listing is None else ListingWriter(profile, listing.case)
        self._count = 0
        engine.tell = self._tell

    def application(self) -> web.Application:
        """What to serve."""
        app = web.Application(client_max_size=1024**3)
        if isinstance(self._profile.auth, OAuth2Auth):
            app.router.add_post(urlsplit(self._profile.auth.token_url).path, self._token)
        app.router.add_route("*", "/{anything:.*}", self._answer)
        return app

    async def _tell(self, via: str, body: dict[str, Any], case: SimulatedCase, happened: Happened) -> None:
        if self._caller is not None and via == "callback":
            await self._caller.call(body)
        else:
            self._feed.rows.append(Row(body, happened, self._engine.clock()))

    async def _token(self, request: web.Request) -> web.Response:
        answer = self._guard.token(await request.post())
        return web.json_response(answer or {"error": "invalid_client"}, status=401 if answer is None else 200)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            raw = await request.read()
        except ConnectionError:  # cut off on the other side: what came of it is forgotten
            return web.Response()
        self._count += 1
        if "storm_5xx" in self._engine.faults and self._count % _STORM_OF:
            return web.Response(status=503, text="storm")
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not self._guard.lets_in(CallbackRequest(request.method, request.raw_path, headers, raw)):
            return web.json_response({"message": "签名不正确"}, status=401)
        try:
            return self._found(request, raw)
        except CrossCityError as error:
            return web.json_response({"detail": error.detail, "detail_zh": error.detail_zh}, status=500)
        except (ValueError, TypeError):
            return web.json_response({"detail": "the body cannot be read"}, status=400)

    def _found(self, request: web.Request, raw: bytes) -> web.Response:
        """The answer of the first call of the profile that the request fits."""
        for call in self._calls.values():
            if (asked := call.asked(request, raw)) is not None:
                return self._sent(self._handled(call, asked), cut=call.name in _BOOKS)
        return web.json_response({"detail": "no such call in the profile"}, status=404)

    def _handled(self, call: SimulatedCall, asked: Asked) -> "Written | bytes":
        words, desk = asked.words, self._desk
        answers: Mapping[str, Callable[[], Written | bytes]] = {
            "submit": lambda: self._of_case(call, desk.apply(words)),
            "supplement": lambda: self._of_case(call, desk.follow(words, withdrawal=False)),
            "withdraw": lambda: self._of_case(call, desk.follow(words, withdrawal=True)),
            "query": lambda: self._of_case(call, desk.query(words)),
            "progress": lambda: self._rows(call, words),
            "listing": lambda: self._rows(call, words),
            "download": lambda: self._file(call, words),
            "ping": lambda: call.answers.written("accepted"),
        }
        return answers.get(call.name, lambda: self._step(call, asked))()

    def _file(self, call: SimulatedCall, words: Mapping[str, Any]) -> "Written | bytes":
        file = self._engine.results.get(str(words.get("reference")))
        return call.answers.written("absent") if file is None else file.content

    def _of_case(self, call: SimulatedCall, answered: Answered) -> Written:
        """A meaning; with the case number wherever the profile looks for one."""
        text = getattr(call.call, "case_number", None)
        said: Said = {text: answered.case_number} if answered.case_number is not None else {}
        return call.answers.written(answered.meaning, said)

    def _step(self, call: SimulatedCall, asked: Asked) -> Written:
        """An upload, or a step that keeps something."""
        step = call.call
        number, sha256 = self._desk.upload(asked.files[0] if asked.files else b"")
        if isinstance(step, UploadCall):
            return call.answers.written("accepted", {step.reference: number, step.sha256: sha256})
        keeps = step.keeps if isinstance(step, Step) else {}
        return call.answers.written("accepted", dict.fromkeys(keeps.values(), number))

    def _rows(self, call: SimulatedCall, words: Mapping[str, Any]) -> Written:
        paging = call.call
        assert isinstance(paging, ProgressCall | ListingCall)  # noqa: S101 - of these names
        if isinstance(paging, ListingCall):
            feed = Feed([Row(row, None, self._engine.clock()) for row in self._listed(words)])
            page = feed.page({name: value for name, value in words.items() if name not in ("since", "until")}, paging)
        else:
            page = self._feed.page(words, paging)
        rows = [self._changing(row) for row in page.rows]
        return call.answers.written("accepted", {paging.rows: rows, paging.next: page.next})

    def _listed(self, words: Mapping[str, Any]) -> list[dict[str, Any]]:
        assert self._listing is not None  # noqa: S101 - a listing call comes with it
        day = words.get("day") or words.get("day_compact") or words.get("begins")
        return self._listing.rows(self._engine, str(day or f"{self._engine.now().astimezone(CHINA):%Y-%m-%d}"))

    def _changing(self, row: Row) -> dict[str, Any]:
        """The row as it was, or, for a drill, with another time each time."""
        if "changing_reports" not in self._engine.faults or row.happened is None:
            return row.body
        self._count += 1
        moved = replace(row.happened, at=row.happened.at + timedelta(seconds=self._count % 60))
        return self._engine.writer.written(moved)[1]

    def _sent(self, answer: "Written | bytes", *, cut: bool) -> web.Response:
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="application/octet-stream")
        faults = self._engine.faults
        body = answer.body
        if "wrong_charset" in faults and isinstance(body, dict):
            raw = orjson.dumps({**body, "_note": _CHINESE}).decode().encode("gb18030")
        else:
            raw = json_bytes(body).decode().encode(_charset(self._rest.charset))
        if cut and "truncated" in faults:
            raw = raw[: len(raw) * 2 // 3]
        return web.Response(body=raw, status=answer.status, headers={"Content-Type": "application/json"})


def _charset(name: str) -> str:
    return {"utf-8-sig": "utf-8", "gbk": "gb18030"}.get(name, name)
