"""记录差异: the same difference on the next day is the same row; what is no longer so closes itself."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from adapters.contract import Adapter
from adapters.profile import CityProfile, Transport
from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation import Difference, Kind
from gateway.domain.reconciliation_acts import Act, CityWays, suggest
from gateway.storage import reconciliation
from gateway.storage.compared_cases import ComparedCase
from gateway.storage.database import Database, Transaction
from gateway.storage.reconciliation import Finding, Run

GONE = "GONE"
"""已消失: how a finding closes that is no longer true."""
_FROM_A_CURSOR = frozenset({Transport.REST, Transport.SOAP, Transport.PEER_GATEWAY})
"""进度可重取: they give the same again when asked from an earlier point; tables and batches do not."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a run has to say. `excludes` = whether a finding it did not see is thereby gone."""

    differences: Sequence[Difference]
    cases: Mapping[str, ComparedCase]
    excludes: Callable[[Finding], bool]


def ways_of(adapter: Adapter | None) -> CityWays:
    """What a city can do; one that is not connected can do nothing."""
    if adapter is None:
        return CityWays("unsafe")
    profile = adapter.profile
    told_again = profile.collection is not None and profile.transport in _FROM_A_CURSOR
    return CityWays(profile.duplicates.value, told_again)


def callable_peer(profile: CityProfile) -> bool:
    """Whether the city is a peer that we can call."""
    return profile.peer_gateway is not None and profile.peer_gateway.url is not None


def difference_of(finding: Finding) -> Difference:
    """The difference a finding stands for."""
    return Difference(
        Kind(finding.kind), finding.application_id, finding.ours, finding.theirs, unanswered=bool(finding.unanswered)
    )


async def note_findings(
    db: Database, run: Run, found: Found, adapter: Adapter | None, new_id: Callable[[], str]
) -> None:
    """Write the end of a run with everything it found. The counts and the state of `run` are filled in."""
    async with db.transaction() as tx:
        opened = {(one.application_id, one.kind): one for one in await reconciliation.lock_open(tx, run.city)}
        done = await reconciliation.acts(tx, [one.finding_id for one in opened.values()])
        accepted = await _accepted_by_persons(tx, run.city, found.differences)
        again: list[Finding] = []
        new: list[Finding] = []
        for difference in found.differences:
            known = opened.get((difference.application_id, difference.kind.value)) or accepted.get(_facts(difference))
            acts = {Act(act.act) for act in done.get(known.finding_id, ())} if known else set()
            finding = known or _new(difference, run, found, new_id())
            case = found.cases.get(difference.application_id)
            stage = None if case is None else Stage(case.state)
            _refresh(finding, difference, run, suggest(difference, ways_of(adapter), stage=stage, done=acts))
            (again if known else new).append(finding)
        gone = _gone(opened.values(), {id(one) for one in again}, run, found)
        await reconciliation.insert(tx, new)
        await reconciliation.seen(tx, again)
        await reconciliation.close(tx, gone)
        still_open = [one for one in (*again, *new) if one.closed_at_ms is None]
        run.counts |= {"found": len(still_open), "new": len(new), "gone": len(gone)}
        if run.state == "RUNNING":
            run.state = "DIFFERENT" if still_open else "CLEAN"
        await reconciliation.end_run(tx, run)


def _facts(difference: Difference) -> tuple[str, str, str | None, str | None]:
    return difference.application_id, difference.kind.value, difference.ours, difference.theirs


async def _accepted_by_persons(
    tx: Transaction, city: str, differences: Sequence[Difference]
) -> dict[tuple[str, str, str | None, str | None], Finding]:
    """What persons settled or dismissed stays closed as long as the facts are the same."""
    ids = sorted({difference.application_id for difference in differences})
    closed = await reconciliation.closed_by_person(tx, city, ids) if ids else []
    return {(one.application_id, one.kind, one.ours, one.theirs): one for one in closed}


def _new(difference: Difference, run: Run, found: Found, finding_id: str) -> Finding:
    case = found.cases.get(difference.application_id)
    return Finding(
        finding_id=finding_id,
        city=run.city,
        collecting_city=run.collecting_city if case is None else case.collecting_city,
        application_id=difference.application_id,
        kind=difference.kind.value,
        day=run.day,
        first_seen_ms=run.started_at_ms,
        last_seen_ms=run.started_at_ms,
        ours=difference.ours,
        theirs=difference.theirs,
        unanswered=int(difference.unanswered),
        suggested=Act.NONE.value,
    )


def _refresh(finding: Finding, difference: Difference, run: Run, act: Act) -> None:
    finding.day, finding.last_seen_ms = run.day, run.started_at_ms
    finding.ours, finding.theirs = difference.ours, difference.theirs
    finding.unanswered, finding.suggested = int(difference.unanswered), act.value


def _gone(opened: Iterable[Finding], seen: Set[int], run: Run, found: Found) -> list[Finding]:
    """The open findings of the run's day that it looked for and did not see."""
    gone = [one for one in opened if one.day == run.day and id(one) not in seen and found.excludes(one)]
    for finding in gone:
        finding.closed_at_ms, finding.closed_how = run.ended_at_ms, GONE
    return gone
