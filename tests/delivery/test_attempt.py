"""One try: exactly one outcome, and after an unclear send only what the city's profile allows."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest

from adapters.contract import Adapter, FileSource
from gateway.delivery.attempt import Policy, Sendable, attempt
from gateway.delivery.breaker import Breaker
from gateway.delivery.outcome import Deferred, Delivered, Held, Outcome
from schemas.errors import (
    CrossCityError,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
)
from schemas.message import Acknowledgement, FollowUp, OutboundMessage, ProgressReport

ACK = Acknowledgement(case_number="N1")
UNAVAILABLE = PartnerUnavailable("down", "不通")
AMBIGUOUS = PartnerAmbiguous("lost", "不明")


Kind = TypeVar("Kind", OutboundMessage, FollowUp, ProgressReport)


class City:
    """A city that answers from a list; a real adapter's behaviour is judged in the contract suite."""

    def __init__(self, deliver: list[object], find: list[object] | None = None) -> None:
        self.answers, self.found = deliver, find or []
        self.log: list[str] = []

    async def deliver(self, _message: object, _files: object) -> Acknowledgement:
        self.log.append("deliver")
        return cast(Acknowledgement, _answer(self.answers.pop(0)))

    async def follow_up(self, _message: object, _files: object) -> Acknowledgement:
        self.log.append("follow_up")
        return cast(Acknowledgement, _answer(self.answers.pop(0)))

    async def report(self, _report: object) -> None:
        self.log.append("report")
        _answer(self.answers.pop(0))

    async def find(self, _message: object) -> Acknowledgement | None:
        self.log.append("find")
        return cast(Acknowledgement | None, _answer(self.found.pop(0)))


def _answer(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def bare(kind: type[Kind]) -> Kind:
    """A message by its kind alone: nothing here looks inside."""
    return kind.__new__(kind)


async def once(
    city: City,
    duplicates: str = "idempotent",
    *,
    since: float | None = None,
    tries: int = 0,
    delays: tuple[float, ...] = (1, 2),
    message: Sendable | None = None,
) -> Outcome:
    async def mark() -> None:
        city.log.append("mark")

    policy = Policy(duplicates, timeout_s=1, settle_s=5, delays_s=delays)
    return await attempt(
        cast(Adapter, city),
        message or bare(OutboundMessage),
        cast(FileSource, None),
        policy,
        tries=tries,
        since_unclear_s=since,
        jitter=0.5,
        mark=cast(Callable[[], Awaitable[None]], mark),
    )


async def test_a_first_try_is_marked_only_where_a_second_could_harm() -> None:
    for duplicates, log in (
        ("idempotent", ["deliver"]),
        ("query_first", ["mark", "deliver"]),
        ("unsafe", ["mark", "deliver"]),
    ):
        city = City([ACK])
        assert await once(city, duplicates) == Delivered(ACK)
        assert city.log == log


async def test_after_an_unclear_send_the_profile_decides() -> None:
    city = City([ACK])
    assert await once(city, "idempotent", since=0) == Delivered(ACK)
    assert city.log == ["deliver"]
    city = City([])
    assert isinstance(await once(city, "unsafe", since=1000), Held)
    assert city.log == []
    city = City([], [ACK])
    assert await once(city, "query_first", since=0) == Delivered(ACK)
    assert city.log == ["find"]


async def test_query_first_waits_until_the_city_can_no_longer_book_the_first() -> None:
    city = City([], [None])
    early = await once(city, "query_first", since=2)
    assert isinstance(early, Deferred)
    assert (early.counts, early.unclear, early.sent) == (False, True, False)
    assert early.wait_s == pytest.approx(3.05)
    city = City([ACK], [None])
    assert await once(city, "query_first", since=6) == Delivered(ACK)
    assert city.log == ["find", "mark", "deliver"]


async def test_a_city_that_cannot_be_asked_is_not_asked_for_ever() -> None:
    first = await once(City([], [UNAVAILABLE]), "query_first", since=6, tries=1)
    assert isinstance(first, Deferred)
    assert (first.counts, first.unclear, first.sent) == (True, True, False)
    last = await once(City([], [UNAVAILABLE]), "query_first", since=6, tries=2)
    assert last == Held("partner.unavailable", last.detail, unclear=True)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("error", "duplicates", "kind", "unclear"),
    [
        (PartnerRefused("no", "否"), "idempotent", Held, False),
        (PartnerProtocol("odd", "怪"), "idempotent", Held, False),
        (AMBIGUOUS, "idempotent", Deferred, True),
        (AMBIGUOUS, "query_first", Deferred, True),
        (AMBIGUOUS, "unsafe", Held, True),
        (PartnerUnavailable("later", "稍后", retry_after_s=7), "unsafe", Deferred, False),
    ],
)
async def test_what_an_error_means(error: CrossCityError, duplicates: str, kind: type, unclear: bool) -> None:
    outcome = await once(City([error]), duplicates)
    assert isinstance(outcome, kind)
    assert isinstance(outcome, Deferred | Held)
    assert (outcome.code, outcome.unclear) == (error.code, unclear)


async def test_a_connection_that_failed_before_sending_is_tried_again_within_seconds() -> None:
    city = City([UNAVAILABLE, ACK])
    assert await once(city) == Delivered(ACK)
    assert city.log == ["deliver", "deliver"]
    city = City([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE])
    assert isinstance(await once(city), Deferred)
    city = City([UNAVAILABLE, AMBIGUOUS])
    outcome = await once(city, "unsafe")
    assert isinstance(outcome, Held)
    assert outcome.unclear


async def test_a_city_can_only_be_asked_about_applications() -> None:
    supplement = bare(FollowUp)
    city = City([ACK])
    assert await once(city, "query_first", message=supplement) == Delivered(ACK)
    assert city.log == ["mark", "follow_up"]
    outcome = await once(City([AMBIGUOUS]), "query_first", message=supplement)
    assert isinstance(outcome, Held)
    assert outcome.unclear
    city = City([])
    assert isinstance(await once(city, "query_first", since=1000, message=supplement), Held)
    assert city.log == []
    city = City([ACK])
    assert await once(city, since=0, message=supplement) == Delivered(ACK)


@pytest.mark.parametrize("duplicates", ["idempotent", "query_first", "unsafe"])
async def test_progress_may_always_be_told_again(duplicates: str) -> None:
    city = City([ACK])
    report = bare(ProgressReport)
    assert await once(city, duplicates, since=0, message=report) == Delivered(Acknowledgement())
    assert city.log == ["report"]
    assert isinstance(await once(City([AMBIGUOUS]), duplicates, message=report), Deferred)


async def test_retry_after_is_not_tried_at_once_and_lengthens_the_wait() -> None:
    later = PartnerUnavailable("later", "稍后", retry_after_s=40)
    city = City([later])
    outcome = await once(city)
    assert isinstance(outcome, Deferred)
    assert city.log == ["deliver"]
    assert outcome.wait_s == 40


async def test_after_the_last_try_a_person_takes_over() -> None:
    outcome = await once(City([AMBIGUOUS]), tries=2)
    assert isinstance(outcome, Held)
    assert outcome.detail.startswith("Out of tries")


def test_the_breaker_opens_probes_once_and_closes() -> None:
    breaker = Breaker(threshold=2, first_pause_s=1)
    assert breaker.may_send(0)
    assert not breaker.failed(0)
    assert breaker.failed(10)
    assert (breaker.state, breaker.may_send(500)) == ("open", False)
    assert not breaker.failed(600), "an older message that was already on its way"
    assert breaker.may_send(1010)
    assert (breaker.state, breaker.may_send(1020)) == ("half_open", False)
    assert not breaker.failed(1030)
    assert (breaker.state, breaker.may_send(2000)) == ("open", False)
    assert breaker.may_send(3100), "the pause has doubled"
    assert breaker.succeeded()
    assert (breaker.state, breaker.failures) == ("closed", 0)
    assert not breaker.succeeded()
    for now_ms in range(0, 10_000_000, 130_000):
        if breaker.may_send(now_ms):
            breaker.failed(now_ms)
    assert breaker.retry_at_ms is not None
    assert breaker.retry_at_ms <= 10_000_000 + 120_000
