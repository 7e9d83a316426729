"""One try: exactly one outcome, and after an unclear send only what the city's profile allows."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest

from adapters.contract import Adapter, FileSource
from gateway.delivery.attempt import Policy, Sendable, attempt
from gateway.delivery.outcome import Contact, Deferred, Delivered, Held, Outcome
from schemas.errors import (
    Busy,
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
    assert last == Held("partner.unavailable", last.detail, unclear=True, contact=Contact.FAILED)  # type: ignore[union-attr]


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
    assert not outcome.counts, "a city that is busy uses up none of the message's tries"
    assert (outcome.contact, outcome.pause_s) == (Contact.BUSY, 40)


async def test_a_city_is_left_alone_for_a_minute_at_most() -> None:
    outcome = await once(City([PartnerUnavailable("later", "稍后", retry_after_s=3600)]))
    assert isinstance(outcome, Deferred)
    assert (outcome.wait_s, outcome.pause_s) == (60, 60)
    asked = await once(City([], [PartnerUnavailable("later", "稍后", retry_after_s=7)]), "query_first", since=6)
    assert isinstance(asked, Deferred)
    assert (asked.contact, asked.pause_s, asked.counts, asked.unclear) == (Contact.BUSY, 7, False, True)
    assert asked.wait_s == 7


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PartnerRefused("no", "否"), Contact.ANSWERED),
        (PartnerProtocol("odd", "怪"), Contact.NONE),
        (Busy("stopping", "停止中"), Contact.NONE),
        (AMBIGUOUS, Contact.FAILED),
        (PartnerUnavailable("down", "不通", retry_after_s=0), Contact.BUSY),
    ],
)
@pytest.mark.parametrize("duplicates", ["idempotent", "query_first", "unsafe"])
@pytest.mark.parametrize("tries", [0, 2])
async def test_what_a_try_says_about_the_city(
    error: CrossCityError, says: Contact, duplicates: str, tries: int
) -> None:
    """Whatever becomes of the message: also where it is held, or out of tries."""
    assert (await once(City([error]), duplicates, tries=tries)).contact is says


async def test_a_city_that_was_not_asked_is_not_judged() -> None:
    assert (await once(City([]), "unsafe", since=9)).contact is Contact.NONE
    assert (await once(City([], [None]), "query_first", since=1)).contact is Contact.ANSWERED
    assert (await once(City([], [UNAVAILABLE]), "query_first", since=9)).contact is Contact.FAILED


async def test_after_the_last_try_a_person_takes_over() -> None:
    outcome = await once(City([AMBIGUOUS]), tries=2)
    assert isinstance(outcome, Held)
    assert outcome.detail.startswith("Out of tries")
