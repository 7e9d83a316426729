"""提示: what a window should know about an item before it submits; compared once for each pair of revisions."""

from dataclasses import dataclass, field
from datetime import date

from gateway.domain.differences import warnings_for
from gateway.storage.database import Database
from gateway.storage.items import ItemCache, Offered
from schemas.application import Warning as Hint

_MOST = 20_000


@dataclass(slots=True)
class WindowWarnings:
    """提示缓存 for one generation of the catalogue: comparing two items costs some hundred microseconds."""

    items: ItemCache
    _known: dict[tuple[str, int, date], tuple[Hint, ...]] = field(default_factory=dict)

    async def get(self, db: Database, collecting_city: str, offered: Offered, today: date) -> tuple[Hint, ...]:
        """Where the deciding city asks more than the collecting city's own item; empty where the latter has none."""
        key = (collecting_city, offered.head.item_id, today)
        known = self._known.get(key)
        if known is None:
            own = await self.items.get(db, collecting_city, offered.head.item_code, today)
            known = () if own is None else warnings_for(own.item, offered.item)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = known
        return known
