"""The inbound queue, the outbox, the catalogue and the state of the gateway itself."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from gateway.domain.access import Role
from tests.gateways import Gateway
from tests.web.conftest import body, rows
from tests.web.test_applications import problem


async def inbound_case(gateway: Gateway) -> str:
    whole = body(gateway, city="445200") | {"collecting_city": "441300"}
    whole["identity_check"]["by_city"] = "441300"
    answer = await gateway.submit(whole, role=Role.PARTNER, city="441300")
    assert (answer.status, answer.body["state"]) == (202, "ARRIVED")
    return str(answer.body["application_id"])


async def step(
    gateway: Gateway, application_id: str, role: Role = Role.OFFICER, city: str = "445200", **action: Any
) -> Any:
    return await gateway.call("POST", f"/v1/inbound/{application_id}/steps", json=action, role=role, city=city)


async def test_an_inbound_case_is_worked_to_its_end_and_the_other_city_sees_it(either_gateway: Gateway) -> None:
    gateway = either_gateway
    application_id = await inbound_case(gateway)
    listed = (await gateway.call("GET", "/v1/inbound", role=Role.OFFICER)).body
    assert [case["application_id"] for case in listed["data"]] == [application_id]
    accepted = await step(gateway, application_id, step="ACCEPTED")
    assert accepted.body["state"] == "ACCEPTED"
    number = accepted.body["case_number"]
    assert len(number) == 43
    assert number.startswith(accepted.body["task_code"])
    assert number.endswith("0001")
    result = await gateway.upload(b"%PDF result", role=Role.OFFICER)
    decided = await step(gateway, application_id, step="DECIDED", outcome="GRANTED", files=[result.body["file_id"]])
    assert (decided.body["state"], decided.body["outcome"]) == ("DECIDED", "GRANTED")
    path = f"/v1/applications/{application_id}"
    seen = await gateway.call("GET", path, role=Role.PARTNER, city="441300")
    assert seen.body["case_number"] == number
    back = await gateway.call("GET", f"/v1/files/{result.body['file_id']}", role=Role.PARTNER, city="441300")
    assert back.body == b"%PDF result"
    events = (await gateway.call("GET", path + "/events", role=Role.PARTNER, city="441300")).body
    assert [e["type"] for e in events["data"]] == ["SUBMITTED", "RECEIVED", "ARRIVED", "ACCEPTED", "DECIDED"]
    assert events["chain"]["broken_at"] is None
    second = await inbound_case(gateway)
    assert (await step(gateway, second, step="ACCEPTED")).body["case_number"].endswith("0002")
    assert (await rows(gateway))["outbox"] == 0


async def test_the_table_decides_what_an_officer_may_do(gateway: Gateway) -> None:
    application_id = await inbound_case(gateway)
    document = problem(
        await step(gateway, application_id, step="DECIDED", outcome="GRANTED"), 409, "request.step_not_allowed"
    )
    assert "ACCEPTED" in document["allowed"]
    assert "PUSHED" not in document["allowed"]
    problem(await step(gateway, application_id, step="REJECTED"), 422, "request.invalid")
    problem(await step(gateway, application_id, step="DECIDED"), 422, "request.invalid")
    problem(await step(gateway, application_id, step="ACCEPTED", outcome="GRANTED"), 422, "request.invalid")
    problem(await step(gateway, application_id, step="PUSHED"), 422, "request.invalid")
    problem(await step(gateway, application_id, role=Role.CLERK, step="ACCEPTED"), 403, "request.forbidden")
    problem(await step(gateway, application_id, city="441300", step="ACCEPTED"), 404, "request.not_found")
    problem(await step(gateway, "nothing", step="ACCEPTED"), 404, "request.not_found")
    missing = "0193a000-0000-7000-8000-000000000009"
    assert (await step(gateway, application_id, step="SUPPLEMENT_ASKED", reason="缺少一份材料")).status == 200
    assert (await step(gateway, application_id, step="SUPPLEMENT_GIVEN")).body["state"] == "ARRIVED"
    assert (await step(gateway, application_id, step="ACCEPTED")).status == 200
    problem(await step(gateway, application_id, step="DECIDED", outcome="REFUSED"), 422, "request.invalid")
    answer = await step(gateway, application_id, step="DECIDED", outcome="GRANTED", files=[missing])
    problem(answer, 422, "request.file_unknown")
    refused = await step(
        gateway, application_id, step="DECIDED", outcome="REFUSED", reason="不符合条件，可在60日内申请复议"
    )
    assert (refused.body["state"], refused.body["outcome"]) == ("DECIDED", "REFUSED")


async def test_an_outbound_case_is_not_worked_as_inbound(gateway: Gateway) -> None:
    taken = await gateway.submit(body(gateway))
    problem(await step(gateway, taken.body["application_id"], step="ACCEPTED"), 404, "request.not_found")


async def test_lists_are_keyset_pages(gateway: Gateway) -> None:
    ids = [await inbound_case(gateway) for _ in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = (await gateway.call("GET", f"/v1/inbound?limit=2&after={after}", role=Role.OFFICER)).body
        seen += [case["application_id"] for case in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ids
    for limit in ("0", "201", "x", "-1"):
        problem(await gateway.call("GET", f"/v1/inbound?limit={limit}", role=Role.OFFICER), 422, "request.invalid")
    for _ in range(3):
        await gateway.submit(body(gateway))
    page = (await gateway.call("GET", "/v1/outbox?limit=2", role=Role.ADMIN)).body
    rest = (await gateway.call("GET", f"/v1/outbox?limit=2&after={page['next']}", role=Role.ADMIN)).body
    assert len(page["data"]) == 2
    assert len(rest["data"]) == 1
    items = (await gateway.call("GET", "/v1/items?limit=200")).body
    assert len(items["data"]) == 64
    assert items["next"] is None


async def test_the_catalogue_shows_where_every_field_comes_from(gateway: Gateway) -> None:
    items = (await gateway.call("GET", "/v1/items/002017900002?city=441300")).body["data"]
    assert items[0]["demo_data"] is True
    assert items[0]["provenance"]["name"] == "source"
    assert items[0]["provenance"]["materials"] == "fictitious"
    assert len((await gateway.call("GET", "/v1/items/002017900002")).body["data"]) == 8
    problem(await gateway.call("GET", "/v1/items/nothing"), 404, "request.not_found")
    agreements = (await gateway.call("GET", "/v1/agreements")).body["data"]
    assert all(agreement["demo_data"] for agreement in agreements)
    cities = {city["code"]: city for city in (await gateway.call("GET", "/v1/cities")).body["data"]}
    assert cities["445200"]["own"]
    assert cities["441500"]["duplicates"] == "query_first"


async def test_health_metrics_and_documents(gateway: Gateway) -> None:
    assert (await gateway.call("GET", "/livez", token="")).status == 200
    ready = await gateway.call("GET", "/readyz", token="")
    assert (ready.status, ready.body["ok"]) == (200, True)
    await gateway.submit(body(gateway))
    metrics = (await gateway.call("GET", "/metrics", token="")).body.decode()
    assert 'tongban_applications_accepted_total{direction="outbound"} 1.0' in metrics
    assert 'tongban_outbox{city="441300",state="ready"} 1.0' in metrics
    document = (await gateway.call("GET", "/openapi.json", token="")).body
    validate(document)
    assert set(document["paths"]) >= {"/v1/applications", "/v1/files", "/v1/callbacks/{city}"}
    page = await gateway.call("GET", "/docs", token="")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert b"http" not in page.body.replace(b"<!doctype html>", b"")
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert (await gateway.call("GET", f"/docs/assets/{asset}", token="")).status == 200
    explained = await gateway.call("GET", "/docs/problems/request.invalid", token="")
    assert explained.status == 200
    problem(await gateway.call("GET", "/docs/problems/..%2f..%2frun", token=""), 404, "request.not_found")
    problem(await gateway.call("GET", "/nothing", token=""), 404, "request.not_found")
    problem(await gateway.call("DELETE", "/v1/applications"), 405, "request.method_not_allowed")


@pytest.mark.parametrize("given", ["abcdefgh-123", "bad id!", ""])
async def test_the_request_id_is_the_callers_if_it_is_one(gateway: Gateway, given: str) -> None:
    answer = await gateway.call("GET", "/livez", token="", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) == (given == "abcdefgh-123")
