"""应答: one HTTP answer judged by the profile: what it means, and its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from aiohttp import ClientResponse
from pydantic import ValidationError

from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.faults import Submission, ambiguous, check_status, retry_after_s, unavailable, undescribed, unreadable
from adapters.judging import Judge, Verdict
from schemas.errors import PartnerRefused
from schemas.message import Acknowledgement

_LONGEST_ANSWER_BYTES = 16 * 1024**2
_CHUNK_BYTES = 65_536
_UNREADABLE: Final = object()
"""In place of a body that is not in the declared charset, or no JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """应答: `meaning` is accepted, duplicate or absent; everything else was raised."""

    meaning: str
    body: Any


async def read_answer(
    response: ClientResponse,
    judge: Judge,
    now: datetime,
    submission: Submission | None = None,
    *,
    charset: str = "utf-8",
) -> Answer:
    """Read JSON in `charset` and judge it as `judged` does. An empty body is null."""
    status = response.status
    if not judge.rules_for(status):
        check_status(status, response.headers, now, submission)
    body = _parsed(await whole(response, submission, _LONGEST_ANSWER_BYTES), charset)
    return judged(body, response.headers, judge, now, submission, status=status)


def judged(
    body: Any,
    headers: Mapping[str, str],
    judge: Judge,
    now: datetime,
    submission: Submission | None = None,
    *,
    status: int = 200,
) -> Answer:
    """What an answer means. PartnerRefused, PartnerUnavailable, PartnerAmbiguous or PartnerProtocol for the rest."""
    good = 200 <= status < 300
    for rule in judge.rules_for(status):
        if rule.needs_body and body is _UNREADABLE:
            break  # whatever comes after it might have been meant for another body
        try:
            verdict = rule.verdict(body)
        except Unmappable:
            break
        if verdict is not None:
            return _acted_on(verdict, body, headers, now, submission)
    else:
        if good and body is not _UNREADABLE and body is not None:
            raise undescribed()
    check_status(status, headers, now, submission)
    raise unreadable(submission)


def _acted_on(
    verdict: Verdict, body: Any, headers: Mapping[str, str], now: datetime, submission: Submission | None
) -> Answer:
    if verdict.meaning == "refused":
        raise PartnerRefused(
            "The partner city refuses the message.", "对方城市不予接收该报文。", partner_code=verdict.partner_code
        )
    if verdict.meaning == "later":
        told_s = verdict.retry_after_s
        raise unavailable(retry_after_s(headers, now) if told_s is None else told_s)
    if verdict.meaning == "unknown":
        raise ambiguous() if submission is not None and submission.begun else undescribed()
    return Answer(verdict.meaning, None if body is _UNREADABLE else body)


def _parsed(content: bytes, charset: str) -> Any:
    if not content:
        return None
    try:
        return orjson.loads(content if charset == "utf-8" else content.decode(charset))
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        return _UNREADABLE


async def whole(response: ClientResponse, submission: Submission | None, most_bytes: int) -> bytes:
    """The body; a longer one is unreadable, and is not read to its end."""
    if (response.content_length or 0) > most_bytes:
        raise unreadable(submission)
    if response.content_length is not None:
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > most_bytes:
            raise unreadable(submission)
    return bytes(body)


def acknowledgement(
    case_number: Any, partner_reference: Any, *, duplicate: bool, submission: Submission | None
) -> Acknowledgement:
    """What a partner said of a message it has; numbers that are no short text make the answer unreadable."""
    try:
        return Acknowledgement(case_number=case_number, partner_reference=partner_reference, duplicate=duplicate)
    except ValidationError:
        raise unreadable(submission) from None


def part(expression: Evaluate, answer: Answer, submission: Submission | None = None) -> Any:
    """A value of an answer; one the profile cannot read makes the answer unreadable."""
    try:
        return expression(answer.body)
    except Unmappable:
        raise unreadable(submission) from None
