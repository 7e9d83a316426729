"""事项接口: what follows from an item: differences, duty sheet, form; and the published JSON Schemas."""

from collections.abc import Sequence
from typing import NoReturn

import orjson
from aiohttp import web

from gateway.clock import now
from gateway.domain.days import beijing_day
from gateway.domain.differences import differences as compare
from gateway.domain.duty_sheet import duty_sheet as make_duty_sheet
from gateway.domain.form_schema import form_schema as make_form_schema
from gateway.storage import items as stored_items
from gateway.usecases.match_items import counterpart
from gateway.web import published_schemas
from gateway.web.conditional import body_tag, held_tags
from gateway.web.endpoint import authenticate
from gateway.wiring import Services
from schemas.agreement import Agreement, Mode
from schemas.errors import AgreementExpired, AgreementMissing, FieldProblem, Invalid, NotFound
from schemas.service_item import ServiceItem

_MOST_CITIES = 10
_SCHEMA = "application/schema+json"


def _refuse(name: str, code: str, message: str, message_zh: str) -> NoReturn:
    problem = FieldProblem(f"/{name}", code, message, message_zh)
    raise Invalid(f"{name}: {message}.", f"{name}：{message_zh}。", errors=(problem,))


def _given(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        _refuse(name, "missing", "is needed", "必须给出")
    return value


def _known_city(services: Services, name: str, city: str) -> str:
    if city not in services.catalogue.cities:
        _refuse(name, "city_unknown", "names a city that is not known here", "含未知城市的行政区划代码")
    return city


def _document(request: web.Request, body: bytes, media_type: str = "application/json") -> web.Response:
    """The bytes, or 304 where the caller has them."""
    tag = body_tag(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if held_tags(request) & {tag, "*"}:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers | {"Content-Type": media_type})


async def _item(services: Services, city: str, item_code: str) -> ServiceItem | None:
    """As the database has it now; the cache, made for intake, may be a reload behind what was published."""
    stored = await stored_items.in_force(services.db, city, item_code, beijing_day(now()))
    return None if stored is None else stored.item()


async def _required_item(services: Services, city: str, item_code: str) -> ServiceItem:
    item = await _item(services, city, item_code)
    if item is None:
        raise _no_item(city)
    return item


def _no_item(city: str) -> NotFound:
    return NotFound(f"City {city} does not offer this item.", f"城市 {city} 没有该事项。", city=city)


async def _items(services: Services, cities: Sequence[str], item_code: str) -> dict[str, ServiceItem]:
    """The item in each city: under its code, else the one a person decided to be the same."""
    found = {city: await _item(services, city, item_code) for city in cities}
    reference = next((item for item in found.values() if item is not None), None)
    items: dict[str, ServiceItem] = {}
    for city, item in found.items():
        if item is None and reference is not None:
            item = await counterpart(services.db, reference, city, now())  # noqa: PLW2901 - a second try
        if item is None:
            raise _no_item(city)
        items[city] = item
    return items


async def differences(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items/{item_code}/differences?cities=a,b: the item in two or more cities, side by side."""
    authenticate(request, services)
    cities = list(dict.fromkeys(one.strip() for one in _given(request, "cities").split(",")))
    if not 2 <= len(cities) <= _MOST_CITIES:
        _refuse(
            "cities",
            "cities_count",
            f"2 to {_MOST_CITIES} cities, by comma",
            f"应为 2 到 {_MOST_CITIES} 个城市，以逗号分隔",
        )
    code = request.match_info["item_code"]
    for city in cities:
        _known_city(services, "cities", city)
    found = compare(await _items(services, cities, code), names=services.catalogue.cities)
    return _document(request, found.model_dump_json().encode())


async def duty_sheet(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items/{item_code}/duty-sheet?city=&mode=&collecting_city=: what the receiving window must do."""
    authenticate(request, services)
    code, city = request.match_info["item_code"], _known_city(services, "city", _given(request, "city"))
    collecting = _known_city(
        services, "collecting_city", request.query.get("collecting_city") or services.settings.city
    )
    mode = _mode(_given(request, "mode"))
    item = await _required_item(services, city, code)
    agreement = _agreement(services.catalogue.by_pair.get((collecting, city), ()), code, mode)
    sheet = make_duty_sheet(item, mode, agreement, collecting_item=await _item(services, collecting, code))
    return _document(request, sheet.model_dump_json().encode())


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        _refuse("mode", "mode_unknown", f"one of {', '.join(Mode)}", f"应为 {'、'.join(Mode)} 之一")


def _agreement(agreements: Sequence[Agreement], item_code: str, mode: Mode) -> Agreement:
    covering = [one for one in agreements if item_code in one.items and mode in one.modes]
    if not covering:
        raise AgreementMissing(
            "No agreement covers this direction, item and mode. Agreements are directed.",
            "没有协议允许该收件地在此模式下为该属地收取此事项。协议是有方向的，请核对收件地与属地。",
        )
    today = beijing_day(now())
    for one in covering:
        if one.in_force(today):
            return one
    raise AgreementExpired(
        f"Agreement {covering[0].agreement_id} is not in force today.",
        f"协议 {covering[0].agreement_id} 今天不在有效期内。",
        agreement_id=covering[0].agreement_id,
    )


async def form_schema(request: web.Request, services: Services) -> web.Response:
    """GET /v1/items/{item_code}/form-schema?city=: JSON Schema of what an application for the item must hold."""
    authenticate(request, services)
    city = _known_city(services, "city", _given(request, "city"))
    item = await _required_item(services, city, request.match_info["item_code"])
    return _document(request, orjson.dumps(make_form_schema(item)), _SCHEMA)


async def schema_index(request: web.Request, _services: Services) -> web.Response:
    """GET /schemas/: every published JSON Schema."""
    return _document(request, published_schemas.index_bytes())


async def schema(request: web.Request, _services: Services) -> web.Response:
    """GET /schemas/{name}.schema.json: one published JSON Schema."""
    name = request.match_info["name"]
    if name not in published_schemas.MODELS:
        raise NotFound("No JSON Schema of this name is published.", "没有公布此名称的数据模式。")
    return _document(request, published_schemas.schema_bytes(name), _SCHEMA)
