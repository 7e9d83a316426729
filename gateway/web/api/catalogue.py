"""目录接口: items, cities and agreements, each field with where it comes from (演示数据 is shown as such)."""

from typing import Any

from aiohttp import web

from gateway.web.endpoint import authenticate, json_response
from gateway.wiring import Services
from schemas.errors import FieldProblem, Invalid, NotFound
from schemas.model import Provenance

_PAGE = 50


def page_limit(request: web.Request) -> int:
    """?limit= of a list, 1 to 200, default 50."""
    text = request.query.get("limit", str(_PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise Invalid(
            "limit is a whole number from 1 to 200.",
            "limit 应为 1 到 200 的整数。",
            errors=(FieldProblem("/limit", "limit_invalid", "1 to 200", "1 到 200"),),
        )
    return int(text)


def _with_demo_mark(body: dict[str, Any]) -> dict[str, Any]:
    marks = body.get("provenance", {}).values()
    return body | {"demo_data": Provenance.FICTITIOUS.value in marks}


async def items(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items?city=&after=&limit=: items by (city, item code), keyset pages."""
    authenticate(request, services)
    city, after, limit = request.query.get("city"), request.query.get("after", ""), page_limit(request)
    keys = sorted(key for key in services.catalogue.items if city in {None, key[0]} and "/".join(key) > after)
    data = [services.catalogue.items[key].model_dump(mode="json", exclude_none=True) for key in keys[:limit]]
    following = "/".join(keys[limit - 1]) if len(keys) > limit else None
    return json_response({"data": [_with_demo_mark(item) for item in data], "next": following})


async def item(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items/{item_code}?city=: the item of one city, or of every city that offers it."""
    authenticate(request, services)
    code, city = request.match_info["item_code"], request.query.get("city")
    found = [i for (c, k), i in sorted(services.catalogue.items.items()) if k == code and city in {None, c}]
    if not found:
        raise NotFound("No city offers this item.", "没有城市提供该事项。")
    return json_response({"data": [_with_demo_mark(i.model_dump(mode="json", exclude_none=True)) for i in found]})


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
