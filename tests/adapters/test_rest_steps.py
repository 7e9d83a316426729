"""Operations of several steps, parts under a condition, maps and lists, numbers of materials: the guide's examples."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.profile import load_profile
from adapters.profile_check import check_examples
from schemas.agreement import Mode
from schemas.errors import PartnerAmbiguous, PartnerProtocol, PartnerRefused, PartnerUnavailable
from schemas.message import FollowUp, RemoteFile
from tests.adapters.follow_ups import supplement_to, withdrawal_of
from tests.adapters.messages import message_to
from tests.adapters.rest_city import Seen, accepted, example, profile_of, rest_city


def test_the_whole_profile_of_the_guide(tmp_path: Path) -> None:
    path = tmp_path / "440600.yaml"
    path.write_text(example("whole"), "utf-8")
    profile = load_profile(path)
    assert check_examples(profile) == []


async def test_the_whole_profile_speaks(tmp_path: Path) -> None:
    message, files = message_to("440600", {"a.pdf": b"hello"})
    row = {"outer": str(message.application_id), "caseNo": "N1", "state": "9", "time": "2026-11-23 09:02:03"}
    told = row | {"reason": "应由禅城区办理", "files": []}

    def reply(seen: Seen) -> Any:
        if seen.path == "/progress":
            return accepted(rows=[told], next="1")
        if seen.path == "/daily":
            return accepted(rows=[row] if seen.query["page"] == "1" else [])
        return accepted(fileNo="f-1", caseNo="N1")

    async with rest_city(example("whole"), tmp_path, reply) as (server, adapter):
        assert (await adapter.deliver(message, files)).case_number == "N1"
        supplement, more = supplement_to(message, {"b.pdf": b"more"}, "N1")
        await adapter.follow_up(supplement, more)
        await adapter.follow_up(withdrawal_of(message, "N1"), more)
        (report,) = (await adapter.collect(None)).reports
        (listed,) = await adapter.listing(report.occurred_at.date())
        await adapter.probe()
    assert report.step == listed.step == "FORWARDED"
    assert report.reason == "应由禅城区办理"
    application = f"/applications/{message.application_id}"
    assert server.paths() == [
        *("POST /files", "POST /applications", "POST /files", f"POST {application}/supplements"),
        *(f"POST {application}/withdrawal", "GET /progress", "GET /daily", "GET /daily", "GET /ping"),
    ]
    assert server.seen[1].json()["materials"][0] == {"name": "材料1", "type": "2", "file": "f-1"}
    assert server.seen[3].json()["message"] == str(supplement.message_id)


def stepwise(seen: Seen) -> Any:
    if seen.path == "/ticket":
        return accepted(ticket="t-1")
    if seen.path == "/drafts":
        return accepted(id="d/1")
    if seen.path.endswith("/files"):
        return accepted(no=f"no-{len(seen.body)}")
    return accepted(caseNo="N1")


async def test_steps_before_a_submission(tmp_path: Path) -> None:
    message, files = message_to("440600", {'身份证 𠮷".pdf': b"hello", "b.pdf": bytes(300_000)})
    async with rest_city(example("steps"), tmp_path, stepwise) as (server, adapter):
        assert (await adapter.deliver(message, files)).case_number == "N1"
    ticket, draft, first, second, submission = server.seen
    assert (ticket.method, ticket.body) == ("POST", b"app=tongban")
    assert ticket.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert {one.headers["X-Ticket"] for one in (draft, first, second, submission)} == {"t-1"}
    assert draft.json() == {"outer": str(message.application_id)}
    assert first.path == second.path == "/drafts/d/1/files"
    assert submission.path == "/drafts/d/1/submission"
    assert b'name="kind"\r\n\r\nattachment\r\n' in first.body
    assert (
        'name="upload"; filename="身份证 𠮷%22.pdf"\r\nContent-Type: application/pdf\r\n\r\nhello\r\n'
        in first.body.decode()
    )
    assert int(second.headers["Content-Length"]) == len(second.body) > 300_000
    numbers = [one.get("file") for one in submission.json()["materials"]]
    assert numbers == [f"no-{len(first.body)}", f"no-{len(second.body)}", None]


async def test_a_step_may_serve_another_operation(tmp_path: Path) -> None:
    message, files = message_to("440600")
    async with rest_city(example("steps"), tmp_path, stepwise) as (server, adapter):
        await adapter.follow_up(withdrawal_of(message), files)
    assert server.paths() == ["POST /ticket", "POST /withdrawals"]


@pytest.mark.parametrize(
    ("at", "answer", "wanted"),
    [
        ("/ticket", web.Response(status=500), PartnerUnavailable),
        ("/ticket", {"code": "0", "data": {}}, PartnerProtocol),
        ("/ticket", {"code": "5"}, PartnerProtocol),
        ("/ticket", {"code": "7"}, PartnerRefused),
        ("/drafts", web.Response(text="<html>"), PartnerProtocol),
        ("/drafts/d/1/files", web.Response(status=503), PartnerUnavailable),
        ("/drafts/d/1/submission", web.Response(status=500), PartnerAmbiguous),
    ],
    ids=range(7),
)
async def test_only_the_last_step_can_be_unclear(tmp_path: Path, at: str, answer: Any, wanted: type[Exception]) -> None:
    message, files = message_to("440600", {"a.pdf": b"hello"})

    def reply(seen: Seen) -> Any:
        return answer if seen.path == at else stepwise(seen)

    async with rest_city(example("steps"), tmp_path, reply) as (server, adapter):
        with pytest.raises(wanted):
            await adapter.deliver(message, files)
    assert server.seen[-1].path == at


MATERIALS = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"]}
  steps:
    paper:
      each: materials
      when: "!file"
      path: /papers
      body: {name: material.name}
      keeps: {number: data.no, lot?: data.lot}
    file:
      each: materials
      when: file
      path: /files
      method: PUT
      content: raw
      headers: {X-Name: file.sha256, X-No: "`null`"}
      keeps: {number: data.no}
    never: {when: application.agent, path: /agents}
  submit:
    first: [never, paper, file]
    path: /apply
    body: {numbers: "materials[].kept.number"}
    headers: {Content-Type: "'application/vnd.city+json'"}
"""


async def test_steps_for_each_material(tmp_path: Path) -> None:
    message, files = message_to("440600", {"a.pdf": b"hello"})

    def reply(seen: Seen) -> Any:
        return accepted(no={"/papers": "p-1", "/files": "f-1"}.get(seen.path))

    async with rest_city(MATERIALS, tmp_path, reply) as (server, adapter):
        await adapter.deliver(message, files)
    assert server.paths() == ["POST /papers", "PUT /files", "POST /apply"]
    papers, put, submitted = server.seen
    assert papers.json() == {"name": "P01"}
    assert (put.body, put.headers["Content-Type"]) == (b"hello", "application/octet-stream")
    assert put.headers["X-Name"] == message.files[0].file.sha256
    assert "X-No" not in put.headers
    assert submitted.json() == {"numbers": ["f-1", "p-1"]}
    assert submitted.headers.getall("Content-Type") == ["application/vnd.city+json"]  # type: ignore[attr-defined]


WHOLE_FORM = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"]}
  submit:
    path: /apply
    content: multipart
    body: {outer: application_id, meta: json_text(application.form), none: "`null`", yes: "`true`", many: "['a', 'b']"}
    file: {name: "'files'"}
    case_number: data.caseNo
"""


async def test_a_form_without_files_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    message, files = message_to("440600")
    async with rest_city(WHOLE_FORM, tmp_path, lambda _seen: accepted()) as (server, adapter):
        await adapter.deliver(message, files)
    assert b'name="outer"' in server.seen[0].body
    assert b"filename" not in server.seen[0].body
    every = MATERIALS.replace("      when: file\n", "")
    async with rest_city(every, tmp_path, lambda _seen: accepted(no="p-1")) as (server, adapter):
        with pytest.raises(PartnerProtocol, match="no file"):
            await adapter.deliver(message, files)
    assert server.paths() == ["POST /papers"]


async def test_everything_in_one_form(tmp_path: Path) -> None:
    message, files = message_to("440600", {"a.pdf": b"hello", "空.pdf": b""})
    async with rest_city(WHOLE_FORM, tmp_path, lambda _seen: accepted(caseNo="N1")) as (server, adapter):
        assert (await adapter.deliver(message, files)).case_number == "N1"
    (seen,) = server.seen
    body = seen.body.decode()
    boundary = seen.headers["Content-Type"].split("boundary=")[1]
    parts = [part.split("\r\n\r\n", 1) for part in body.split(f"--{boundary}")[1:-1]]
    assert [(head.split('name="')[1].split('"')[0], text.removesuffix("\r\n")) for head, text in parts] == [
        ("outer", str(message.application_id)),
        ("meta", '{"account":"0001","remark":"𠮷㐂"}'),
        ("none", ""),
        ("yes", "true"),
        *(("many", "a"), ("many", "b"), ("files", "hello"), ("files", "")),
    ]


async def test_parts_under_a_condition(tmp_path: Path) -> None:
    message, files = message_to("440600", {"a.pdf": b"hello", "b.jpg": b"image"})
    second = message.files[1].file.model_copy(update={"media_type": "image/jpeg"})
    message = message.model_copy(
        update={"files": (message.files[0], message.files[1].model_copy(update={"file": second}))}
    )
    alone, no_files = message_to("440600")
    online = alone.model_copy(update={"application": alone.application.model_copy(update={"mode": Mode.ONLINE})})
    async with rest_city(example("conditions"), tmp_path, lambda _seen: accepted(no="f-1")) as (server, adapter):
        await adapter.deliver(message, files)
        await adapter.deliver(online, no_files)
    assert server.paths() == ["POST /files", "POST /apply", "POST /apply"]
    outer = {"outer": str(message.application_id), "agent": {"self": "1"}, "check": {"by": "W001"}}
    attachments = [{"name": "材料1", "no": "f-1"}, {"name": "材料2"}, {"name": "P01"}]
    assert server.seen[1].json() == outer | {"attachments": attachments}
    assert server.seen[2].json() == {"outer": str(alone.application_id), "agent": {"self": "1"}}


async def test_maps_become_lists_and_back(tmp_path: Path) -> None:
    message, files = message_to("440600", {"a.pdf": b"hello"}, form={"b": 1, "a": "𠮷"})

    def reply(seen: Seen) -> Any:
        return accepted(attributes=[{"key": "caseNo", "value": "N7"}, {"key": "x", "value": 1}])

    fragment = example("maps")
    async with rest_city(fragment, tmp_path, reply) as (server, adapter):
        assert (await adapter.deliver(message, files)).case_number == "N7"
    body = server.seen[0].json()
    assert body["fields"] == [{"id": "b", "text": "1"}, {"id": "a", "text": '"𠮷"'}]
    assert body["names"] == {"M01": "材料1", "P01": "P01"}


async def test_numbers_of_materials_are_asked_for(tmp_path: Path) -> None:
    message, _ = message_to("440600")
    supplement, files = supplement_to(message, {"b.pdf": b"more"}, "N/1")

    def reply(seen: Seen) -> Any:
        if seen.path.endswith("/materials"):
            return {"code": "0", "data": [{"code": "S01", "no": 7}, {"code": "S99", "no": 8}]}
        return accepted(no="f-9")

    async with rest_city(example("numbers"), tmp_path, reply) as (server, adapter):
        await adapter.follow_up(supplement, files)
        with pytest.raises(PartnerProtocol, match="cannot express"):
            await adapter.follow_up(_without_number(supplement), files)
    assert server.paths() == ["GET /cases/N/1/materials", "POST /files", "POST /cases/N/1/supplements"]
    assert server.seen[2].json() == [{"replaces": 7, "name": "补正材料1", "file": "f-9"}, {"name": "SP1"}]


def _without_number(supplement: FollowUp) -> FollowUp:
    return supplement.model_copy(update={"case_number": None})


async def test_an_element_that_is_no_object_cannot_be_given_more(tmp_path: Path) -> None:
    fragment = example("maps").replace(
        "fields: {each: entries(application.form), object: {id: key, text: json_text(value)}}",
        "fields: {each: keys(application.form), with: {outer: application_id}, object: outer}",
    )
    message, files = message_to("440600")
    async with rest_city(fragment, tmp_path, lambda _seen: accepted()) as (server, adapter):
        with pytest.raises(PartnerProtocol, match="list of objects"):
            await adapter.deliver(message, files)
    assert server.seen == []


async def test_a_step_may_come_before_a_question(tmp_path: Path) -> None:
    fragment = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"], absent: ["4"]}
  steps: {ticket: {path: /ticket, keeps: {ticket: data.ticket}}}
  submit: {first: [ticket], path: /apply, body: {outer: application_id}}
  query:
    first: [ticket]
    path: /query
    headers: {X-Ticket: kept.ticket}
    body: {outer: application_id}
    case_number: data.no
  download: {first: [ticket], path: /file, body: {no: reference, ticket: kept.ticket}}
"""
    message, _ = message_to("440600")

    def reply(seen: Seen) -> Any:
        if seen.path == "/file":
            return web.Response(body=b"result")
        return accepted(ticket="t-1") if seen.path == "/ticket" else accepted(no="N1")

    async with rest_city(fragment, tmp_path, reply) as (server, adapter):
        found = await adapter.find(message)
        content = b"".join([chunk async for chunk in adapter.fetch(RemoteFile(reference="R1", name="x"))])
    assert found is not None
    assert content == b"result"
    assert server.paths() == ["GET /ticket", "POST /query", "GET /ticket", "POST /file"]
    assert server.seen[3].json() == {"no": "R1", "ticket": "t-1"}


def test_old_ways_of_writing_stay_valid(tmp_path: Path) -> None:
    fragment = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"]}
  upload: {path: /f, query: {n: file.name}, reference: no}
  submit: {path: /apply, body: {a: application_id, l: {each: materials, object: {n: name, u?: uploaded}}}}
"""
    profile = profile_of(fragment, tmp_path)
    assert profile.rest is not None
    assert profile.rest.upload is not None
    assert profile.rest.upload.content == "raw"
