"""对账清单 for a peer: the cases it handed in and we decide, by the Beijing day written in their numbers."""

from datetime import date

from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation_digest import LISTED, numbers_of
from gateway.storage import peers
from gateway.storage.database import Database
from schemas.message import ListedCase


async def listing_page(db: Database, cities: tuple[str, str], day: date, after: str, limit: int) -> list[ListedCase]:
    """A page of the cases of (deciding, collecting) of one day, by number."""
    begins, ends = numbers_of(day)
    rows = await peers.listed(db, cities, (max(after, begins), ends), limit)
    return [
        ListedCase(application_id=row[0], case_number=row[1], step=LISTED[Stage(row[2])], outcome=row[3])
        for row in rows
    ]
