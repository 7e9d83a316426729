"""模拟SOAP城市: answers every operation of a profile over SOAP 1.1 or 1.2 with an XML text in one parameter."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from lxml import etree

from adapters.contract import AdapterContext, CallbackRequest
from adapters.expression_functions import CHINA
from adapters.paging_operations import Paging
from adapters.profile import CityProfile
from adapters.soap_operations import SoapCall, SoapDownload, SoapListing, SoapOperations, SoapProgress, SoapUpload
from adapters.xml_reading import XmlLimits, XmlRefused, as_words, decoded, parsed
from adapters.xml_writing import written
from gateway.simulation.answers import AnswerWriter
from gateway.simulation.calling import Caller
from gateway.simulation.engine import Engine
from gateway.simulation.facts import Happened, SimulatedCase
from gateway.simulation.feed import Feed, Row
from gateway.simulation.guarding import Guard
from gateway.simulation.hearing import Hearer, check_heard
from gateway.simulation.listing_rows import ListingWriter
from gateway.simulation.reports import solver_of
from gateway.simulation.soap_answering import CONTENT_TYPES, NAMESPACES, AnsweringDefinition
from gateway.simulation.taking import Answered, Desk
from schemas.errors import CrossCityError

_LIMITS = XmlLimits(max_bytes=256 * 1024**2, max_depth=100)
_OPERATIONS = ("upload", "submit", "supplement", "withdraw", "query", "progress", "listing", "download", "ping")
_BOOKS = frozenset({"submit", "supplement", "withdraw"})
_STORM_OF = 3
_FAULT_STATUS = {"1.1": 500, "1.2": 400}


class SoapCity:
    """模拟SOAP城市."""

    def __init__(self, profile: CityProfile, context: AdapterContext, engine: Engine, caller: Caller | None) -> None:
        assert profile.soap is not None  # noqa: S101 - the caller has looked
        self._soap: SoapOperations = profile.soap
        self._engine, self._caller = engine, caller
        solver = solver_of(profile)
        self._hearer, self._definition = Hearer(solver), AnsweringDefinition(profile.soap)
        self._answers = AnswerWriter(profile.soap.answers, None, profile.compiler(), solver)
        check_heard(profile, profile.soap.submit.package, solver)
        self._guard, self._desk = Guard(profile, context, engine), Desk(engine)
        self._feed = Feed(skips="cursor_skips" in engine.faults)
        self._listing = None if self._soap.listing is None else ListingWriter(profile, self._soap.listing.case)
        calls = {name: call for name in _OPERATIONS if (call := getattr(self._soap, name)) is not None}
        self._calls: Mapping[str, tuple[str, SoapCall]] = {one.operation: (name, one) for name, one in calls.items()}
        self._count = 0
        engine.tell = self._tell

    def application(self) -> web.Application:
        """What to serve."""
        app = web.Application(client_max_size=1024**3)
        app.router.add_post(urlsplit(self._soap.url).path or "/", self._answer)
        return app

    async def _tell(self, via: str, body: dict[str, Any], case: SimulatedCase, happened: Happened) -> None:
        if self._caller is not None and via == "callback":
            await self._caller.call(body)
        else:
            self._feed.rows.append(Row(body, happened, self._engine.clock()))

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            raw = await request.read()
        except ConnectionError:  # cut off on the other side
            return web.Response()
        self._count += 1
        if "storm_5xx" in self._engine.faults and self._count % _STORM_OF:
            return web.Response(status=503, text="storm")
        try:
            return self._found(request, raw)
        except (XmlRefused, CrossCityError, ValueError, binascii.Error) as error:
            detail = error.detail if isinstance(error, CrossCityError) else "the message cannot be read"
            fault = self._definition.fault(caller=True, text=detail)
            return self._reply(fault, _FAULT_STATUS[self._soap.version])

    def _found(self, request: web.Request, raw: bytes) -> web.Response:
        namespace = NAMESPACES[self._soap.version]
        envelope = parsed(decoded(raw, request.charset), _LIMITS)
        header = {etree.QName(one).localname: one.text or "" for one in envelope.iterfind(f"{{{namespace}}}Header/*/*")}
        headers = {name.lower(): value for name, value in {**request.headers, **header}.items()}
        if not self._guard.lets_in(CallbackRequest("POST", request.raw_path, headers, raw)):
            return web.Response(status=401, text="signature")
        called = envelope.find(f"{{{namespace}}}Body/*")
        name = "" if called is None else etree.QName(called).localname
        if name not in self._calls:
            raise XmlRefused("no such operation in the profile")
        operation, call = self._calls[name]
        given = {etree.QName(one).localname: one.text or "" for one in called}
        text = self._handled(operation, call, self._words(call, given))
        return self._reply(self._definition.answer(call.operation, text), cut=operation in _BOOKS)

    def _words(self, call: SoapCall, given: Mapping[str, str]) -> dict[str, Any]:
        said = as_words(parsed(given.get(self._soap.parameter, ""), _LIMITS), frozenset(_lists(call.package)))
        return self._hearer.words(call.package, said) | self._hearer.from_leaves(call.arguments, given)

    def _handled(self, name: str, call: SoapCall, words: Mapping[str, Any]) -> str:
        desk = self._desk
        answers: Mapping[str, Callable[[], str]] = {
            "submit": lambda: self._of_case(call, desk.apply(self._with_contents(words))),
            "supplement": lambda: self._of_case(call, desk.follow(self._with_contents(words), withdrawal=False)),
            "withdraw": lambda: self._of_case(call, desk.follow(words, withdrawal=True)),
            "query": lambda: self._of_case(call, desk.query(words)),
            "upload": lambda: self._upload(call, words),
            "progress": lambda: self._rows(call, words),
            "listing": lambda: self._rows(call, words),
            "download": lambda: self._file(call, words),
        }
        return answers.get(name, lambda: self._said("accepted", {}))()

    def _with_contents(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """Files that came in the record are taken like uploaded ones."""
        materials = []
        for one in words.get("materials") or ():
            material = dict(one) if isinstance(one, dict) else {}
            if isinstance(content := material.pop("content", None), str) and content:
                material["uploaded"], _ = self._desk.upload(base64.b64decode(content))
            materials.append(material)
        return {**words, "materials": materials}

    def _of_case(self, call: SoapCall, answered: Answered) -> str:
        text = getattr(call, "case_number", None)
        number = answered.case_number
        return self._said(answered.meaning, {} if text is None or number is None else {text: number})

    def _upload(self, call: SoapCall, words: Mapping[str, Any]) -> str:
        assert isinstance(call, SoapUpload)  # noqa: S101 - of this name
        number, sha256 = self._desk.upload(base64.b64decode(str(words.get("content") or "")))
        return self._said("accepted", {call.reference: number, call.sha256: sha256})

    def _file(self, call: SoapCall, words: Mapping[str, Any]) -> str:
        assert isinstance(call, SoapDownload)  # noqa: S101 - of this name
        file = self._engine.results.get(str(words.get("reference")))
        if file is None:
            return self._said("absent", {})
        start = int(words.get("offset") or 0)
        end = start + (call.part_bytes or len(file.content))
        return self._said("accepted", {call.content: base64.b64encode(file.content[start:end]).decode()})

    def _rows(self, call: SoapCall, words: Mapping[str, Any]) -> str:
        assert isinstance(call, SoapProgress | SoapListing)  # noqa: S101 - of these names
        paging = Paging(rows=call.rows, next=call.next, start=call.start, limit=call.limit)
        feed = self._feed
        if isinstance(call, SoapListing):
            feed = Feed([Row(row, None, self._engine.clock()) for row in self._listed(words)])
        page = feed.page({name: words[name] for name in words if name in ("cursor", "limit")}, paging)
        return self._said("accepted", {call.rows: [row.body for row in page.rows], call.next: page.next})

    def _listed(self, words: Mapping[str, Any]) -> list[dict[str, Any]]:
        assert self._listing is not None  # noqa: S101 - a listing operation comes with it
        day = words.get("day") or words.get("day_compact") or words.get("begins")
        return self._listing.rows(self._engine, str(day or f"{self._engine.now().astimezone(CHINA):%Y-%m-%d}"))

    def _said(self, meaning: str, said: Mapping[str | None, Any]) -> str:
        return written(self._answers.written(meaning, said).body, self._soap.xml.declared)

    def _reply(self, body: bytes, status: int = 200, *, cut: bool = False) -> web.Response:
        faults = self._engine.faults
        if "wrong_charset" in faults:
            body = body.replace(b"Body>", "Body><!--模拟城市-->".encode("gb18030"), 1)
        if cut and "truncated" in faults:
            body = body[: len(body) * 2 // 3]
        kind = f"{CONTENT_TYPES[self._soap.version]}; charset=utf-8"
        return web.Response(body=body, status=status, headers={"Content-Type": kind})


def _lists(tree: Any) -> set[str]:
    """Elements of a package that are lists."""
    found: set[str] = set()
    if isinstance(tree, dict):
        for name, part in tree.items():
            if isinstance(part, dict) and part.keys() == {"each", "object"}:
                found.add(name.removesuffix("?"))
            found |= _lists(part)
    return found
