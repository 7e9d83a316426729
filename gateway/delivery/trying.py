"""试投: one try of one row of the outbox: its message is built, where it is not here yet, and handed to the adapter."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from adapters.contract import Adapter, FileSource
from gateway.delivery.attempt import Policy, Sendable, attempt, outcome_of
from gateway.delivery.breaker import Breaker
from gateway.delivery.lease import Lease
from gateway.delivery.outcome import Contact, Deferred, Delivered, Held, Outcome
from gateway.storage.group_commit import GroupCommit
from gateway.storage.outbox import Entry
from gateway.telemetry import Metrics
from gateway.usecases.complete_delivery import Completion
from schemas.errors import CrossCityError
from schemas.message import MessageKind

log = structlog.get_logger()
_NOT_YET_S = 1.0


@dataclass(frozen=True, slots=True)
class LaneTools:
    """What a lane is given: nothing in it knows a database or a clock by itself."""

    lease: Lease
    completions: GroupCommit[Completion, bool]
    starts: GroupCommit[tuple[int, str, str], bool]
    load: Callable[[Entry], Awaitable[Sendable | None]]
    fetch: Callable[[Adapter, Entry], Awaitable[Delivered]]
    files: FileSource
    claim_next: Callable[[str, str], Awaitable[Entry | None]]
    save_breaker: Callable[[str, Breaker], Awaitable[None]]
    now_ms: Callable[[], int]
    metrics: Metrics


class NotYet(Exception):
    """The message cannot be built yet: a file it names is still on its way here."""


class LeaseLost(Exception):
    """Between being claimed here and being sent, the message became another process's."""


@dataclass(frozen=True, slots=True)
class Tries:
    """Tries of one city's messages."""

    adapter: Adapter
    policy: Policy
    tools: LaneTools

    async def once(self, entry: Entry, message: Sendable | None, started_at_ms: int) -> Outcome:
        """One try; LeaseLost where the message is no longer ours. A fault of our own puts it before a person."""
        try:
            if entry.kind == MessageKind.FETCH:
                return await self.tools.fetch(self.adapter, entry)
            message = message or await self.tools.load(entry)
            if message is None:
                return Held("gateway.internal", "The case of this message is not in the database.")
            unclear_ms = self._unclear_since(entry, started_at_ms)
            return await attempt(
                self.adapter,
                message,
                self.tools.files,
                self.policy,
                tries=entry.tries,
                since_unclear_s=None if unclear_ms is None else (started_at_ms - unclear_ms) / 1000,
                jitter=random.random(),  # noqa: S311 - spreads retries, keeps no secret
                mark=lambda: self._mark(entry),
            )
        except CrossCityError as error:
            return outcome_of(error, self.policy, tries=entry.tries, jitter=0.5)
        except LeaseLost:
            raise
        except NotYet:
            detail = "A result file it names is not here yet."
            return Deferred(_NOT_YET_S, "gateway.waiting", detail, counts=False, sent=False, contact=Contact.NONE)
        except Exception as error:
            log.exception("delivery.crashed", city=self.adapter.profile.code, message_id=entry.message_id)
            return Held("gateway.internal", f"{type(error).__name__} while sending; see the log.", unclear=True)

    def _unclear_since(self, entry: Entry, now_ms: int) -> int | None:
        """When an earlier, unclear send of this message ended at the latest; None = there was none.

        A deferred message carries the moment its try ended. A message found in mid-send was being sent by a process
        that died: its send may have gone on until then, so the partner's settling time counts from now.
        """
        if entry.send_started_ms is not None and entry.send_started_ms >= entry.available_at_ms:
            entry.send_started_ms = now_ms
        return entry.send_started_ms

    async def _mark(self, entry: Entry) -> None:
        """Note durably that a send begins; LeaseLost where the message is no longer ours."""
        now_ms = self.tools.now_ms()
        if not await self.tools.starts.put((now_ms, entry.message_id, self.tools.lease.owner)):
            raise LeaseLost
        entry.send_started_ms = now_ms
