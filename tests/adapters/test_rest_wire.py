"""Character sets, signatures of every try, callbacks in another recipe, the limit per second: against a server."""

import asyncio
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from aiohttp import web

from adapters.contract import AdapterContext, CallbackRequest
from adapters.operations import RecipeAuth
from adapters.rate_limit import RateLimit
from adapters.rest import RestAdapter
from adapters.signing import digests_of, recipe
from adapters.signing.request import SignedRequest
from schemas.errors import (
    Invalid,
    Malformed,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerUnavailable,
    Unauthenticated,
)
from schemas.message import Step
from tests.adapters.messages import message_to
from tests.adapters.rest_city import GUIDE, NOW, SECRETS, Seen, accepted, example, profile_of, rest_city, yaml_of

SIMPLE = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"]}
  submit: {path: /apply, body: {outer: application_id}, case_number: data.caseNo}
"""


def said(text: str, charset: str) -> web.Response:
    return web.Response(body=text.encode(charset), content_type="application/json")


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
async def test_a_city_with_a_character_set_of_its_own(tmp_path: Path, charset: str) -> None:
    fragment = example("charset").replace("gb18030", charset)
    name = "陈晓" if charset == "gbk" else "陈𠮷㐂"
    message, files = message_to("440600", name=name)

    def reply(_seen: Seen) -> Any:
        return said(
            '{"code":"0","data":{"caseNo":"号𠮷1"}}' if charset != "gbk" else '{"code":"0","data":{"caseNo":"号1"}}',
            charset,
        )

    async with rest_city(fragment, tmp_path, reply) as (server, adapter):
        found = await adapter.deliver(message, files)
    note, application = server.seen
    codec = "utf-8" if charset == "utf-8-sig" else charset
    assert found.case_number == ("号1" if charset == "gbk" else "号𠮷1")
    assert orjson.loads(application.body.decode(codec)) == {"name": name}
    assert parse_qs(note.body.decode("ascii"), encoding=codec) == {"name": [name]}
    named = "" if codec == "utf-8" else f"; charset={codec.upper()}"
    assert application.headers["Content-Type"] == f"application/json{named}"


async def test_what_a_character_set_cannot_write(tmp_path: Path) -> None:
    fragment = example("charset").replace("gb18030", "gbk")
    message, files = message_to("440600", name="陈𠮷㐂")
    async with rest_city(fragment, tmp_path, lambda _seen: accepted()) as (server, adapter):
        with pytest.raises(PartnerProtocol, match="cannot be written in gbk"):
            await adapter.deliver(message, files)
    assert server.seen == []
    json_only = fragment.replace("first: [note], ", "").replace(
        "  steps:\n    note: {path: /note, content: form, body: {name: application.applicant.name}}\n", ""
    )
    async with rest_city(json_only, tmp_path, lambda _seen: accepted()) as (server, adapter):
        await adapter.deliver(message, files)
    assert orjson.loads(server.seen[0].body.decode("ascii")) == {"name": "陈𠮷㐂"}


@pytest.mark.parametrize("body", [b"\xff\xfe{}", '{"code":"0","data":{"caseNo":"号"}}'.encode("gb18030"), b"{", b"[1"])
async def test_an_answer_in_another_character_set_is_unclear(tmp_path: Path, body: bytes) -> None:
    message, files = message_to("440600")
    async with rest_city(SIMPLE, tmp_path, lambda _seen: web.Response(body=body)) as (_, adapter):
        with pytest.raises(PartnerAmbiguous):
            await adapter.deliver(message, files)


FIELDS = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"]}
  submit: {path: /apply, content: form, body: BODY}
"""


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('{a: "\'x y&"}', {"a": ["x y&"]}),
        ("{a: '`1.5`', b: '`false`', c?: '`null`', d: '`null`'}", {"a": ["1.5"], "b": ["false"], "d": [""]}),
        ("\"{a: ['1', '2'], b: `[]`}\"", {"a": ["1", "2"]}),
        ("application.nothing", {}),
    ],
    ids=range(4),
)
async def test_fields_of_a_form(tmp_path: Path, body: str, wanted: dict[str, list[str]]) -> None:
    body = body.replace("'x y&\"", "'x y&'\"")
    message, files = message_to("440600")
    async with rest_city(FIELDS.replace("BODY", body), tmp_path, lambda _seen: accepted()) as (server, adapter):
        await adapter.deliver(message, files)
    assert parse_qs(server.seen[0].body.decode(), keep_blank_values=True) == wanted


@pytest.mark.parametrize("body", ["{a: application.applicant}", "materials", "item_name"])
async def test_what_a_form_cannot_carry(tmp_path: Path, body: str) -> None:
    message, files = message_to("440600")
    async with rest_city(FIELDS.replace("BODY", body), tmp_path, lambda _seen: accepted()) as (_, adapter):
        with pytest.raises(PartnerProtocol, match="form"):
            await adapter.deliver(message, files)


async def test_a_header_is_plain(tmp_path: Path) -> None:
    for value in ("item_name", "'a\\nb'"):
        fragment = SIMPLE.replace("{path: /apply,", f'{{path: /apply, headers: {{X-Name: "{value}"}},')
        message, files = message_to("440600")
        async with rest_city(fragment, tmp_path, lambda _seen: accepted()) as (server, adapter):
            with pytest.raises(PartnerProtocol, match="header"):
                await adapter.deliver(message, files)
        assert server.seen == []


RECIPE = """\
auth:
  scheme: recipe
  secret: 440600.appsecret
  mac: hmac_sm3
  canonical: "{method}|{path}|{query}|{timestamp}|{nonce}|{body_digest}"
  body_digest: sm3
  encoding: hex_upper
  timestamp: "%Y%m%d %H%M%S%z"
  headers: {X-At: "{timestamp}", X-Once: "{nonce}", X-Sum: "v2 {signature}"}
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"]}
  steps: {files: {each: files, path: "/files/{file.name}", content: multipart, body: {a: "'1'"}, file: {name: "'f'"}}}
  upload: {path: /raw, query: {n: file.name}, reference: data.no}
  submit: {first: [files], path: /apply, body: {outer: application_id}}
"""


async def test_every_try_is_signed_anew_over_what_is_sent(tmp_path: Path) -> None:
    message, files = message_to("440600", {"a 𠮷.pdf": b"hello" * 100_000})
    answers = iter([web.Response(status=503), *[accepted(no="f") for _ in range(6)]])
    async with rest_city(RECIPE, tmp_path, lambda _seen: next(answers)) as (server, adapter):
        with pytest.raises(PartnerUnavailable):
            await adapter.deliver(message, files)
        await adapter.deliver(message, files)
    auth = RecipeAuth.model_validate(yaml_of(RECIPE)["auth"])
    times, nonces = set(), set()
    for seen in server.seen:
        times.add(seen.headers["X-At"])
        nonces.add(seen.headers["X-Once"])
        query = "n=a%20%F0%A0%AE%B7.pdf" if seen.query else ""
        path = "/files/a%20%F0%A0%AE%B7.pdf" if seen.path.startswith("/files") else seen.path
        request = SignedRequest(seen.method, path, query, digests_of(seen.body))
        given = {name.lower(): value for name, value in seen.headers.items()}
        assert recipe.verify(auth, given, "s", request, now=NOW, tolerance_s=60).nonce == seen.headers["X-Once"]
    assert len(times) == len(nonces) == len(server.seen) == 4


def inbound(body: bytes, adapter_folder: Path, **changed: str) -> tuple[RestAdapter, CallbackRequest]:
    profile = profile_of(example("callbacks"), adapter_folder)
    assert profile.inbound is not None
    auth = profile.inbound.callback
    assert isinstance(auth, RecipeAuth)
    request = SignedRequest("POST", "/v1/callbacks/440600", "", digests_of(body))
    headers = recipe.headers(auth, "in", request, nonce="n1", now=NOW) | changed
    context = AdapterContext(lambda: NOW, SECRETS.__getitem__, lambda: "n")
    given = {name.lower(): value for name, value in headers.items()}
    return RestAdapter(profile, context), CallbackRequest("POST", "/v1/callbacks/440600", given, body)


CALL = (
    '{"head":{"serial":"S号7"},"body":{"outer":"019a0000-0000-7000-8000-0000000000a1","state":"2","at":1795395723456}}'
)


def test_a_callback_in_another_recipe_and_character_set(tmp_path: Path) -> None:
    adapter, call = inbound(CALL.encode("gbk"), tmp_path)
    assert call.headers["x-time"] == "2026-11-23 09:02:03"
    callback = adapter.read_callback(call)
    assert callback.reports[0].step is Step.ACCEPTED
    assert callback.reply == {"code": "0", "serial": "S号7", "at": "20261123090203"}
    assert adapter.callback_reply() == {"code": "0"}


@pytest.mark.parametrize("name", ["X-Time", "X-Sign", "X-Nonce"])
@pytest.mark.parametrize("value", ["", "2026-11-23 09:02:04", "２０２６-11-23 09:02:03", "n2"])
def test_a_callback_that_is_changed(tmp_path: Path, name: str, value: str) -> None:
    adapter, call = inbound(CALL.encode("gbk"), tmp_path, **{name: value})
    with pytest.raises(Unauthenticated):
        adapter.read_callback(call)


def test_callbacks_that_cannot_be_read(tmp_path: Path) -> None:
    for body, wanted in ((CALL.encode(), Malformed), (b"[]", Malformed), (b"{}", Invalid)):
        adapter, call = inbound(body, tmp_path)
        with pytest.raises(wanted):
            adapter.read_callback(call)


def test_a_reply_that_cannot_be_made_is_a_fault_of_the_call(tmp_path: Path) -> None:
    text = example("callbacks").replace("serial: body.head.serial", "serial: from_epoch_ms(body.head.serial)")
    profile = profile_of(text, tmp_path)
    adapter = RestAdapter(profile, AdapterContext(lambda: NOW, SECRETS.__getitem__, lambda: "n"))
    _, call = inbound(CALL.encode("gbk"), tmp_path)
    with pytest.raises(Invalid):
        adapter.read_callback(call)


async def test_the_limit_per_second_holds_for_every_call(tmp_path: Path) -> None:
    starts: list[float] = []

    def reply(_seen: Seen) -> Any:
        starts.append(time.monotonic())
        return accepted()

    fragment = "limits: {per_second: 20, timeout_s: 5}\n" + SIMPLE
    async with rest_city(fragment, tmp_path, reply) as (_, adapter), asyncio.TaskGroup() as group:
        for _ in range(8):
            message, files = message_to("440600")
            group.create_task(adapter.deliver(message, files))
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert starts[-1] - starts[0] >= 7 / 20 - 0.03
    assert sum(gaps) / len(gaps) == pytest.approx(1 / 20, abs=0.02)


async def test_waiting_for_a_turn_is_before_the_submission(tmp_path: Path) -> None:
    fragment = "limits: {per_second: 0.5, timeout_s: 0.3}\n" + SIMPLE
    message, files = message_to("440600")
    async with rest_city(fragment, tmp_path, lambda _seen: accepted()) as (server, adapter):
        await adapter.deliver(message, files)
        with pytest.raises(PartnerUnavailable):
            await adapter.deliver(message, files)
    assert len(server.seen) == 1


async def test_one_that_gives_up_takes_no_turn() -> None:
    limit = RateLimit(10)
    await limit.turn()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await limit.turn()
    began = time.monotonic()
    await limit.turn()
    assert time.monotonic() - began < 0.11
    await RateLimit(None).turn()


DATES = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"]}
  submit:
    path: /apply
    body:
      at: format_time(received_at, '%Y年%m月%d日 %H:%M:%S', 'Asia/Shanghai')
      day: format_time(received_at, '%Y%j', 'UTC')
inbound: {callback: {scheme: tif, paasid: p, token: 440600.inbound}}
reports:
  callback:
    code: joined('.', [state, result])
    steps:
      "2.": {step: ACCEPTED}
      "2": {step: ACCEPTED}
      "4.0": {step: DECIDED, outcome: GRANTED, licence_issued: true}
      "4.1": {step: DECIDED, outcome: REFUSED, licence_issued: false}
    identity: outer
    application_id: outer
    occurred_at: "parse_time(time, '%Y/%m/%d %H:%M', '+08:00')"
    reason: reverse_lookup('why', why)
dialect:
  tables: {why: {a: "1", b: "1", c: "2"}}
  reverse: {why: {"1": 材料不全, "2": 不属职权}}
"""


def test_tables_of_the_guide(tmp_path: Path) -> None:
    page = GUIDE.with_name("profile.md")
    fragment = SIMPLE + "inbound: {callback: {scheme: tif, paasid: p, token: 440600.inbound}}\n"
    profile = profile_of(fragment + example("shared", page=page) + example("composite", page=page), tmp_path)
    assert profile.dialect.reversed_tables()["material"] == {"0": "paper", "2": "uploaded"}
    read = profile.compiled_reports(profile.compiler())["callback"].read
    row = {"YSBLSH": "019a0000-0000-7000-8000-0000000000a1", "XH": 1, "SJ": 1795395723456}
    found = [read(row | said) for said in ({"BWLX": "2"}, {"BWLX": "4", "BJJGDM": "1"}, {"BWLX": "4", "BJJGDM": "9"})]
    assert [(one.step, one.outcome) for one in found if one is not None] == [
        (Step.ACCEPTED, None),
        (Step.DECIDED, "REFUSED"),
        (Step.UNKNOWN, None),
    ]


async def test_dates_and_codes_of_the_citys_own(tmp_path: Path) -> None:
    message, files = message_to("440600")
    async with rest_city(DATES, tmp_path, lambda _seen: accepted()) as (server, adapter):
        await adapter.deliver(message, files)
    assert server.seen[0].json() == {"at": "2026年11月23日 09:02:03", "day": "2026327"}
    row = {"outer": str(message.application_id), "time": "2026/11/23 09:02", "why": "1"}
    read = adapter.reports["callback"].read
    granted, accepted_ = read(row | {"state": "4", "result": "0"}), read(row | {"state": "2"})
    refused, unknown = read(row | {"state": "4", "result": "1"}), read(row | {"state": "4", "result": "7"})
    assert granted is not None
    assert (granted.step, granted.outcome, granted.licence_issued) == (Step.DECIDED, "GRANTED", True)
    assert granted.occurred_at == datetime(2026, 11, 23, 1, 2, tzinfo=UTC)
    assert [None if one is None else one.step for one in (accepted_, refused, unknown)] == [
        "ACCEPTED",
        "DECIDED",
        "UNKNOWN",
    ]
    assert refused is not None
    assert refused.reason == "材料不全"
