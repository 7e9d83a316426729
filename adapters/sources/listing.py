"""分页接口: the records of a REST listing, page by page, over the city's own channel and signatures."""

from collections.abc import AsyncIterator
from typing import Any

from adapters.calls import Target
from adapters.contract import AdapterContext
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.faults import no_words, undescribed, unreadable
from adapters.http_channel import Channel
from adapters.judging import compiled_judge
from adapters.normalization.source import Listing, Source
from adapters.profile import CityProfile
from adapters.rest_operations import Call
from adapters.sources.record import Counter, Place, Progress, Record
from schemas.errors import PartnerProtocol

MOST_PAGES = 20_000


async def read_listing(
    source: Source, profile: CityProfile, context: AdapterContext, *, progress: Progress | None = None
) -> AsyncIterator[Record]:
    """Every row of the listing, in its order; places are `第2页第17条`.

    SourceUnreadable where the profile has no REST section or the rows exceed `max_rows`; the errors of
    adapters/contract.py for what the city answers. Nothing is tried again here.
    """
    place = Place(f"{profile.code} listing")
    listing, rest = source.listing, profile.rest
    if listing is None or rest is None:
        raise place.error("the profile has no rest section to read it with", "城市配置缺少rest段落，无法读取分页接口")
    pages = _Pages(listing, profile)
    answers, outcomes = (listing.answers, None) if listing.answers is not None else (rest.answers, rest.outcomes)
    judge = compiled_judge(answers, outcomes, profile.compiler(), ("catalogue", "source", "listing"))
    channel = Channel(profile, profile.auth, context, judge)
    counter = Counter(place, source.max_rows, progress, lambda: (counter.count, source.max_rows))
    try:
        async for number, rows in pages.read(channel):
            for index, row in enumerate(rows, 1):
                if not isinstance(row, dict):
                    raise undescribed()
                yield Record(row, f"第{number}页第{index}条")
                counter.add()
    finally:
        await channel.close()


class _Pages:
    def __init__(self, listing: Listing, profile: CityProfile) -> None:
        compiler = profile.compiler()
        base = profile.rest.url if profile.rest is not None else ""
        place = ("catalogue", "source", "listing")
        self._listing = listing
        self._target = Target(base, Call(path=listing.path, query=listing.query), compiler, place)
        self._rows = compiler.expression(listing.rows, (*place, "rows"))
        self._next = compiler.expression(listing.next, (*place, "next"))

    async def read(self, channel: Channel) -> AsyncIterator[tuple[int, list[Any]]]:
        """Page number and rows, until the cursor is null, empty or one that was there before."""
        cursor, seen = self._listing.start, {self._listing.start}
        for number in range(1, MOST_PAGES + 1):
            answer = await channel.ask(self._url(cursor))
            if answer.meaning == "absent":
                return
            rows, following = _part(self._rows, answer.body), _part(self._next, answer.body)
            if not isinstance(rows, list) or isinstance(following, dict | list):
                raise undescribed()
            yield number, rows
            cursor = "" if following is None else str(following)
            if not cursor or cursor in seen:
                return
            seen.add(cursor)
        raise PartnerProtocol(
            f"The partner city's listing does not end after {MOST_PAGES} pages.",
            f"对方城市的分页接口在{MOST_PAGES}页后仍未结束。",
        )

    def _url(self, cursor: str) -> Any:
        try:
            return self._target.url({"cursor": cursor, "limit": self._listing.limit})
        except Unmappable as error:
            raise no_words(error) from None


def _part(expression: Evaluate, body: Any) -> Any:
    try:
        return expression(body)
    except Unmappable:
        raise unreadable(None) from None
