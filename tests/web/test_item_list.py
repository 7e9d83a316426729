"""GET /v1/items and its kin: filters, text, pages, revisions, ETag, and every parameter checked."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.clock import now
from gateway.domain.days import beijing_day
from gateway.storage.catalogue import generation, load
from schemas.message import OutboundMessage
from schemas.service_item import ItemStatus
from tests.gateways import Gateway
from tests.storage.catalogues import CITY, code, good, put
from tests.web.conftest import body
from tests.web.test_applications import problem

CODE = "002017900002"


async def listed(gateway: Gateway, query: str = "") -> list[dict[str, Any]]:
    """Every page."""
    data: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        answer = await gateway.call("GET", f"/v1/items?limit=20&after={after}{query}")
        assert answer.status == 200, answer.body
        data += answer.body["data"]
        after = answer.body["next"]
    return data


async def republish(gateway: Gateway, **changes: Any) -> None:
    """A new revision of item CODE in 441300."""
    number = {"item_code": CODE, "task_code": "1244130000700002017900002"}
    one = good(1, **(number | {"name": "新名称㐂"} | changes))
    await put(gateway.services.db, [dataclasses.replace(one, key=CODE)], complete=False, now=now())
    await gateway.services.refresh()


async def test_a_list_is_narrowed_and_searched(either_gateway: Gateway) -> None:
    gateway = either_gateway
    everything = await listed(gateway)
    assert len(everything) == 64
    assert len({(one["city"], one["item_code"]) for one in everything}) == 64
    for query, fits in (
        (f"&city={CITY}", lambda one: one["city"] == CITY),
        ("&mode=COLLECT", lambda one: "COLLECT" in one["modes"]),
        ("&served=1", lambda one: "1" in one["served"]),
        ("&q=公积", lambda one: "公积" in one["name"]),
        ("&q=gjj", lambda one: "公积金" in one["name"]),
        ("&q=证", lambda one: "证" in one["name"]),
        (f"&q={CODE}&city={CITY}", lambda one: (one["city"], one["item_code"]) == (CITY, CODE)),
        ("&handling_area=NONE", lambda one: one.get("handling_area") == "NONE"),
        ("&status=SUSPENDED", lambda one: one["status"] == "SUSPENDED"),
        ("&status=ANY", lambda _: True),
    ):
        assert await listed(gateway, query) == [one for one in everything if fits(one)], query
    assert everything[0].keys() >= {"demo_data", "revision", "from_day", "until_day", "dialect", "dialect_version"}
    assert (everything[0]["revision"], everything[0]["dialect"], everything[0]["demo_data"]) == (1, "seeds", True)


async def test_a_new_revision_takes_the_place_of_the_old_one(either_gateway: Gateway) -> None:
    gateway = either_gateway
    before = (await gateway.call("GET", f"/v1/items/{CODE}?city={CITY}")).body["data"][0]
    await republish(gateway)
    today = beijing_day(now()).isoformat()
    [current] = (await gateway.call("GET", f"/v1/items/{CODE}?city={CITY}")).body["data"]
    assert (current["revision"], current["name"], current["from_day"]) == (2, "新名称㐂", today)
    assert [one["revision"] for one in await listed(gateway, "&q=㐂")] == [2]
    [old] = (await gateway.call("GET", f"/v1/items/{CODE}?city={CITY}&revision=1")).body["data"]
    assert old == before | {"until_day": today}
    both = (await gateway.call("GET", f"/v1/items/{CODE}?revision=2")).body["data"]
    assert [one["city"] for one in both] == [CITY]
    everywhere = (await gateway.call("GET", f"/v1/items/{CODE}")).body["data"]
    assert sorted(one["revision"] for one in everywhere) == [1] * 7 + [2]
    history = (await gateway.call("GET", f"/v1/items/{CODE}/versions?city={CITY}")).body
    assert [(one["revision"], one["dialect"]) for one in history["data"]] == [(2, "demo"), (1, "seeds")]
    assert "name" in history["data"][0]["changed"]
    assert history["data"][1]["changed"] is None
    page = (await gateway.call("GET", f"/v1/items/{CODE}/versions?limit=3")).body
    rest = (await gateway.call("GET", f"/v1/items/{CODE}/versions?after={page['next']}")).body
    seen = [(one["city"], -one["revision"]) for one in page["data"] + rest["data"]]
    assert (len(seen), seen, rest["next"]) == (9, sorted(seen), None)


async def test_a_case_keeps_the_revision_it_was_taken_under(gateway: Gateway) -> None:
    first = await gateway.submit(body(gateway))
    await republish(gateway, materials=())
    second = await gateway.submit(body(gateway) | {"materials": []})
    views = []
    for taken in (first, second):
        assert taken.status == 202, taken.body
        path = f"/v1/applications/{taken.body['application_id']}"
        view = (await gateway.call("GET", path)).body
        views.append((view["item_revision"], view["item_dialect"]))
        submitted = (await gateway.call("GET", path + "/events")).body["data"][0]
        assert (submitted["data"]["item_revision"], submitted["data"]["item_dialect"]) == views[-1]
    assert views == [(1, "seeds@1"), (2, "demo@1")]


async def test_a_message_is_built_again_from_the_pinned_revision(gateway: Gateway) -> None:
    file = await gateway.upload(b"%PDF")
    whole = body(gateway)
    wanted = whole["materials"][0]["material_code"]
    whole["materials"][0] = {"material_code": wanted, "files": [file.body["file_id"]]}
    taken = await gateway.submit(whole)
    assert taken.status == 202, taken.body
    await republish(gateway, materials=())
    from gateway.storage import outbox

    [entry] = await outbox.page(gateway.services.db, None, "", 5)
    message = await gateway.services.load_message(entry)
    assert isinstance(message, OutboundMessage)
    [sent] = message.files
    assert (sent.material_code, bool(sent.material_name)) == (wanted, True)


async def test_a_removed_item_takes_no_new_case(gateway: Gateway) -> None:
    whole = body(gateway)
    assert (await gateway.submit(whole)).status == 202
    await put(gateway.services.db, [good(1)], remove=True, now=now())
    await gateway.services.refresh()
    problem(await gateway.submit(whole), 422, "request.item_unknown")
    problem(await gateway.call("GET", f"/v1/items/{CODE}?city={CITY}"), 404, "request.not_found")
    assert (await gateway.call("GET", f"/v1/items/{CODE}/versions?city={CITY}")).body["data"][0]["until_day"]
    assert [one["item_code"] for one in await listed(gateway, f"&city={CITY}")] == [code(1)]


async def test_a_suspended_item_is_listed_only_when_asked_for(gateway: Gateway) -> None:
    await republish(gateway, status=ItemStatus.SUSPENDED)
    assert await listed(gateway, "&q=㐂") == []
    assert [one["status"] for one in await listed(gateway, "&q=㐂&status=SUSPENDED")] == ["SUSPENDED"]
    problem(await gateway.submit(body(gateway)), 422, "request.item_unknown")


@pytest.mark.parametrize("path", ["/v1/items?q=公积金", f"/v1/items/{CODE}?city={CITY}", f"/v1/items/{CODE}/versions"])
async def test_an_answer_held_already_is_not_sent_again(gateway: Gateway, path: str) -> None:
    first = await gateway.call("GET", path)
    tag = first.headers["ETag"]
    for held in (tag, f'"other", W/{tag}'):
        again = await gateway.call("GET", path, headers={"If-None-Match": held})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    other = await gateway.call("GET", "/v1/items?q=证明", headers={"If-None-Match": tag})
    assert other.status == 200, "another query is another answer"
    assert (await gateway.call("GET", path, headers={"If-None-Match": tag}, token="")).status == 401
    await republish(gateway)
    fresh = await gateway.call("GET", path, headers={"If-None-Match": tag})
    assert (fresh.status, fresh.headers["ETag"] != tag) == (200, True)


WRONG = [
    ("/v1/items?mode=online", "/mode"),
    ("/v1/items?handling_area=X", "/handling_area"),
    ("/v1/items?served=9", "/served"),
    ("/v1/items?status=X", "/status"),
    ("/v1/items?city=4413", "/city"),
    ("/v1/items?city=４４１３００", "/city"),
    ("/v1/items?after=x", "/after"),
    ("/v1/items?limit=0", "/limit"),
    ("/v1/items?q=。", "/q"),
    (f"/v1/items?q={'社' * 101}", "/q"),
    ("/v1/items?citty=441300", "/citty"),
    (f"/v1/items/{CODE}?revision=0", "/revision"),
    (f"/v1/items/{CODE}?revision=x", "/revision"),
    (f"/v1/items/{CODE}?city=x", "/city"),
    (f"/v1/items/{CODE}/versions?after=x", "/after"),
]


@pytest.mark.parametrize(("path", "pointer"), WRONG, ids=[str(number) for number in range(len(WRONG))])
async def test_a_wrong_parameter_is_named(gateway: Gateway, path: str, pointer: str) -> None:
    document = problem(await gateway.call("GET", path), 422, "request.invalid")
    assert [one["pointer"] for one in document["errors"]] == [pointer]


async def test_what_is_not_there_is_not_found(gateway: Gateway) -> None:
    for path in ("nothing", "nothing/versions", f"{CODE}?revision=9", f"{CODE}?city=110000&revision=1"):
        problem(await gateway.call("GET", f"/v1/items/{path}"), 404, "request.not_found")


async def test_a_plan_shows_on_its_day(gateway: Gateway) -> None:
    planned = beijing_day(now()) + timedelta(days=3)
    await republish(gateway, effective_from=planned)
    history = (await gateway.call("GET", f"/v1/items/{CODE}/versions?city={CITY}")).body["data"]
    assert (history[0]["revision"], history[0]["from_day"]) == (2, planned.isoformat())
    assert history[1]["until_day"] == planned.isoformat()
    assert await listed(gateway, "&q=㐂") == []


async def test_seeds_leave_a_citys_own_catalogue_alone(gateway: Gateway) -> None:
    from gateway.usecases.load_seeds import load_seeds
    from gateway.usecases.read_seeds import read_seeds
    from tests.storage.catalogues import ROOT

    db, seeds = gateway.services.db, read_seeds(ROOT / "seeds")
    assert not (await load_seeds(db, seeds, now=now())).changed
    await republish(gateway)
    renamed = tuple(
        item.model_copy(update={"name": "种子新名"}) if item.item_code == CODE else item for item in seeds.items
    )
    at = datetime.now(UTC)
    assert (await load_seeds(db, dataclasses.replace(seeds, items=renamed), now=at)).changed
    number = await generation(db)
    assert not (await load_seeds(db, dataclasses.replace(seeds, items=renamed), now=at)).changed
    assert await generation(db) == number
    gateway.services.catalogue = await load(db)
    found = {one["city"]: one for one in (await gateway.call("GET", f"/v1/items/{CODE}")).body["data"]}
    assert (found[CITY]["name"], found[CITY]["revision"]) == ("新名称㐂", 2)
    assert {(one["name"], one["revision"]) for city, one in found.items() if city != CITY} == {("种子新名", 2)}
