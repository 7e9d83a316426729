"""Cases put into a database as intake and delivery leave them, and a city that lists what a test says."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any, cast
from uuid import UUID

from adapters.contract import Adapter, Collected
from adapters.profile import CityProfile
from gateway.cli.processes import ROOT
from gateway.domain.days import BEIJING
from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation_digest import bucket_of, digest
from gateway.evidence.chain import Data, milliseconds
from gateway.evidence.recording import record
from gateway.storage import cases, outbox
from gateway.storage.compression import pack
from gateway.storage.database import Database
from gateway.usecases.read_profiles import read_profiles
from gateway.usecases.reconcile import Reconciling
from schemas.errors import CrossCityError
from schemas.message import Acknowledgement, ListedCase, OutboundMessage, Outcome, Step
from schemas.reconciliation import CaseDigest

CITY, OWN = "441500", "445200"
DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=BEIJING)
NEXT_NIGHT = datetime(2026, 11, 24, 2, 30, tzinfo=BEIJING)
_TAILS = count(1)


def number_at(moment: datetime) -> str:
    """A case number with this moment in it."""
    return str(UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | next(_TAILS)))


async def put_case(
    db: Database,
    stage: Stage = Stage.ARRIVED,
    *,
    received: datetime = NOON,
    pushed: datetime | None = NOON,
    city: str = CITY,
    collecting: str = OWN,
    direction: str = "outbound",
    case_number: str | None = None,
    outcome: Outcome | None = None,
    told: tuple[Step, ...] = (),
) -> str:
    """A case of ours; `told` are the steps the city reported, each an hour after the one before."""
    number = number_at(received)
    case = _case(number, stage, received, city, collecting, direction, case_number, outcome)
    async with db.transaction() as tx:
        await tx.insert(cases.INSERT_APPLICATIONS, [[*case.values(), pack(b"{}")]])
        if pushed is not None:
            data: Data = {"message_id": f"m-{number}", "duplicate": False}
            if case_number is not None:
                data["case_number"] = case_number
            await _event(tx, case, Step.PUSHED, pushed, "transit", data)
        for hours, step in enumerate(told, 1):
            await _event(tx, case, step, received + timedelta(hours=hours), "deciding", {})
        await cases.update(tx, [case])
    return number


async def _event(tx: Any, case: cases.Case, step: Step, at: datetime, side: str, data: Data) -> None:
    at_ms = milliseconds(at)
    await record(tx, case, step, occurred_at_ms=at_ms, recorded_at_ms=at_ms, side=side, data=data)


def _case(
    number: str,
    stage: Stage,
    received: datetime,
    city: str,
    collecting: str,
    direction: str,
    case_number: str | None,
    outcome: Outcome | None,
) -> cases.Case:
    return cases.Case(
        application_id=number,
        caller="w",
        item_code="002017900002",
        task_code="t",
        item_version=1,
        item_name="演示事项",
        project_type="PROMISED",
        mode="ONLINE",
        applicant_division=OWN,
        collecting_city=collecting,
        deciding_city=city,
        agreement_id="a",
        direction=direction,
        state=stage.value,
        needs_review=0,
        case_number=case_number,
        outcome=outcome.value if outcome else None,
        received_at_ms=milliseconds(received),
        updated_at_ms=milliseconds(received),
        last_seq=0,
        last_hash="",
        item_revision=1,
        item_dialect="d@1",
    )


async def put_message(db: Database, number: str, *, state: str = "ready", code: str | None = None) -> None:
    """The application, waiting in the outbox."""
    entry = outbox.Entry(
        message_id=f"m-{number}",
        application_id=number,
        sequence=1,
        city=CITY,
        kind="SUBMIT",
        content=None,
        state=state,
        owner=None,
        available_at_ms=0,
        created_at_ms=5,
        last_code=code,
    )
    async with db.transaction() as tx:
        await tx.insert(outbox.INSERT_OUTBOX, [entry.values()])


@cache
def profiles() -> dict[str, CityProfile]:
    """The shipped profiles."""
    return dict(read_profiles(ROOT / "seeds" / "cities", {}))


@dataclass
class ListedCity:
    """A city that lists what a test says. It can do what its profile says, and nothing else."""

    profile: CityProfile
    lists: dict[date, list[ListedCase]] = field(default_factory=dict)
    failure: CrossCityError | None = None
    asked: list[date] = field(default_factory=list)
    pages: list[Collected] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    found: Acknowledgement | None = None

    def lists_on(self, day: date, number: str, step: Step = Step.ARRIVED, **more: Any) -> None:
        """One more line."""
        self.lists.setdefault(day, []).append(ListedCase(application_id=UUID(number), step=step, **more))

    async def listing(self, day: date) -> tuple[ListedCase, ...]:
        self.asked.append(day)
        if self.failure is not None:
            raise self.failure
        return tuple(self.lists.get(day, ()))

    async def collect(self, cursor: str | None) -> Collected:
        self.cursors.append(cursor)
        if self.failure is not None:
            raise self.failure
        return self.pages[int(cursor or 0)]

    async def find(self, message: OutboundMessage) -> Acknowledgement | None:
        return self.found


class DigestingCity(ListedCity):
    """A peer: it compares by digest, and lists only the buckets that are asked for."""

    spoilt: CaseDigest | None = None
    makes_digests = True

    async def digest(self, day: date) -> CaseDigest | None:
        if not self.makes_digests:
            return None
        words = [(str(one.application_id), _word(one)) for one in self.lists.get(day, ())]
        return self.spoilt or digest(OWN, self.profile.code, day, words)

    async def listing_part(self, day: date, buckets: Collection[int]) -> tuple[ListedCase, ...]:
        self.asked.append(day)
        return tuple(one for one in self.lists.get(day, ()) if bucket_of(str(one.application_id)) in buckets)


def _word(line: ListedCase) -> str:
    return line.step.value if line.outcome is None else f"{line.step}/{line.outcome}"


@dataclass
class Clock:
    """A clock that a test sets."""

    moment: datetime = NEXT_NIGHT

    def now(self) -> datetime:
        return self.moment.astimezone(UTC)


def new_id() -> str:
    """One after the other."""
    return f"0193b000-0000-7000-8000-{next(_TAILS):012d}"


def reconciling(db: Database, *cities: ListedCity, clock: Clock | None = None, **more: Any) -> Reconciling:
    """What a run is given, with these cities connected."""
    adapters = {city.profile.code: cast("Adapter", city) for city in cities}
    return Reconciling(db, adapters, OWN, new_id, (clock or Clock()).now, **more)
