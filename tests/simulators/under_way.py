"""Cases under way in a city: who waits for a supplement, who can still take an application back."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from tests.simulators import clock
from tests.simulators.books import Books
from tests.simulators.progress import Moment, Plans

ENDED = frozenset({"DECIDED", "REJECTED", "RETURNED", "WITHDRAWN"})


def followed(plans: Plans, codes: Mapping[str, str]) -> Plans:
    """`plans` with the outcomes "asks" and "forwarded", in the city's codes; a step without a code is not told."""

    def steps(*names: str) -> Sequence[tuple[str, str]]:
        return tuple((name, codes[name]) for name in names if name in codes)

    asks = steps("ARRIVED", "SUPPLEMENT_ASKED", "SUPPLEMENT_GIVEN", "ACCEPTED", "DECIDED")
    forwarded = steps("ARRIVED", "FORWARDED", "ARRIVED_ANEW", "ACCEPTED", "DECIDED")
    plain = tuple((name.removesuffix("_ANEW"), code) for name, code in forwarded)
    return {**plans, "asks": asks, "forwarded": plain}


class UnderWay:
    """`books` say how far a case is, also after a restart."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._answered: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._walks: dict[str, asyncio.Task[None]] = {}

    def begin(self, our_ref: str, tasks: asyncio.TaskGroup, walking: Coroutine[Any, Any, None]) -> None:
        self._walks[our_ref] = tasks.create_task(walking)

    async def answered(self, our_ref: str) -> None:
        """Until a supplement has come; one that came early counts."""
        await self._answered[our_ref].wait()

    def supplement(self, our_ref: str) -> None:
        self._answered[our_ref].set()

    def has_ended(self, our_ref: str) -> bool:
        return not ENDED.isdisjoint(self._books.steps_of(our_ref))

    def withdraw(self, our_ref: str, code: str) -> Moment:
        """Ends the case's walk; the step to be told."""
        walk = self._walks.pop(our_ref, None)
        if walk is not None:
            walk.cancel()
        return Moment(len(self._books.steps_of(our_ref)) + 1, "WITHDRAWN", code, clock.now())
