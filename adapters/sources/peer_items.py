"""对方事项: the items a peer's city offers, in our own form, page by page over the peer protocol."""

from collections.abc import AsyncIterator

from adapters.contract import AdapterContext
from adapters.faults import undescribed
from adapters.normalization.source import Source
from adapters.peer_client import PeerClient
from adapters.profile import CityProfile
from adapters.sources.record import Counter, Place, Progress, Record
from schemas.errors import PartnerProtocol

MOST_PAGES = 20_000
_PATH = "/v1/peer/items"


async def read_peer_items(
    source: Source, profile: CityProfile, context: AdapterContext, *, progress: Progress | None = None
) -> AsyncIterator[Record]:
    """Every item; places are `第2页第17条`.

    SourceUnreadable where the profile has no peer that can be called, or the rows exceed `max_rows`; the errors of
    adapters/contract.py for what the peer answers. Nothing is tried again here.
    """
    place, operations = Place(f"{profile.code} items"), profile.peer_gateway
    if operations is None or operations.url is None:
        raise place.error("the peer cannot be called", "不能调用该对方网关")
    client = PeerClient(profile, operations, context)
    counter = Counter(place, source.max_rows, progress, lambda: (counter.count, source.max_rows))
    try:
        after = ""
        for number in range(1, MOST_PAGES + 1):
            page = await client.ask(_PATH, after=after, limit=operations.limit)
            rows = page.get("data") if isinstance(page, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise undescribed()
            for index, row in enumerate(rows, 1):
                yield Record(row, f"第{number}页第{index}条")
                counter.add()
            following = page.get("next")
            if not isinstance(following, str) or following <= after:
                return
            after = following
        raise PartnerProtocol(
            f"The peer's items do not end after {MOST_PAGES} pages.", f"对方事项在{MOST_PAGES}页后仍未结束。"
        )
    finally:
        await client.close()
