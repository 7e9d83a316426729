"""对账清单 for a peer: the cases it handed in and we decide, by the Beijing day written in their numbers."""

from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

from gateway.domain.days import BEIJING
from gateway.domain.lifecycle import Stage
from gateway.storage import peers
from gateway.storage.database import Database
from schemas.message import ListedCase, Step

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_STEP = MappingProxyType(
    {
        Stage.SUPPLEMENT: Step.SUPPLEMENT_ASKED,
        Stage.SUSPENDED: Step.SPECIAL_STARTED,
        Stage.CLOSED: Step.DELIVERED,
    }
)
"""Stages that are not named like the step that leads to them."""


def _first_number(day: date) -> str:
    """The least number (UUIDv7) a case of this Beijing day can have."""
    began_ms = (datetime.combine(day, time(), BEIJING) - _EPOCH) // timedelta(milliseconds=1)
    text = f"{max(0, began_ms):012x}"
    return f"{text[:8]}-{text[8:]}-"


async def listing_page(db: Database, cities: tuple[str, str], day: date, after: str, limit: int) -> list[ListedCase]:
    """A page of the cases of (deciding, collecting) of one day, by number."""
    begins = _first_number(day)
    ends = _first_number(day + timedelta(days=1)) if day < date.max else "g"
    rows = await peers.listed(db, cities, (max(after, begins), ends), limit)
    return [
        ListedCase(application_id=row[0], case_number=row[1], step=_step(Stage(row[2])), outcome=row[3]) for row in rows
    ]


def _step(stage: Stage) -> Step:
    return _LAST_STEP.get(stage) or Step(stage.value)
