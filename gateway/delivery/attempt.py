"""一次投递: one try at the partner, quick retries included. The only place that uses tenacity.

After an unclear send the profile's `duplicates` decides: idempotent → send again; query_first → ask the partner,
and send again only if it says it has nothing and can no longer book the earlier one (`settle_s`); unsafe → a person.
A city can only be asked about applications: an unclear supplement or withdrawal goes to a person unless the city is
idempotent. Progress told to a peer may always be told again.

A city that asks for patience (Retry-After) works: such a try uses up none of the message's tries and is no failure.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from adapters.contract import Adapter, FileSource
from gateway.delivery.outcome import Contact, Deferred, Delivered, Held, Outcome
from gateway.domain.backoff import DEFAULT_DELAYS_S, next_delay
from schemas.errors import CrossCityError, PartnerAmbiguous, PartnerRefused, PartnerUnavailable
from schemas.message import Acknowledgement, FollowUp, OutboundMessage, ProgressReport

_QUICK_TRIES = 2
_GUARD_S = 5.0
"""An adapter keeps its own time limit; this much later it is cut off."""
_LONGEST_PATIENCE_S = 60.0
"""A Retry-After is honoured up to here; after that a single message asks again."""


Sendable = OutboundMessage | FollowUp | ProgressReport
"""What a lane hands to a city: an application, what follows it, or progress for the city that collected it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how a city is tried."""

    duplicates: str
    timeout_s: float
    settle_s: float
    delays_s: Sequence[float] = DEFAULT_DELAYS_S


def _worth_a_quick_retry(error: BaseException) -> bool:
    return isinstance(error, PartnerUnavailable) and error.retry_after_s is None


async def _guarded(call: Callable[[], Awaitable[Acknowledgement]], timeout_s: float) -> Acknowledgement:
    try:
        async with asyncio.timeout(timeout_s + _GUARD_S):
            return await call()
    except TimeoutError:
        raise PartnerAmbiguous("The partner did not answer in time.", "对方未在时限内应答。") from None


def policy_for(message: Sendable, policy: Policy) -> Policy:
    """What an unclear send of this kind of message may lead to at a city with this policy."""
    if isinstance(message, ProgressReport):
        return replace(policy, duplicates="idempotent")
    if isinstance(message, FollowUp) and policy.duplicates == "query_first":
        return replace(policy, duplicates="unsafe")
    return policy


async def _hand_over(adapter: Adapter, message: Sendable, files: FileSource) -> Acknowledgement:
    if isinstance(message, OutboundMessage):
        return await adapter.deliver(message, files)
    if isinstance(message, FollowUp):
        return await adapter.follow_up(message, files)
    await adapter.report(message)
    return Acknowledgement()


async def send(adapter: Adapter, message: Sendable, files: FileSource, policy: Policy) -> Acknowledgement:
    """Deliver; a connection that failed before anything was sent is tried again within seconds."""

    async def call() -> Acknowledgement:
        return await _hand_over(adapter, message, files)

    try:
        # outside tenacity: a retrying object costs more than the rest of a first try
        return await _guarded(call, policy.timeout_s)
    except PartnerUnavailable as error:
        if not _worth_a_quick_retry(error):
            raise
    retrying = AsyncRetrying(
        stop=stop_after_attempt(_QUICK_TRIES),
        wait=wait_exponential_jitter(multiplier=0.1, max=1.0, jitter=0.2),
        retry=retry_if_exception(_worth_a_quick_retry),
        reraise=True,
    )
    return await retrying(_guarded, call, policy.timeout_s)


async def attempt(
    adapter: Adapter,
    message: Sendable,
    files: FileSource,
    policy: Policy,
    *,
    tries: int,
    since_unclear_s: float | None,
    jitter: float,
    mark: Callable[[], Awaitable[None]],
) -> Outcome:
    """One try. `since_unclear_s` = seconds since an earlier send whose answer is missing ended; None = there was none.

    `mark` notes durably that a send begins; it is awaited before the first byte of every send to a city where that
    matters.
    """
    policy = policy_for(message, policy)
    try:
        if since_unclear_s is not None and policy.duplicates != "idempotent":
            early = await _before_resend(adapter, message, policy, since_unclear_s, tries=tries, jitter=jitter)
            if early is not None:
                return early
        if policy.duplicates != "idempotent":
            await mark()
        return Delivered(await send(adapter, message, files, policy))
    except CrossCityError as error:
        return outcome_of(error, policy, tries=tries, jitter=jitter)


async def _before_resend(
    adapter: Adapter, message: Sendable, policy: Policy, since_unclear_s: float, *, tries: int, jitter: float
) -> Outcome | None:
    if policy.duplicates == "unsafe" or not isinstance(message, OutboundMessage):
        detail = "Sent once without a clear answer; this city may not be sent it again."
        return Held("partner.ambiguous", detail, unclear=True)
    try:
        async with asyncio.timeout(policy.timeout_s + _GUARD_S):
            found = await adapter.find(message)
    except TimeoutError:
        silent = PartnerUnavailable("The partner did not answer in time.", "对方未在时限内应答。")
        return _not_asked(silent, policy, tries=tries, jitter=jitter)
    except CrossCityError as error:
        return _not_asked(error, policy, tries=tries, jitter=jitter)
    if found is not None:
        return Delivered(found)
    remaining_s = policy.settle_s - since_unclear_s
    if remaining_s > 0:
        detail = "The partner has nothing yet, but may still book the earlier send."
        return Deferred(
            remaining_s + 0.05,
            "partner.ambiguous",
            detail,
            counts=False,
            unclear=True,
            sent=False,
            contact=Contact.ANSWERED,
        )
    return None


def _not_asked(error: CrossCityError, policy: Policy, *, tries: int, jitter: float) -> Outcome:
    """The partner could not say whether it has the message: ask later, whatever the reason."""
    detail = "The partner could not be asked whether it has the message."
    contact, pause_s = _contact(error)
    wait_s = next_delay(tries + 1, jitter=jitter, delays_s=policy.delays_s, retry_after_s=pause_s or None)
    if wait_s is None:
        return Held(error.code, f"Out of tries. {detail}", unclear=True, contact=contact, pause_s=pause_s)
    counts = contact is not Contact.BUSY
    return Deferred(
        wait_s, error.code, detail, counts=counts, unclear=True, sent=False, contact=contact, pause_s=pause_s
    )


def _contact(error: CrossCityError) -> tuple[Contact, float]:
    """What an error says about the city, and how long it wants to be left alone."""
    if isinstance(error, PartnerUnavailable) and error.retry_after_s is not None:
        return Contact.BUSY, min(error.retry_after_s, _LONGEST_PATIENCE_S)
    if isinstance(error, PartnerUnavailable | PartnerAmbiguous):
        return Contact.FAILED, 0.0
    return (Contact.ANSWERED if isinstance(error, PartnerRefused) else Contact.NONE), 0.0


def outcome_of(error: CrossCityError, policy: Policy, *, tries: int, jitter: float) -> Outcome:
    """What an error of a try means for the message. Anything that sending again cannot mend goes to a person."""
    unclear = isinstance(error, PartnerAmbiguous)
    contact, pause_s = _contact(error)
    if isinstance(error, PartnerRefused) or not error.retryable:
        return Held(error.code, error.detail, contact=contact)
    if unclear and policy.duplicates == "unsafe":
        return Held(error.code, error.detail, unclear=True, contact=contact)
    retry_after_s = error.retry_after_s if isinstance(error, PartnerUnavailable) else None
    wait_s = next_delay(tries + 1, jitter=jitter, delays_s=policy.delays_s, retry_after_s=retry_after_s)
    if wait_s is None:
        return Held(error.code, f"Out of tries. {error.detail}", unclear=unclear, contact=contact, pause_s=pause_s)
    counts = contact is not Contact.BUSY
    return Deferred(wait_s, error.code, error.detail, counts=counts, unclear=unclear, contact=contact, pause_s=pause_s)
