"""A REST listing over a real server: signed, page by page, to its end and not beyond."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from adapters.contract import AdapterContext
from adapters.normalization.source import Source
from adapters.profile import CityProfile
from adapters.signing import tif
from adapters.sources import listing as listing_module
from adapters.sources.listing import read_listing
from adapters.sources.record import Record
from schemas.errors import PartnerProtocol, PartnerUnavailable, SourceUnreadable

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
ANSWERS = {"code": "code", "accepted": ["00"], "later": ["98"], "absent": ["04"]}
LISTING = {
    "path": "/items/{limit}",
    "query": {"after": "cursor", "size": "limit"},
    "answers": ANSWERS,
    "rows": "data.rows",
    "next": "data.next",
    "start": "",
    "limit": 2,
}
Answer = Callable[[str], Any]


class City:
    """Answers with what `answer` says for a cursor; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Answer = lambda _cursor: {}
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.rel_url.raw_query_string))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        answer = self.answer(request.query["after"])
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    def profile(self, **changes: Any) -> CityProfile:
        rest = {"url": self.url, "answers": {"code": "c", "accepted": ["x"]}, "submit": {"path": "/s", "body": {}}}
        auth = {"scheme": "tif", "paasid": "p", "token": "t"}
        base = {"code": "441300", "name": "惠州市", "provenance": {"default": "fictitious"}, "transport": "rest"}
        return CityProfile.model_validate({**base, "rest": rest, "auth": auth, "limits": {"timeout_s": 1}} | changes)


@pytest.fixture
async def city() -> AsyncIterator[City]:
    made = City()
    app = web.Application()
    app.router.add_get("/{rest:.*}", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def page(rows: Any, following: Any) -> dict[str, Any]:
    return {"code": "00", "data": {"rows": rows, "next": following}}


async def read(city: City, *, max_rows: int = 1000, **changes: Any) -> list[Record]:
    source = Source.model_validate({"format": "rest", "listing": {**LISTING, **changes}, "max_rows": max_rows})
    secrets = {"t": "token"}
    context = AdapterContext(lambda: NOW, lambda name: secrets[name], lambda: "nonce")
    return [record async for record in read_listing(source, city.profile(), context)]


async def test_pages_follow_the_cursor(city: City) -> None:
    pages = {"": page([{"名称": "a"}, {"名称": "b"}], "二&="), "二&=": page([], 3), "3": page([{"名称": "c"}], None)}
    city.answer = pages.__getitem__
    records = await read(city)
    assert [(one.place, one.data) for one in records] == [
        ("第1页第1条", {"名称": "a"}),
        ("第1页第2条", {"名称": "b"}),
        ("第3页第1条", {"名称": "c"}),
    ]
    assert city.asked == [
        ("/items/2", "after=&size=2"),
        ("/items/2", "after=%E4%BA%8C%26%3D&size=2"),
        ("/items/2", "after=3&size=2"),
    ]
    signed = {name.lower(): value for name, value in tif.headers("p", "token", "nonce", now=NOW).items()}
    assert all(signed.items() <= headers.items() for headers in city.headers)


@pytest.mark.parametrize("last", [None, "", "1", "0"], ids=["null", "empty", "the same again", "an earlier one"])
async def test_a_cursor_that_leads_no_further_ends_the_listing(city: City, last: Any) -> None:
    pages = {"0": page([{"n": 0}], 1), "1": page([{"n": 1}], last)}
    city.answer = pages.__getitem__
    assert [one.data["n"] for one in await read(city, start="0")] == [0, 1]


async def test_absent_is_the_end(city: City) -> None:
    city.answer = lambda _cursor: {"code": "04"}
    assert await read(city) == []


async def test_more_rows_than_allowed(city: City) -> None:
    city.answer = lambda cursor: page([{}, {}], cursor + "x")
    with pytest.raises(SourceUnreadable) as caught:
        await read(city, max_rows=5)
    assert "超过上限5条" in caught.value.detail_zh
    assert len(city.asked) == 3


async def test_a_listing_without_end(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "MOST_PAGES", 7)
    city.answer = lambda cursor: page([], cursor + "x")
    with pytest.raises(PartnerProtocol) as caught:
        await read(city)
    assert "7页" in caught.value.detail_zh
    assert len(city.asked) == 7


WRONG: dict[str, tuple[Any, type[Exception]]] = {
    "a row that is no object": (lambda _: page(["x"], None), PartnerProtocol),
    "rows that are no list": (lambda _: page({"a": 1}, None), PartnerProtocol),
    "a cursor that is a list": (lambda _: page([], [1]), PartnerProtocol),
    "a code that is not described": (lambda _: {"code": "77"}, PartnerProtocol),
    "later": (lambda _: {"code": "98"}, PartnerUnavailable),
    "no JSON": (lambda _: web.Response(text="<html>"), PartnerProtocol),
    "no access": (lambda _: web.Response(status=403), PartnerProtocol),
    "a fault of theirs": (lambda _: web.Response(status=500), PartnerUnavailable),
    "another address": (lambda _: web.Response(status=302, headers={"Location": "/x"}), PartnerProtocol),
}


@pytest.mark.parametrize(("answer", "error"), WRONG.values(), ids=WRONG)
async def test_a_wrong_answer_is_the_partners_error(city: City, answer: Answer, error: type[Exception]) -> None:
    city.answer = answer
    with pytest.raises(error):
        await read(city)


async def test_a_function_that_does_not_take_the_answer(city: City) -> None:
    city.answer = lambda _cursor: page([], "x")
    with pytest.raises(PartnerProtocol):
        await read(city, next="from_compact_time(data.next)")
    with pytest.raises(PartnerProtocol):
        await read(city, query={"after": "nothing"})
    assert len(city.asked) == 1


async def test_a_city_that_is_not_there(city: City) -> None:
    city.url = "http://127.0.0.1:1"
    with pytest.raises(PartnerUnavailable):
        await read(city)


async def test_a_city_without_a_rest_section(city: City) -> None:
    source = Source.model_validate({"format": "rest", "listing": LISTING})
    context = AdapterContext(lambda: NOW, lambda name: name, lambda: "nonce")
    profile = city.profile(transport="none", rest=None, auth=None)
    with pytest.raises(SourceUnreadable) as caught:
        await anext(read_listing(source, profile, context))
    assert "rest段落" in caught.value.detail_zh


async def test_progress_is_told(city: City) -> None:
    pages = {"": page([{}] * 1000, "1"), "1": page([{}] * 1000, None)}
    city.answer = pages.__getitem__
    source = Source.model_validate({"format": "rest", "listing": LISTING, "max_rows": 5000})
    context = AdapterContext(lambda: NOW, lambda name: name, lambda: "nonce")
    told: list[tuple[int, int]] = []
    reading = read_listing(source, city.profile(), context, progress=lambda done, total: told.append((done, total)))
    assert len([record async for record in reading]) == 2000
    assert told == [(1000, 5000), (2000, 5000)]
