"""故障映射: foreign exceptions and answers become ours exactly where foreign code is called.

The one question is whether the partner can have booked something. Before a submission has begun, and for everything
that may be repeated (reads, uploads), the answer is no: PartnerUnavailable. After that it is PartnerAmbiguous.
Our sentences never hold the partner's text.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import aiohttp
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from adapters.expression_functions import Unmappable
from schemas.errors import PartnerAmbiguous, PartnerError, PartnerProtocol, PartnerUnavailable

_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_LATER = frozenset({429, 503})
_DENIED = frozenset({401, 403})
_NOT_TAKEN = (DataError, IntegrityError, ProgrammingError)


@dataclass(slots=True)
class Submission:
    """一次提交: `begun` once bytes that can be booked may have left us."""

    begun: bool = False


def unavailable(retry_after_s: float | None = None) -> PartnerUnavailable:
    """Nothing was booked; later."""
    return PartnerUnavailable(
        "The partner city does not answer now; nothing was booked.",
        "对方城市暂无应答，尚未登记。",
        retry_after_s=retry_after_s,
    )


def ambiguous() -> PartnerAmbiguous:
    """Sent, and no clear answer."""
    return PartnerAmbiguous(
        "The message was sent, but the answer is missing or unreadable.", "报文已发出，应答缺失或无法读取。"
    )


def lost(submission: Submission | None) -> PartnerError:
    """The error for an answer that did not come, or not whole."""
    return ambiguous() if submission is not None and submission.begun else unavailable()


def undescribed(what: str = "answer", what_zh: str = "应答") -> PartnerProtocol:
    """An answer the profile has no words for."""
    return PartnerProtocol(
        f"The partner city's {what} is not described in its profile.", f"对方城市的{what_zh}不在其配置所述范围内。"
    )


def unreadable(submission: Submission | None) -> PartnerError:
    """A body that is no JSON, or lacks what it must hold. A submission may have been booked all the same."""
    return ambiguous() if submission is not None and submission.begun else undescribed()


def no_words(error: Unmappable) -> PartnerProtocol:
    """Our own message has something the profile cannot express; nothing was sent."""
    return PartnerProtocol(
        f"The profile cannot express this message: {error.message}.", f"城市配置无法表达该报文：{error.message_zh}。"
    )


@contextmanager
def map_http_faults(submission: Submission | None = None) -> Iterator[None]:
    """Around aiohttp's client and our own timeout."""
    try:
        yield
    except _NOT_SENT as error:
        raise unavailable() from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise lost(submission) from error
    except Unmappable as error:
        raise no_words(error) from error


@contextmanager
def map_database_faults(submission: Submission | None = None) -> Iterator[None]:
    """Around SQLAlchemy and our own timeout. A statement the database does not take is a matter for a person."""
    try:
        yield
    except _NOT_TAKEN as error:
        raise undescribed("database", "前置库") from error
    except (SQLAlchemyError, TimeoutError, OSError) as error:
        raise lost(submission) from error
    except Unmappable as error:
        raise no_words(error) from error


def check_status(status: int, headers: Mapping[str, str], now: datetime, submission: Submission | None = None) -> None:
    """Return for 2xx, else raise what the status means."""
    if 200 <= status < 300:
        return
    if status in _LATER:
        raise unavailable(retry_after_s(headers, now))
    if status in _DENIED:
        raise PartnerProtocol(
            "The partner city refuses our credentials.", "对方城市不接受本网关的凭证。", status=status
        )
    if status >= 500:
        raise lost(submission)
    raise PartnerProtocol(
        "The partner city answered with a status that its profile does not describe.",
        "对方城市返回了配置未说明的HTTP状态。",
        status=status,
    )


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Retry-After in seconds, whether it is given as a number or as a date (RFC 9110 §10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        wait_s = float(text)
    except ValueError:
        try:
            wait_s = (parsedate_to_datetime(text) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(0.0, wait_s) if wait_s < 86_400 else None
