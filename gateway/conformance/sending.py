"""投递: sends as the gateway does: later where the city says later, again or asked first where an answer is unclear."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from adapters.contract import Adapter, FileSource
from adapters.profile import Duplicates
from schemas.errors import CrossCityError, PartnerAmbiguous, PartnerUnavailable
from schemas.message import Acknowledgement, FollowUp, OutboundMessage

_TRIES = 3
_LONGEST_WAIT_S = 20.0
_GUARD_S = 5.0


@dataclass(slots=True)
class Told:
    """What the city has said so far besides yes."""

    later: int = 0
    """Answers that mean later."""
    later_kept: int = 0
    """Waits after which it took the message."""
    later_broken: int = 0
    """Messages it did not take after as many waits as we have patience for."""
    too_long_s: float = 0.0
    """A wait it asked for that is longer than we have patience for."""
    unclear: list[str] = field(default_factory=list)
    """Our applications of which an answer was lost or unreadable."""


@dataclass(frozen=True, slots=True)
class Sender:
    """投递 to one city."""

    adapter: Adapter
    told: Told

    async def deliver(self, message: OutboundMessage, files: FileSource) -> Acknowledgement:
        """Hand an application over. Raises what the adapter raises when patience ends."""
        profile = self.adapter.profile

        async def again() -> Acknowledgement | None:
            if profile.duplicates is Duplicates.QUERY_FIRST:
                await asyncio.sleep(min(profile.limits.settle_s, _LONGEST_WAIT_S))
                return await self.adapter.find(message)
            return None

        unsafe = profile.duplicates is Duplicates.UNSAFE
        send = partial(self.adapter.deliver, message, files)
        return await self._patiently(str(message.application_id), send, None if unsafe else again)

    async def follow_up(self, message: FollowUp, files: FileSource) -> Acknowledgement:
        """Hand a supplement or a withdrawal over."""

        async def again() -> None:
            return None

        idempotent = self.adapter.profile.duplicates is Duplicates.IDEMPOTENT
        send = partial(self.adapter.follow_up, message, files)
        return await self._patiently(str(message.application_id), send, again if idempotent else None)

    async def _patiently(
        self,
        application_id: str,
        send: Callable[[], Awaitable[Acknowledgement]],
        again: Callable[[], Awaitable[Acknowledgement | None]] | None,
    ) -> Acknowledgement:
        waited = False
        for left in reversed(range(_TRIES)):
            try:
                acknowledgement = await self._guarded(send)
            except PartnerUnavailable as error:
                waited = await self._wait(error, left)
            except PartnerAmbiguous:
                self.told.unclear.append(application_id)
                if again is None or left == 0:
                    raise
                if (found := await again()) is not None:
                    return found
            else:
                self.told.later_kept += waited
                return acknowledgement
        raise AssertionError("the last try returns or raises")

    async def _wait(self, error: PartnerUnavailable, left: int) -> bool:
        """Wait as the city asks; whether it asked. Raises the error when patience ends."""
        asked = error.retry_after_s is not None
        self.told.later += asked
        wait_s = error.retry_after_s if error.retry_after_s is not None else 1.0
        if wait_s > _LONGEST_WAIT_S:
            self.told.too_long_s = max(self.told.too_long_s, wait_s)
            raise error
        if left == 0:
            self.told.later_broken += asked
            raise error
        await asyncio.sleep(wait_s)
        return asked

    async def _guarded(self, send: Callable[[], Awaitable[Acknowledgement]]) -> Acknowledgement:
        """An adapter keeps its own limit; a little later it is cut off."""
        try:
            async with asyncio.timeout(self.adapter.profile.limits.timeout_s + _GUARD_S):
                return await send()
        except TimeoutError:
            raise PartnerAmbiguous("The partner did not answer in time.", "对方未在时限内应答。") from None


def say(error: CrossCityError) -> str:
    """An error as a report shows it; a partner's own status or code beside our sentence."""
    facts = {name: error.facts[name] for name in ("status", "partner_code", "limit_bytes") if name in error.facts}
    listed = " ".join(f"{name}={value}" for name, value in facts.items())
    return f"{error.code}: {error.detail_zh} {error.detail}{f' ({listed})' if listed else ''}"
