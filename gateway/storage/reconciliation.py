"""对账记录: runs, what they found, what was done about it, and the marks from which a city may be asked again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import orjson

from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL, Insert

_RUN = (
    "run_id city collecting_city day started_at_ms ended_at_ms started_by state compared code counts digests"
).split()
_FINDING = (
    "finding_id city collecting_city application_id kind day first_seen_ms last_seen_ms ours theirs unanswered "
    "suggested closed_at_ms closed_how closed_by note"
).split()
_ACT = "finding_id at_ms act done_by state code note cursor".split()
_RUN_VALUES, _FINDING_VALUES, _ACT_VALUES = (attrgetter(*names) for names in (_RUN, _FINDING, _ACT))
_INSERT_RUN = Insert("reconciliation_runs", _RUN)
_INSERT_FINDINGS = Insert("reconciliation_findings", _FINDING, "ON CONFLICT DO NOTHING")
_INSERT_ACTS = Insert("reconciliation_acts", _ACT)
_RUNS = f"SELECT {', '.join(_RUN)} FROM reconciliation_runs"  # noqa: S608 - constants of ours
_FINDINGS = f"SELECT {', '.join(_FINDING)} FROM reconciliation_findings"  # noqa: S608 - constants of ours

_INTERRUPTED = SQL(
    "UPDATE reconciliation_runs SET state = 'INTERRUPTED', ended_at_ms = ? WHERE city = ? AND day = ? "
    "AND state = 'RUNNING'"
)
_END_RUN = SQL(
    "UPDATE reconciliation_runs SET ended_at_ms = ?, state = ?, compared = ?, code = ?, counts = ?, digests = ? "
    "WHERE run_id = ?"
)
_NEWEST_RUNS = SQL(f"{_RUNS} WHERE (? = '' OR city = ?) AND (? = '' OR day = ?) ORDER BY run_id DESC LIMIT ?")
_RUNS_SINCE = SQL(f"{_RUNS} WHERE started_at_ms >= ? ORDER BY run_id")
_PURGE_RUNS = SQL("DELETE FROM reconciliation_runs WHERE started_at_ms < ?")
_ONE = SQL(f"{_FINDINGS} WHERE finding_id = ?")
_ONE_LOCKED = SQL(f"{_FINDINGS} WHERE finding_id = ? [[FOR UPDATE]]")
_OPEN = SQL(f"{_FINDINGS} WHERE city = ? AND closed_at_ms IS NULL ORDER BY finding_id [[FOR UPDATE]]")
_CLOSED_BY_PERSON = SQL(
    f"{_FINDINGS} WHERE city = ? AND application_id IN_LIST ? AND closed_how IN ('SETTLED', 'DISMISSED') "
    "ORDER BY finding_id"
)
_PAGE = SQL(
    f"{_FINDINGS} WHERE finding_id > ? AND (? = '' OR city = ?) AND (? = '' OR day = ?) "
    "AND (? = 'all' OR (? = 'open') = (closed_at_ms IS NULL)) ORDER BY finding_id LIMIT ?"
)
_SEEN = SQL(
    "UPDATE reconciliation_findings SET day = ?, last_seen_ms = ?, ours = ?, theirs = ?, unanswered = ?, suggested = ? "
    "WHERE finding_id = ?"
)
_CLOSE = SQL(
    "UPDATE reconciliation_findings SET closed_at_ms = ?, closed_how = ?, closed_by = ?, note = ? "
    "WHERE finding_id = ? AND closed_at_ms IS NULL"
)
_OPEN_DAYS = SQL("SELECT DISTINCT city, day FROM reconciliation_findings WHERE closed_at_ms IS NULL AND day >= ?")
_OPEN_COUNTS = SQL(
    "SELECT city, kind, COUNT(*) FROM reconciliation_findings WHERE closed_at_ms IS NULL GROUP BY city, kind"
)
_ACTS = SQL(
    f"SELECT {', '.join(_ACT)} FROM reconciliation_acts WHERE finding_id IN_LIST ? ORDER BY finding_id, at_ms"  # noqa: S608
)
_MARK = SQL(
    "INSERT INTO reconciliation_marks (city, day, cursor) SELECT city, ?, cursor FROM cursors WHERE city = ? "
    "ON CONFLICT DO NOTHING"
)
_MARK_BEFORE = SQL("SELECT cursor FROM reconciliation_marks WHERE city = ? AND day < ? ORDER BY day DESC LIMIT 1")
_PURGE_MARKS = SQL("DELETE FROM reconciliation_marks WHERE day < ?")


@dataclass(slots=True)
class Run:
    """对账批次: one city and day. `state`: RUNNING, CLEAN, DIFFERENT, SKIPPED, FAILED or INTERRUPTED."""

    run_id: str
    city: str
    collecting_city: str
    day: str
    started_at_ms: int
    started_by: str
    ended_at_ms: int | None = None
    state: str = "RUNNING"
    compared: str | None = None
    """digest, listing or nothing."""
    code: str | None = None
    """Why it was skipped, or failed."""
    counts: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Finding:
    """对账差异 in the database. `day` is that of the run that saw it last."""

    finding_id: str
    city: str
    collecting_city: str
    application_id: str
    kind: str
    day: str
    first_seen_ms: int
    last_seen_ms: int
    ours: str | None
    theirs: str | None
    unanswered: int
    suggested: str
    closed_at_ms: int | None = None
    closed_how: str | None = None
    """GONE, SETTLED or DISMISSED."""
    closed_by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ActRow:
    """处理记录. `state`: DONE, PARTLY (more is left to ask) or FAILED; `cursor` says from where to go on asking."""

    finding_id: str
    at_ms: int
    act: str
    done_by: str
    state: str
    code: str | None = None
    note: str | None = None
    cursor: str | None = None


def _run(row: Row) -> Run:
    values: dict[str, Any] = dict(zip(_RUN, row, strict=True))
    return Run(**values | {name: orjson.loads(bytes(values[name])) for name in ("counts", "digests")})


def _finding(row: Row) -> Finding:
    return Finding(*row)


async def begin_run(tx: Transaction, run: Run) -> None:
    """Write a run that begins; one of the same city and day that never ended is marked as interrupted."""
    await tx.execute(_INTERRUPTED, run.started_at_ms, run.city, run.day)
    values = [getattr(run, name) for name in _RUN[:-2]]
    await tx.insert(_INSERT_RUN, [[*values, orjson.dumps(run.counts), orjson.dumps(run.digests)]])


async def end_run(tx: Transaction, run: Run) -> None:
    """Write what a run came to."""
    counts, digests = orjson.dumps(run.counts), orjson.dumps(run.digests)
    await tx.execute(_END_RUN, run.ended_at_ms, run.state, run.compared, run.code, counts, digests, run.run_id)


async def runs(db: Database, city: str, day: str, limit: int) -> list[Run]:
    """The newest runs; an empty city or day means any."""
    return [_run(row) for row in await db.fetch(_NEWEST_RUNS, city, city, day, day, limit)]


async def runs_since(db: Database, started_at_ms: int) -> list[Run]:
    """Every run begun since then, oldest first."""
    return [_run(row) for row in await db.fetch(_RUNS_SINCE, started_at_ms)]


async def get(db: Database | Transaction, finding_id: str) -> Finding | None:
    """One finding."""
    row = await db.fetch_one(_ONE, finding_id)
    return None if row is None else _finding(row)


async def lock(tx: Transaction, finding_id: str) -> Finding | None:
    """One finding, held against others until the transaction ends."""
    row = await tx.fetch_one(_ONE_LOCKED, finding_id)
    return None if row is None else _finding(row)


async def lock_open(tx: Transaction, city: str) -> list[Finding]:
    """Every open finding of a city, held against others."""
    return [_finding(row) for row in await tx.fetch(_OPEN, city)]


async def closed_by_person(tx: Transaction, city: str, application_ids: Sequence[str]) -> list[Finding]:
    """What persons have closed for these cases, oldest first."""
    return [_finding(row) for row in await tx.fetch(_CLOSED_BY_PERSON, city, list(application_ids))]


async def page(db: Database, city: str, day: str, state: str, after: str, limit: int) -> list[Finding]:
    """A page of findings; `state` is open, closed or all, an empty city or day means any."""
    return [_finding(row) for row in await db.fetch(_PAGE, after, city, city, day, day, state, state, limit)]


async def insert(tx: Transaction, findings: Sequence[Finding]) -> None:
    """Write new findings; one that is open already stays as it is."""
    if findings:
        await tx.insert(_INSERT_FINDINGS, [list(_FINDING_VALUES(one)) for one in findings])


async def seen(tx: Transaction, findings: Sequence[Finding]) -> None:
    """Write back what a run saw again."""
    await tx.execute_many(
        _SEEN,
        [(f.day, f.last_seen_ms, f.ours, f.theirs, f.unanswered, f.suggested, f.finding_id) for f in findings],
    )


async def close(tx: Transaction, findings: Sequence[Finding]) -> None:
    """Write that these are closed: when, how, by whom."""
    await tx.execute_many(_CLOSE, [(f.closed_at_ms, f.closed_how, f.closed_by, f.note, f.finding_id) for f in findings])


async def open_days(db: Database, since: str) -> list[Row]:
    """(city, day) with open findings, from the day `since` on."""
    return await db.fetch(_OPEN_DAYS, since)


async def open_counts(db: Database) -> list[Row]:
    """(city, kind, count) of open findings."""
    return await db.fetch(_OPEN_COUNTS)


async def add_act(tx: Transaction, act: ActRow) -> None:
    """Note what was done."""
    await tx.insert(_INSERT_ACTS, [list(_ACT_VALUES(act))])


async def acts(db: Database | Transaction, finding_ids: Sequence[str]) -> dict[str, list[ActRow]]:
    """What was done about these findings, oldest first."""
    found: dict[str, list[ActRow]] = {}
    for row in await db.fetch(_ACTS, list(finding_ids)) if finding_ids else ():
        found.setdefault(row[0], []).append(ActRow(*row))
    return found


async def mark(tx: Transaction, city: str, day: str) -> None:
    """Keep where the polling of a city stands on this day, once a day."""
    await tx.execute(_MARK, day, city)


async def mark_before(db: Database | Transaction, city: str, day: str) -> str | None:
    """Where the polling of a city stood before this day; None = ask from the beginning."""
    row = await db.fetch_one(_MARK_BEFORE, city, day)
    return None if row is None else row[0]


async def purge(tx: Transaction, *, runs_before_ms: int, marks_before: str) -> None:
    """Forget old runs and marks. Findings stay."""
    await tx.execute(_PURGE_RUNS, runs_before_ms)
    await tx.execute(_PURGE_MARKS, marks_before)
