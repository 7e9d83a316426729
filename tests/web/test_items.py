"""What follows from an item, over HTTP: differences, duty sheet, form schema, published JSON Schemas."""

from typing import Any

import jsonschema
import pytest

from gateway.clock import now
from gateway.domain.matching import Decision
from gateway.storage import catalogue
from gateway.storage.sql import SQL
from gateway.usecases.import_catalogue import ImportedRow
from gateway.usecases.match_items import Verdict, decide
from gateway.web.published_schemas import MODELS
from schemas.service_item import ServiceItem
from tests.gateways import Gateway
from tests.storage.catalogues import put
from tests.web.conftest import body, seeded

CODE = "002017900007"
PATH = f"/v1/items/{CODE}"


async def test_differences_of_two_and_more_cities(gateway: Gateway) -> None:
    answer = await gateway.call("GET", f"{PATH}/differences?cities=445200,441500,350600")
    assert answer.status == 200
    assert list(answer.body["items"]) == ["445200", "441500", "350600"]
    warned = {row["field"]: row["demanding"] for row in answer.body["rows"] if row["severity"] == "warning"}
    assert warned == {"materials[M90]": ["441500"], "fees": ["350600"]}
    assert any("汕尾" in row["message_zh"] for row in answer.body["rows"])
    assert "服务对象" in answer.body["same"]


async def test_a_duty_sheet_follows_item_and_agreement(gateway: Gateway) -> None:
    answer = await gateway.call("GET", f"{PATH}/duty-sheet?city=441500&mode=COLLECT")
    assert answer.status == 200
    sheet = answer.body
    assert (sheet["collecting_city"], sheet["deciding_city"], sheet["mode"]) == ("445200", "441500", "COLLECT")
    assert sheet["calls"][0]["phone"] == "0660-0000000"
    assert sheet["limits"][0]["text_zh"] == "收件后4小时内送达属地。"
    assert [warning["code"] for warning in sheet["warnings"]] == ["materials_differ"]
    back = await gateway.call("GET", f"{PATH}/duty-sheet?city=445200&mode=COLLECT&collecting_city=441300")
    assert (back.status, back.body["collecting_city"]) == (200, "441300")


async def test_a_form_schema_takes_a_complete_application(gateway: Gateway) -> None:
    answer = await gateway.call("GET", f"{PATH}/form-schema?city=441300")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/schema+json"
    whole = body(gateway, code=CODE)
    jsonschema.validate(whole, answer.body, cls=jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(whole | {"materials": []}, answer.body, cls=jsonschema.Draft202012Validator)


WRONG: list[tuple[str, int, str, str | None]] = [
    ("differences", 422, "request.invalid", "/cities"),
    ("differences?cities=445200", 422, "request.invalid", "/cities"),
    ("differences?cities=445200,445200", 422, "request.invalid", "/cities"),
    ("differences?cities=445200,999999", 422, "request.invalid", "/cities"),
    ("differences?cities=445200,", 422, "request.invalid", "/cities"),
    (f"differences?cities={','.join(str(445200 + n) for n in range(11))}", 422, "request.invalid", "/cities"),
    ("duty-sheet?city=441300", 422, "request.invalid", "/mode"),
    ("duty-sheet?city=441300&mode=collect", 422, "request.invalid", "/mode"),
    ("duty-sheet?mode=COLLECT", 422, "request.invalid", "/city"),
    ("duty-sheet?city=441300&mode=COLLECT&collecting_city=1", 422, "request.invalid", "/collecting_city"),
    ("duty-sheet?city=441300&mode=DELEGATED", 422, "request.agreement_missing", None),
    ("duty-sheet?city=441300&mode=COLLECT&collecting_city=440500", 422, "request.agreement_missing", None),
    ("duty-sheet?city=445200&mode=COLLECT&collecting_city=445100", 422, "request.agreement_expired", None),
    ("form-schema", 422, "request.invalid", "/city"),
    ("form-schema?city=1", 422, "request.invalid", "/city"),
]


async def test_what_is_wrong_is_named(gateway: Gateway) -> None:
    for query, status, code, pointer in WRONG:
        answer = await gateway.call("GET", f"{PATH}/{query}")
        assert (answer.status, answer.body["code"]) == (status, code), query
        assert [one["pointer"] for one in answer.body.get("errors", [])] == ([pointer] if pointer else []), query
        assert answer.body["detail_zh"]


async def test_what_is_not_there(gateway: Gateway) -> None:
    for path in (
        "/v1/items/999999999999/differences?cities=445200,441300",
        "/v1/items/999999999999/duty-sheet?city=441300&mode=COLLECT",
        "/v1/items/999999999999/form-schema?city=441300",
        "/schemas/nonsense.schema.json",
        "/schemas/../agreement.schema.json",
        "/schemas/agreement",
    ):
        answer = await gateway.call("GET", path)
        assert (answer.status, answer.body["code"]) == (404, "request.not_found"), path


async def test_items_need_a_token_and_schemas_do_not(gateway: Gateway) -> None:
    for path in ("differences?cities=445200,441300", "duty-sheet?city=441300&mode=COLLECT", "form-schema?city=441300"):
        assert (await gateway.call("GET", f"{PATH}/{path}", token="")).status == 401
    index = await gateway.call("GET", "/schemas/", token="")
    assert [one["name"] for one in index.body["data"]] == list(MODELS)
    for one in index.body["data"]:
        answer = await gateway.call("GET", f"/schemas/{one['href']}", token="")
        assert (answer.status, answer.body["$id"]) == (200, one["href"])
        jsonschema.Draft202012Validator.check_schema(answer.body)


async def test_an_item_of_the_api_fits_its_published_schema(gateway: Gateway) -> None:
    schema = (await gateway.call("GET", "/schemas/differences.schema.json")).body
    found: Any = (await gateway.call("GET", f"{PATH}/differences?cities=445200,441300")).body
    jsonschema.validate(found, schema, cls=jsonschema.Draft202012Validator)
    sheet = (await gateway.call("GET", f"{PATH}/duty-sheet?city=441300&mode=COLLECT")).body
    wanted = (await gateway.call("GET", "/schemas/duty_sheet.schema.json")).body
    jsonschema.validate(sheet, wanted, cls=jsonschema.Draft202012Validator)


async def test_what_the_caller_has_is_not_sent_again(gateway: Gateway) -> None:
    for path in ("/schemas/", "/schemas/agreement.schema.json", f"{PATH}/form-schema?city=441300"):
        tag = (await gateway.call("GET", path)).headers["ETag"]
        for held in (tag, f'"other", W/{tag}', "*"):
            again = await gateway.call("GET", path, headers={"If-None-Match": held})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert (await gateway.call("GET", path, headers={"If-None-Match": '"other"'})).status == 200


async def test_an_item_a_person_matched_is_compared_although_its_code_differs(gateway: Gateway) -> None:
    db = gateway.services.db
    path = "/v1/items/002017900002/differences?cities=445200,441500"
    plain = (await gateway.call("GET", path)).body["items"]
    assert {one["item_code"] for one in plain.values()} == {"002017900002"}
    await end_item(gateway, "441500", "002017900002")
    assert (await gateway.call("GET", path.replace("445200,441500", "441500,445200"))).status == 404
    verdict = Verdict(("441500", CODE), ("445200", "002017900002"), Decision.SAME, "演示窗口")
    await decide(db, verdict, now())
    found = (await gateway.call("GET", path)).body["items"]
    assert {city: one["item_code"] for city, one in found.items()} == {"445200": "002017900002", "441500": CODE}
    second = Verdict(("441500", "002017900001"), ("445200", "002017900002"), Decision.SAME, "演示窗口")
    await decide(db, second, now())
    assert (await gateway.call("GET", path)).status == 404, "which of two it is, nobody has said"


async def end_item(gateway: Gateway, city: str, code: str) -> None:
    """The item is not in force any more."""
    async with gateway.services.db.transaction() as tx:
        await tx.execute(SQL("UPDATE items SET until_day = '2026-01-02' WHERE city = ? AND item_code = ?"), city, code)
        await catalogue.move(tx)
    await gateway.services.refresh()


async def test_what_was_just_published_is_compared_at_once(gateway: Gateway) -> None:
    path = f"{PATH}/differences?cities=445200,441300"
    before = await gateway.call("GET", path)
    assert "刚刚发布" not in str(before.body)
    fields = seeded()["441300", CODE].model_dump() | {"acceptance_conditions": "演示：刚刚发布的条件"}
    fields["provenance"] |= {"acceptance_conditions": "fictitious"}
    item = ServiceItem.model_validate(fields)
    await put(gateway.services.db, [ImportedRow("第1行", item, CODE, item.name)], now=now(), complete=False)
    after = await gateway.call("GET", path)
    assert "刚刚发布的条件" in str(after.body)
