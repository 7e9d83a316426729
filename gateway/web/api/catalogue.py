"""目录接口: items, cities and agreements, each field with where it comes from (演示数据 is shown as such)."""

from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

import orjson
from aiohttp import web

from gateway.clock import now
from gateway.domain.days import beijing_day
from gateway.domain.item_changes import item_changes
from gateway.domain.item_words import Filter, terms
from gateway.evidence.chain import timestamp
from gateway.storage import item_search
from gateway.storage import items as stored_items
from gateway.storage.items import Head, HistoryEntry, Stored
from gateway.web.conditional import caching, entity_tag, not_modified
from gateway.web.endpoint import authenticate, json_response
from gateway.wiring import Services
from schemas.agreement import Mode
from schemas.errors import FieldProblem, Invalid, NotFound
from schemas.model import Provenance
from schemas.service_item import HandlingArea, ItemStatus, Served

Choice = TypeVar("Choice", bound=StrEnum)
_PAGE = 50
_LONGEST_TEXT = 100
_LIST_QUERY = frozenset({"city", "mode", "handling_area", "served", "status", "q", "after", "limit"})
_ANY = "ANY"


def page_limit(request: web.Request) -> int:
    """?limit= of a list, 1 to 200, default 50."""
    text = request.query.get("limit", str(_PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise invalid_query("limit", "limit is a whole number from 1 to 200.", "limit 应为 1 到 200 的整数。")
    return int(text)


def invalid_query(name: str, detail: str, detail_zh: str) -> Invalid:
    """The error for a query parameter, naming it."""
    return Invalid(detail, detail_zh, errors=(FieldProblem(f"/{name}", "query_invalid", detail, detail_zh),))


def _only(request: web.Request, known: frozenset[str]) -> None:
    """A misspelt filter must not quietly list everything."""
    for name in request.query:
        if name not in known:
            raise invalid_query(name, f"There is no query parameter {name}.", f"没有查询参数 {name}。")


def _choice(request: web.Request, name: str, kind: type[Choice]) -> Choice | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        words = ", ".join(kind)
        raise invalid_query(name, f"{name} is one of {words}.", f"{name} 应为 {words} 之一。") from None


def query_city(request: web.Request) -> str | None:
    """?city=, six digits, or None."""
    city = request.query.get("city")
    if city is not None and not (len(city) == 6 and city.isascii() and city.isdecimal()):
        raise invalid_query("city", "city is a division code of 6 digits.", "city 应为 6 位行政区划代码。")
    return city


def _number(request: web.Request, name: str, default: int | None) -> int | None:
    text = request.query.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise invalid_query(name, f"{name} is a whole number.", f"{name} 应为整数。")
    return int(text)


def _filter(request: web.Request) -> Filter:
    text = request.query.get("q") or None
    if text is not None and len(text) > _LONGEST_TEXT:
        raise invalid_query("q", f"q has at most {_LONGEST_TEXT} characters.", f"q 最多 {_LONGEST_TEXT} 个字符。")
    status = None if request.query.get("status") == _ANY else _choice(request, "status", ItemStatus)
    return Filter(
        city=query_city(request),
        mode=_choice(request, "mode", Mode),
        handling_area=_choice(request, "handling_area", HandlingArea),
        served=_choice(request, "served", Served),
        status=status if "status" in request.query else ItemStatus.IN_USE,
        text=text,
    )


def _with_demo_mark(body: dict[str, Any]) -> dict[str, Any]:
    marks = body.get("provenance", {}).values()
    return body | {"demo_data": Provenance.FICTITIOUS.value in marks}


def _head(head: Head) -> dict[str, Any]:
    return {
        "revision": head.revision,
        "from_day": head.from_day,
        "until_day": head.until_day,
        "dialect": head.dialect,
        "dialect_version": head.dialect_version,
    }


def item_json(stored: Stored) -> orjson.Fragment:
    """事项 with its mark and revision. The stored JSON goes out as it is; parsing it costs more than the search."""
    more = orjson.dumps({"demo_data": stored.demo} | _head(stored.head))
    return orjson.Fragment(stored.body[:-1] + b"," + more[1:])


def today() -> date:
    """The day it is in Beijing."""
    return beijing_day(now())


async def items(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items: items in force today, filtered and searched, in keyset pages."""
    authenticate(request, services)
    _only(request, _LIST_QUERY)
    limit, after, wanted, day = page_limit(request), _number(request, "after", 0), terms(_filter(request)), today()
    if wanted is None:
        raise invalid_query("q", "q holds no letter or digit.", "q 中没有文字、字母或数字。")
    tag = entity_tag(request, services.catalogue.generation, day.isoformat())
    if (unchanged := not_modified(request, tag)) is not None:
        return unchanged
    found = await item_search.search(services.db, wanted, day, after or 0, limit + 1)
    following = str(found[limit - 1].head.item_id) if len(found) > limit else None
    data = [item_json(stored) for stored in found[:limit]]
    return json_response({"data": data, "next": following}, headers=caching(tag))


async def item(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items/{item_code}: what is in force in one city or in each; or a revision by its number."""
    authenticate(request, services)
    code, city, revision, day = request.match_info["item_code"], query_city(request), _revision(request), today()
    tag = entity_tag(request, services.catalogue.generation, day.isoformat())
    if (unchanged := not_modified(request, tag)) is not None:
        return unchanged
    found = await _find(services, code, city, revision, day)
    if not found:
        raise NotFound("No city offers this item.", "没有城市提供该事项。")
    return json_response({"data": [item_json(one) for one in found], "next": None}, headers=caching(tag))


def _revision(request: web.Request) -> int | None:
    revision = _number(request, "revision", None)
    if revision == 0:
        raise invalid_query("revision", "revision counts from 1.", "revision 从 1 开始。")
    return revision


async def _find(services: Services, code: str, city: str | None, revision: int | None, day: date) -> list[Stored]:
    if city is None and revision is None:
        return await stored_items.in_force_anywhere(services.db, code, day)
    if city is None:
        return await stored_items.pinned_anywhere(services.db, code, revision or 0)
    if revision is None:
        one = await stored_items.in_force(services.db, city, code, day)
    else:
        one = await stored_items.pinned(services.db, city, code, revision)
    return [] if one is None else [one]


async def versions(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items/{item_code}/versions: every revision by city, newest first, with the fields each changed."""
    authenticate(request, services)
    code, city, limit = request.match_info["item_code"], query_city(request), page_limit(request)
    after = _after_revision(request)
    tag = entity_tag(request, services.catalogue.generation, "")
    if (unchanged := not_modified(request, tag)) is not None:
        return unchanged
    found = await stored_items.history(services.db, code, city, after, limit + 1)
    if not found and not request.query.get("after"):
        raise NotFound("No city has ever offered this item.", "没有城市提供过该事项。")
    last = found[limit - 1].head if len(found) > limit else None
    following = None if last is None else f"{last.city}-{last.revision}"
    return json_response({"data": [_entry(one) for one in found[:limit]], "next": following}, headers=caching(tag))


def _after_revision(request: web.Request) -> tuple[str, int]:
    text = request.query.get("after", "")
    city, _, number = text.partition("-")
    if text and not (city.isascii() and city.isdecimal() and number.isascii() and number.isdecimal()):
        raise invalid_query("after", "after is `next` of the page before.", "after 应为上一页的 next。")
    return city, int(number[:18] or 0)


def _entry(one: HistoryEntry) -> dict[str, Any]:
    changed = None
    if one.body_before is not None:
        changed = list(item_changes(orjson.loads(one.body_before), orjson.loads(one.body)))
    return {
        "city": one.head.city,
        "item_code": one.head.item_code,
        **_head(one.head),
        "name": one.name,
        "version": one.version,
        "status": one.status,
        "import_id": one.import_id,
        "published_at": timestamp(one.published_at_ms),
        "changed": changed,
    }


async def agreements(request: web.Request, services: Services) -> web.Response:
    """GET /v1/agreements: every directed agreement."""
    authenticate(request, services)
    data = [agreement.model_dump(mode="json", exclude_none=True) for agreement in services.catalogue.agreements]
    return json_response({"data": [_with_demo_mark(agreement) for agreement in data], "next": None})


async def cities(request: web.Request, services: Services) -> web.Response:
    """GET /v1/cities: the cities we know, how each is reached, and whether it answers now."""
    authenticate(request, services)
    data = []
    for code, name in services.catalogue.cities.items():
        profile = services.profiles.get(code)
        lane = services.worker.lanes.get(code)
        data.append(
            {
                "code": code,
                "name": name,
                "transport": profile.transport if profile else None,
                "duplicates": profile.duplicates if profile else None,
                "breaker": lane.breaker.state if lane else None,
                "own": code == services.settings.city,
                "demo_data": True,
            }
        )
    return json_response({"data": data, "next": None})
