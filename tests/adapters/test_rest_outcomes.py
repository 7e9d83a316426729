"""Outcome rules over HTTP status and body, against a server; and which of them a profile may write."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialect import Compiler, Dialect, DialectError
from adapters.judging import compiled_judge
from adapters.operations import Answers, OutcomeRule
from schemas.errors import (
    CrossCityError,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
)
from tests.adapters.messages import message_to
from tests.adapters.rest_city import example, rest_city

OUTCOMES = example("outcomes")


def said(status: int, body: Any = None, **headers: str) -> web.Response:
    if isinstance(body, str):
        return web.Response(status=status, text=body, headers=headers)
    return (
        web.Response(status=status, headers=headers)
        if body is None
        else web.json_response(body, status=status, headers=headers)
    )


async def delivered(tmp_path: Path, answer: web.Response, fragment: str = OUTCOMES) -> Any:
    message, files = message_to("440600")
    async with rest_city(fragment, tmp_path, lambda _seen: answer) as (_, adapter):
        return await adapter.deliver(message, files)


@pytest.mark.parametrize(
    ("status", "body", "number", "duplicate"),
    [
        (204, None, None, False),
        (200, {"ok": True, "caseNo": "N1"}, "N1", False),
        (201, {"ok": True}, None, False),
        (409, {"caseNo": "N1"}, "N1", True),
        (409, "no JSON", None, True),
        (409, None, None, True),
    ],
    ids=range(6),
)
async def test_it_was_taken(tmp_path: Path, status: int, body: Any, number: str | None, duplicate: bool) -> None:
    found = await delivered(tmp_path, said(status, body))
    assert (found.case_number, found.duplicate) == (number, duplicate)


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (200, {"error": {"kind": "busy", "wait": 40}}, PartnerUnavailable),
        (200, {"error": {"kind": "timeout"}}, PartnerAmbiguous),
        (200, {"error": {"kind": "other"}}, PartnerProtocol),
        (200, "<html>", PartnerAmbiguous),
        (200, None, PartnerAmbiguous),
        (422, {"error": "no"}, PartnerRefused),
        (422, {}, PartnerProtocol),
        (422, "<html>", PartnerProtocol),
        (404, None, PartnerProtocol),
        (503, {"error": "no"}, PartnerUnavailable),
        (401, {"error": "no"}, PartnerProtocol),
        (500, {"error": "no"}, PartnerAmbiguous),
        (307, None, PartnerProtocol),
    ],
    ids=range(13),
)
async def test_it_was_not_taken(tmp_path: Path, status: int, body: Any, wanted: type[CrossCityError]) -> None:
    with pytest.raises(CrossCityError) as caught:
        await delivered(tmp_path, said(status, body))
    assert type(caught.value) is wanted


@pytest.mark.parametrize(
    ("wait", "wanted"),
    [(40, 40), ("40", 40), (None, 7), (True, 7), ("soon", 7), (-1, 7), (10**9, 7), ({"s": 1}, 7)],
    ids=range(8),
)
async def test_how_long_to_wait(tmp_path: Path, wait: Any, wanted: float) -> None:
    answer = said(200, {"error": {"kind": "busy", "wait": wait}}, **{"Retry-After": "7"})
    with pytest.raises(PartnerUnavailable) as caught:
        await delivered(tmp_path, answer)
    assert caught.value.retry_after_s == wanted


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (200, {"error": {"kind": "timeout"}}, PartnerProtocol),
        (200, "x", PartnerProtocol),
        (500, None, PartnerUnavailable),
    ],
    ids=range(3),
)
async def test_a_question_is_never_unclear(
    tmp_path: Path, status: int, body: Any, wanted: type[CrossCityError]
) -> None:
    message, _ = message_to("440600")
    async with rest_city(OUTCOMES, tmp_path, lambda _seen: said(status, body)) as (_, adapter):
        with pytest.raises(CrossCityError) as caught:
            await adapter.find(message)
    assert type(caught.value) is wanted


async def test_a_question_whose_answer_is_no(tmp_path: Path) -> None:
    message, _ = message_to("440600")
    async with rest_city(OUTCOMES, tmp_path, lambda _seen: said(404, "nothing here")) as (_, adapter):
        assert await adapter.find(message) is None


async def test_an_operation_has_answers_of_its_own(tmp_path: Path) -> None:
    fragment = OUTCOMES.replace(
        "submit: {path: /apply,", 'submit: {path: /apply, answers: {code: rc, accepted: ["S"], refused: ["E"]},'
    )
    assert (await delivered(tmp_path, said(200, {"rc": "S"}), fragment)).duplicate is False
    with pytest.raises(PartnerRefused) as caught:
        await delivered(tmp_path, said(200, {"rc": "E"}), fragment)
    assert caught.value.facts["partner_code"] == "E"
    with pytest.raises(PartnerProtocol):
        await delivered(tmp_path, said(409), fragment)


def judge(*rules: dict[str, Any]) -> Any:
    return compiled_judge(None, [OutcomeRule.model_validate(rule) for rule in rules], Compiler(Dialect()), ("rest",))


@pytest.mark.parametrize(
    ("rules", "number"),
    [
        ([{"status": ["2xx"], "means": "accepted"}, {"status": [204], "means": "duplicate"}], 1),
        ([{"status": [200], "when": "a", "means": "accepted"}, {"status": [200], "when": "a", "means": "later"}], 1),
        (
            [
                {"status": [200, 201], "means": "accepted"},
                {"status": [409], "means": "duplicate"},
                {"status": [200, 409], "when": "b", "means": "refused"},
            ],
            2,
        ),
    ],
    ids=range(3),
)
def test_a_rule_that_is_never_reached(rules: list[dict[str, Any]], number: int) -> None:
    with pytest.raises(DialectError) as caught:
        judge(*rules)
    assert caught.value.place == ("rest", "outcomes", number)


def test_rules_that_look_alike_and_are_reached() -> None:
    judge(
        {"status": [200], "when": "a", "means": "accepted"},
        {"status": ["2xx"], "when": "a", "means": "duplicate"},
        {"status": [200], "means": "later"},
    )


@pytest.mark.parametrize(
    "rule", [{"means": "refused", "retry_after": "a"}, {"means": "booked"}, {"status": [99], "means": "later"}]
)
def test_rules_that_are_none(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"retry_after|Input|greater"):
        OutcomeRule.model_validate(rule)


CODES = ["0", "1", "7", "9", "4", "55"]
SHORT = Answers(code="code", accepted=("0",), duplicate=("1",), refused=("7",), later=("9",), absent=("4",))
LONG = [
    {"when": f"code && to_string(code) == '{code}'", "means": means}
    for code, means in zip(CODES, ["accepted", "duplicate", "refused", "later", "absent"], strict=False)
]


@given(
    status=st.integers(100, 599),
    body=st.dictionaries(st.sampled_from(["code", "x"]), st.sampled_from([*CODES, *map(int, CODES), None, ""])),
)
def test_the_short_form_says_what_the_long_one_says(status: int, body: dict[str, Any]) -> None:
    """But for an answer without a code, which the short form takes for unreadable."""
    short = compiled_judge(SHORT, None, Compiler(Dialect()), ("rest",)).rules_for(status)
    long = judge(*LONG).rules_for(status)
    assert bool(short) == bool(long) == (200 <= status < 300)
    if not short or body.get("code") is None:
        return
    verdicts = [verdict for rule in long if (verdict := rule.verdict(body)) is not None]
    found = short[0].verdict(body)
    assert [one.meaning for one in verdicts[:1]] == [one.meaning for one in (found,) if one is not None]
