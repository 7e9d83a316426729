"""对账 over the API: who may see and act, what is refused, pages, the gauge; and the command that uses it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema

from gateway.cli.processes import ROOT
from gateway.clock import now
from gateway.domain.access import Role
from gateway.domain.days import beijing_day
from gateway.domain.lifecycle import Stage
from tests.gateways import Gateway, running_gateway, settings_for
from tests.usecases.lists import put_case
from tests.web.conftest import body
from tests.web.test_applications import problem

CITY = "440500"
HOURS = timedelta(hours=30)


async def run(gateway: Gateway, role: Role = Role.ADMIN, **wanted: Any) -> Any:
    return await gateway.call("POST", "/v1/reconciliation/runs", json=wanted, role=role)


async def act(gateway: Gateway, finding_id: str, role: Role = Role.ADMIN, **action: Any) -> Any:
    return await gateway.call("POST", f"/v1/reconciliation/findings/{finding_id}/act", json=action, role=role)


async def show(gateway: Gateway, query: str = "", role: Role = Role.AUDITOR) -> Any:
    return await gateway.call("GET", f"/v1/reconciliation{query}", role=role)


async def old_case(gateway: Gateway, stage: Stage = Stage.SUBMITTED) -> tuple[str, str]:
    """A case that has waited here for 30 hours, and its day."""
    received = now() - HOURS
    number = await put_case(gateway.services.db, stage, received=received, pushed=None, city=CITY)
    return number, beijing_day(received).isoformat()


async def test_a_run_now_a_finding_and_its_end(either_gateway: Gateway) -> None:
    gateway = either_gateway
    number, day = await old_case(gateway)
    answer = await run(gateway, city=CITY, day=day)
    assert answer.status == 200
    ended, (finding,) = answer.body["run"], answer.body["findings"]
    # nobody answers at the city's address: that is said, and our own books are looked at all the same
    assert (ended["state"], ended["code"], ended["started_by"]) == ("FAILED", "partner.unavailable", "admin-445200")
    assert (finding["kind"], finding["kind_zh"], finding["application_id"]) == ("not_sent", "未发出", number)
    assert (finding["state"], finding["suggested"], finding["acts"]) == ("open", "RESEND", [])
    assert finding["possible"] == ["RESEND", "SETTLE", "DISMISS"]
    metrics = (await gateway.call("GET", "/metrics", token="")).body.decode()
    assert f'tongban_reconciliation_open{{city="{CITY}",kind="not_sent"}} 1.0' in metrics
    sent = await act(gateway, finding["finding_id"], act="RESEND", note="核对后重发")
    assert sent.status == 200
    assert [(one["act"], one["by"], one["state"], one["note"]) for one in sent.body["acts"]] == [
        ("RESEND", "admin-445200", "DONE", "核对后重发")
    ]
    outbox = (await gateway.call("GET", "/v1/outbox", role=Role.ADMIN)).body["data"]
    assert [(one["application_id"], one["city"], one["kind"]) for one in outbox] == [(number, CITY, "SUBMIT")]
    settled = await act(gateway, finding["finding_id"], act="SETTLE", note="对方电话确认已收件")
    assert (settled.body["state"], settled.body["closed_how"], settled.body["closed_by"]) == (
        "closed",
        "SETTLED",
        "admin-445200",
    )
    assert settled.body["possible"] == []
    problem(await act(gateway, finding["finding_id"], act="DISMISS"), 409, "request.step_not_allowed")
    assert (await show(gateway)).body["data"] == []
    assert len((await show(gateway, "?state=closed")).body["data"]) == 1
    metrics = (await gateway.call("GET", "/metrics", token="")).body.decode()
    assert "tongban_reconciliation_open{" not in metrics


async def test_who_may_do_what(gateway: Gateway) -> None:
    for role in (Role.CLERK, Role.OFFICER, Role.PARTNER):
        problem(await show(gateway, role=role), 403, "request.forbidden")
    assert (await show(gateway)).status == 200
    for role in (Role.CLERK, Role.OFFICER, Role.PARTNER, Role.AUDITOR):
        problem(await run(gateway, role, city=CITY), 403, "request.forbidden")
        problem(await act(gateway, "x", role, act="DISMISS"), 403, "request.forbidden")
    problem(await act(gateway, "x", act="DISMISS"), 404, "request.not_found")


async def test_what_cannot_be_is_refused_and_nothing_is_stored(gateway: Gateway) -> None:
    future = (beijing_day(now()) + timedelta(days=1)).isoformat()
    document = problem(await run(gateway, city="999999", day=future), 422, "request.invalid")
    assert [one["pointer"] for one in document["errors"]] == ["/city", "/day"]
    problem(await run(gateway), 422, "request.invalid")
    problem(await run(gateway, city=CITY, day="0001-01-01"), 422, "request.invalid")
    problem(await run(gateway, city=CITY, day="gestern"), 422, "request.invalid")
    problem(await act(gateway, "x", act="RETRY"), 422, "request.invalid")
    document = problem(await act(gateway, "x", act="SETTLE"), 422, "request.invalid")
    assert "人工处理须注明处理结果" in document["errors"][0]["message_zh"]
    for query in ("?state=some", "?day=x", "?city=1", "?limit=0"):
        problem(await show(gateway, query), 422, "request.invalid")
    shown = (await show(gateway, "?state=all")).body
    assert (shown["runs"], shown["data"], shown["next"]) == ([], [], None)
    assert CITY in shown["cities"]
    assert "445200" not in shown["cities"]


async def test_findings_are_keyset_pages_by_city_and_day(gateway: Gateway) -> None:
    days = set()
    for _ in range(5):
        _, day = await old_case(gateway)
        days.add(day)
    for day in days:
        await run(gateway, city=CITY, day=day)
    seen: list[str] = []
    after = ""
    while True:
        page = (await show(gateway, f"?limit=2&after={after}&city={CITY}")).body
        seen += [one["finding_id"] for one in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert len(set(seen)) == len(seen) == 5
    assert (await show(gateway, "?city=441300")).body["data"] == []
    assert (await show(gateway, "?day=2020-01-01")).body["data"] == []
    assert {one["city"] for one in (await show(gateway)).body["runs"]} == {CITY}


async def test_nothing_of_the_applicant_is_shown(gateway: Gateway) -> None:
    whole = body(gateway, city=CITY)
    assert (await gateway.submit(whole)).status == 202
    await run(gateway, city=CITY, day=beijing_day(now()).isoformat())
    text = json.dumps((await show(gateway, "?state=all")).body, ensure_ascii=False)
    for secret in (whole["applicant"]["name"], whole["applicant"].get("document_number", "x" * 9)):
        assert secret not in text


async def test_the_command_prints_what_differs(tmp_path: Path) -> None:
    from tests.cli.test_commands import run as command

    schema = json.loads((ROOT / "schemas" / "json" / "reconcile.schema.json").read_text())
    async with running_gateway(settings_for(tmp_path, None, lanes=False)) as gateway:
        _, day = await old_case(gateway)
        done = await command("reconcile", "--city", CITY, "--day", day, "--json", folder=tmp_path)
        assert done.returncode == 1, done.stderr
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        jsonschema.validate(found, schema, format_checker=jsonschema.FormatChecker())
        assert [one["kind"] for one in found["findings"]] == ["not_sent"]
        listed = await command("reconcile", "list", folder=tmp_path)
        assert "未发出" in listed.stdout
        finding = found["findings"][0]["finding_id"]
        refused = await command("reconcile", "act", finding, "settle", folder=tmp_path)
        assert refused.returncode == 1
        assert "处理结果" in refused.stderr
        settled = await command("reconcile", "act", finding, "settle", "--note", "已核对", "--json", folder=tmp_path)
        assert json.loads(settled.stdout)["state"] == "closed"
        every = await command("reconcile", "--day", day, folder=tmp_path)
        assert every.returncode == 1
        assert [one for one in (await show(gateway)).body["cities"] if one not in every.stdout] == []
