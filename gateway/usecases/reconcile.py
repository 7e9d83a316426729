"""对账: compare one city's list of one day's cases with ours, and note what differs.

The list is read first and our cases after it, so that what changes meanwhile is seen as changed here. A case that the
city may have taken on another day (it was received before midnight, or the city was away) is looked for in the lists of
the days in between. Everything found is written in one transaction with the end of the run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import structlog

from adapters.contract import Adapter, DigestExchange
from gateway.domain.days import beijing_day
from gateway.domain.reconciliation import (
    DIGESTED,
    LOCAL,
    Difference,
    Kind,
    Sending,
    compare,
    local_differences,
    odd_states,
)
from gateway.domain.reconciliation_digest import bucket_of, comparable, differing, numbers_of
from gateway.evidence.chain import milliseconds
from gateway.storage import compared_cases, reconciliation
from gateway.storage.compared_cases import ComparedCase
from gateway.storage.database import Database
from gateway.storage.reconciliation import Run
from gateway.usecases.reconcile_findings import Found, callable_peer, note_findings
from gateway.usecases.reconcile_sides import digest_of, handed_over, histories, our_cases
from schemas.errors import CrossCityError, PartnerProtocol
from schemas.message import ListedCase

log = structlog.get_logger()
_MARGIN = timedelta(minutes=15)
"""Clocks differ, and a send takes its time: so close to midnight both days count."""
_MOST_DAYS = 31


@dataclass(frozen=True, slots=True)
class Reconciling:
    """What a run is given."""

    db: Database
    adapters: Mapping[str, Adapter]
    own_city: str
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    overdue_s: float = 24 * 3600.0
    """How long a case may wait here, or a supplement stay without effect, before that is a finding."""
    serves: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Profile → the cities behind it, itself included; a hub is compared once, for all its cities."""

    def decided_by(self, city: str) -> frozenset[str]:
        """The cities whose cases a run of `city` is about."""
        return self.serves.get(city, frozenset((city,)))

    def now_ms(self) -> int:
        """Now in milliseconds."""
        return milliseconds(self.now())


@dataclass(slots=True)
class _Seen:
    """What one run has seen so far."""

    run: Run
    differences: list[Difference] = field(default_factory=list)
    cases: dict[str, ComparedCase] = field(default_factory=dict)
    kinds: frozenset[Kind] = LOCAL
    """Kinds this run can say of every case that it is not so."""
    buckets: frozenset[int] | None = frozenset()
    """Where it can say so of the other kinds; None = everywhere."""
    in_motion: frozenset[str] = frozenset()
    """Cases that changed meanwhile, or are being sent again: nothing can be said of them now."""

    def excludes(self, finding: reconciliation.Finding) -> bool:
        """Whether a finding this run did not see is thereby gone."""
        kind = Kind(finding.kind)
        if finding.application_id in self.in_motion and kind not in LOCAL:
            return False
        if kind in self.kinds:
            return True
        return self.buckets is None or bucket_of(finding.application_id) in self.buckets


async def reconcile(given: Reconciling, city: str, day: date, *, by: str) -> Run:
    """One run. A city that cannot be compared is SKIPPED or FAILED, with the reason; our own books are looked at."""
    run = Run(given.new_id(), city, given.own_city, day.isoformat(), given.now_ms(), by)
    async with given.db.transaction() as tx:
        await reconciliation.begin_run(tx, run)
    seen = _Seen(run)
    try:
        await _compare(given, seen, city, day)
    except CrossCityError as error:
        run.state, run.code = "FAILED", error.code
    except Exception:
        log.exception("reconciliation.crashed", city=city, day=run.day)
        run.state, run.code = "FAILED", "gateway.internal"
    await _look_at_our_own(given, seen, city, day)
    run.ended_at_ms = given.now_ms()
    found = Found(seen.differences, seen.cases, seen.excludes)
    await note_findings(given.db, run, found, given.adapters.get(city), given.new_id)
    log.info("reconciliation.ended", city=city, day=run.day, state=run.state, code=run.code, **run.counts)
    return run


async def _compare(given: Reconciling, seen: _Seen, city: str, day: date) -> None:
    adapter = given.adapters.get(city)
    if adapter is None:
        seen.run.state, seen.run.code = "SKIPPED", "not_connected"
    elif adapter.profile.via is not None:
        seen.run.state, seen.run.code = "SKIPPED", "by_hub"
    elif not _lists(adapter):
        seen.run.state, seen.run.code = "SKIPPED", "no_listing"
    elif not isinstance(adapter, DigestExchange) or not await _by_digest(given, seen, adapter, city, day):
        await _by_listing(given, seen, adapter, city, day)


def _lists(adapter: Adapter) -> bool:
    """Whether the city can be asked for its list."""
    section = getattr(adapter.profile, adapter.profile.transport.value, None)
    return callable_peer(adapter.profile) or getattr(section, "listing", None) is not None


async def _by_digest(given: Reconciling, seen: _Seen, adapter: DigestExchange, city: str, day: date) -> bool:
    """False where the peer offers no digest."""
    asked_at_ms = given.now_ms()
    theirs = await adapter.digest(day)
    if theirs is None:
        return False
    ours = await digest_of(given.db, given.own_city, city, day)
    if not comparable(ours, theirs):
        raise PartnerProtocol("The peer's digest is not that of this day.", "对方的对账摘要与该日不符。")
    buckets = differing(ours, theirs)
    seen.run.compared = "digest"
    seen.run.digests = {"ours": ours.sha256, "theirs": theirs.sha256}
    seen.run.counts |= {"theirs": theirs.count, "buckets": len(buckets)}
    lines = await adapter.listing_part(day, buckets) if buckets else ()
    cases = await compared_cases.of_day(given.db, [city], numbers_of(day))
    mine = [one for one in cases if one.collecting_city == given.own_city and bucket_of(one.application_id) in buckets]
    await _hold_against(given, seen, mine, lines, asked_at_ms=asked_at_ms, live=True)
    seen.kinds, seen.buckets = LOCAL | DIGESTED, buckets
    return True


async def _by_listing(given: Reconciling, seen: _Seen, adapter: Adapter, city: str, day: date) -> None:
    asked_at_ms = given.now_ms()
    lines = list(await adapter.listing(day))
    cases = await compared_cases.of_day(given.db, given.decided_by(city), numbers_of(day))
    listed = {str(line.application_id) for line in lines}
    lacking = {one.application_id: one for one in cases if handed_over(one) and one.application_id not in listed}
    for other in _other_days(lacking.values(), day, beijing_day(given.now())):
        if not lacking:
            break
        found = [line for line in await adapter.listing(other) if str(line.application_id) in lacking]
        lines += found
        for line in found:
            lacking.pop(str(line.application_id), None)
    seen.run.compared = "listing"
    seen.run.counts["theirs"] = len(lines)
    live = adapter.profile.peer_gateway is not None
    await _hold_against(given, seen, cases, lines, asked_at_ms=asked_at_ms, live=live)
    seen.buckets = None


def _other_days(cases: Iterable[ComparedCase], day: date, today: date) -> list[date]:
    """The days besides `day` on which the city may have taken one of these cases, earliest first; the latest 31."""
    days: set[date] = set()
    for case in cases:
        first = beijing_day(_moment(case.received_at_ms) - _MARGIN)
        last = min(today, beijing_day(_moment(case.pushed_at_ms or case.updated_at_ms) + _MARGIN))
        days |= {last - timedelta(days=back) for back in range(min(_MOST_DAYS, (last - first).days + 1))}
    return sorted(days - {day})[-_MOST_DAYS:]


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


async def _hold_against(
    given: Reconciling,
    seen: _Seen,
    cases: Sequence[ComparedCase],
    lines: Sequence[ListedCase],
    *,
    asked_at_ms: int,
    live: bool = False,
) -> None:
    """Read our cases after the list, those the lines name on top, and compare."""
    here = {case.application_id: case for case in cases}
    others = {str(line.application_id) for line in lines} - here.keys()
    read = [*cases, *await compared_cases.by_ids(given.db, given.decided_by(seen.run.city), sorted(others))]
    seen.cases |= {case.application_id: case for case in read}
    now_ms = given.now_ms()
    ours = await our_cases(given.db, read, asked_at_ms=asked_at_ms, now_ms=now_ms)
    known = await histories(given.db, odd_states(ours, lines), now_ms=now_ms, unanswered_s=given.overdue_s)
    seen.in_motion = frozenset(one for one, case in ours.items() if case.moved or case.sending is Sending.READY)
    expected = [one for one in here if ours[one].handed_over and one not in seen.in_motion]
    found = compare(ours, lines, expected=expected, histories=known, live=live)
    seen.differences += found.differences
    seen.run.counts |= {"ours": len(expected), "behind": found.behind}


async def _look_at_our_own(given: Reconciling, seen: _Seen, city: str, day: date) -> None:
    cases = await compared_cases.of_day(given.db, given.decided_by(city), numbers_of(day))
    at_the_console = {one.application_id for one in cases if one.direction == "inbound" and not handed_over(one)}
    waiting = [one for one in cases if one.application_id not in at_the_console or one.sending is not None]
    seen.cases |= {case.application_id: case for case in cases}
    now_ms = given.now_ms()
    ours = await our_cases(given.db, waiting, asked_at_ms=now_ms, now_ms=now_ms)
    seen.differences += local_differences(ours.values(), overdue_s=given.overdue_s)
