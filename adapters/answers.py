"""应答: one HTTP answer judged by the profile: what it means, and its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import ClientResponse
from pydantic import ValidationError

from adapters.calls import CompiledAnswers
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.faults import Submission, check_status, retry_after_s, unavailable, undescribed, unreadable
from schemas.errors import PartnerRefused
from schemas.message import Acknowledgement

_LONGEST_ANSWER_BYTES = 16 * 1024**2
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """应答: `meaning` is accepted, duplicate or absent; everything else was raised."""

    meaning: str
    body: Any


async def read_answer(
    response: ClientResponse, answers: CompiledAnswers, now: datetime, submission: Submission | None = None
) -> Answer:
    """Read JSON and judge it as `judged` does."""
    check_status(response.status, response.headers, now, submission)
    try:
        body = orjson.loads(await whole(response, submission, _LONGEST_ANSWER_BYTES))
    except orjson.JSONDecodeError:
        raise unreadable(submission) from None
    return judged(body, response.headers, answers, now, submission)


def judged(
    body: Any,
    headers: Mapping[str, str],
    answers: CompiledAnswers,
    now: datetime,
    submission: Submission | None = None,
) -> Answer:
    """What a body means. PartnerRefused, PartnerUnavailable, PartnerAmbiguous or PartnerProtocol for the rest."""
    try:
        code = answers.code(body)
    except Unmappable:
        raise unreadable(submission) from None
    if code is None:
        raise unreadable(submission)
    meaning = answers.words.get(str(code))
    if meaning == "refused":
        raise PartnerRefused(
            "The partner city refuses the application.", "对方城市不予接收该申请。", partner_code=str(code)[:100]
        )
    if meaning == "later":
        raise unavailable(retry_after_s(headers, now))
    if meaning is None:
        raise undescribed()
    return Answer(meaning, body)


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
