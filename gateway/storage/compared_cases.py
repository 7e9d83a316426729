"""对账所需: our cases of one day and one deciding city, as comparing them needs them. Nothing here is locked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from gateway.storage.compression import unpack
from gateway.storage.database import Database, Row, Transaction
from gateway.storage.sql import SQL

_CASE = (
    "SELECT a.application_id, a.collecting_city, a.deciding_city, a.direction, a.state, a.outcome, a.case_number, "
    "a.received_at_ms, a.updated_at_ms, (SELECT MAX(e.recorded_at_ms) FROM events e "
    "WHERE e.application_id = a.application_id AND e.type = 'PUSHED'), o.state, o.last_code FROM applications a "
    "LEFT JOIN outbox o ON o.application_id = a.application_id AND o.kind = 'SUBMIT' AND o.city = a.deciding_city"
)
_OF_DAY = SQL(f"{_CASE} WHERE a.application_id >= ? AND a.application_id < ? AND a.deciding_city IN_LIST ?")
_BY_IDS = SQL(f"{_CASE} WHERE a.application_id IN_LIST ? AND a.deciding_city IN_LIST ?")
_EVENTS = SQL(
    "SELECT application_id, type, side, recorded_at_ms FROM events WHERE application_id IN_LIST ? "
    "ORDER BY application_id, seq"
)
_DECISIONS = SQL(
    "SELECT application_id, body FROM progress WHERE application_id IN_LIST ? AND step = 'DECIDED' "
    "ORDER BY application_id, report_id"
)
_RESULTS = SQL(
    "SELECT c.application_id, c.label, f.sha256, f.sm3 FROM case_files c JOIN files f ON f.file_id = c.file_id "
    "WHERE c.application_id IN_LIST ? AND c.role = 'result'"
)
_FETCHING = SQL(
    "SELECT DISTINCT application_id FROM outbox WHERE application_id IN_LIST ? AND kind = 'FETCH' AND state = 'ready'"
)
_UNFINISHED = SQL(
    "SELECT DISTINCT deciding_city FROM applications WHERE application_id >= ? AND application_id < ? "
    "AND state NOT IN ('CLOSED', 'DECIDED', 'REJECTED', 'RETURNED', 'WITHDRAWN')"
)
_ANY = SQL("SELECT 1 FROM applications WHERE application_id >= ? AND application_id < ? LIMIT 1")
_MESSAGE = SQL(
    "SELECT data, recorded_at_ms FROM events WHERE application_id = ? AND type = ? ORDER BY seq DESC LIMIT 1"
)
_TRIED = SQL("SELECT message_id FROM attempts WHERE application_id = ? ORDER BY started_at_ms DESC LIMIT 1")
_STAGES = SQL("SELECT application_id, state FROM applications WHERE application_id IN_LIST ?")
_WAKE = SQL(
    "UPDATE outbox SET state = 'ready', owner = NULL, available_at_ms = ?, tries = 0, "
    "send_started_ms = COALESCE(send_started_ms, created_at_ms) WHERE message_id = ? "
    "AND (state = 'held' OR owner IS NULL)"
)
_SUBMITS = SQL("SELECT message_id FROM outbox WHERE application_id = ? AND kind = 'SUBMIT'")
_FETCHES = SQL("SELECT message_id, content FROM outbox WHERE application_id = ? AND kind = 'FETCH'")


@dataclass(frozen=True, slots=True)
class ComparedCase:
    """One case of ours. `pushed_at_ms` = when the city last took it; `sending` = ready or held, while in the outbox."""

    application_id: str
    collecting_city: str
    deciding_city: str
    direction: str
    state: str
    outcome: str | None
    case_number: str | None
    received_at_ms: int
    updated_at_ms: int
    pushed_at_ms: int | None
    sending: str | None
    last_code: str | None


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A result file the city told of; `here` = it is stored."""

    reference: str
    here: bool
    remote: dict[str, object]
    """As the report had it."""


async def of_day(db: Database, cities: Collection[str], numbers: tuple[str, str]) -> list[ComparedCase]:
    """Every case these cities decide whose number is in the range."""
    return [ComparedCase(*row) for row in await db.fetch(_OF_DAY, *numbers, sorted(cities))]


async def by_ids(db: Database, cities: Collection[str], application_ids: Sequence[str]) -> list[ComparedCase]:
    """These cases, as far as these cities decide them."""
    if not application_ids:
        return []
    return [ComparedCase(*row) for row in await db.fetch(_BY_IDS, list(application_ids), sorted(cities))]


async def events(db: Database, application_ids: Sequence[str]) -> list[Row]:
    """(application_id, type, side, recorded_at_ms) of every event of these cases, in order."""
    return await db.fetch(_EVENTS, list(application_ids)) if application_ids else []


async def result_files(db: Database | Transaction, application_ids: Sequence[str]) -> dict[str, list[NamedFile]]:
    """The result files that the reports of these cases name, by case."""
    named: dict[str, list[NamedFile]] = {}
    if not application_ids:
        return named
    here: dict[str, set[str]] = {}
    for application_id, *marks in await db.fetch(_RESULTS, list(application_ids)):
        here.setdefault(application_id, set()).update(marks)
    for application_id, body in await db.fetch(_DECISIONS, list(application_ids)):
        for remote in orjson.loads(unpack(body)).get("files", ()):
            known_as = {remote["reference"], remote.get("sha256"), remote.get("sm3")}
            found = NamedFile(remote["reference"], bool(known_as & here.get(application_id, set())), remote)
            named.setdefault(application_id, []).append(found)
    return named


async def fetching(db: Database, application_ids: Sequence[str]) -> set[str]:
    """The cases a result file of which is on its way."""
    if not application_ids:
        return set()
    return {row[0] for row in await db.fetch(_FETCHING, list(application_ids))}


async def unfinished(db: Database, numbers: tuple[str, str]) -> set[str]:
    """The deciding cities with cases in this range that have not ended."""
    return {row[0] for row in await db.fetch(_UNFINISHED, *numbers)}


async def any_in(db: Database, numbers: tuple[str, str]) -> bool:
    """Whether there is any case in this range."""
    return await db.fetch_one(_ANY, *numbers) is not None


async def stages(db: Database | Transaction, application_ids: Sequence[str]) -> dict[str, str]:
    """Where these cases stand, as far as we have them."""
    if not application_ids:
        return {}
    return {row[0]: row[1] for row in await db.fetch(_STAGES, list(application_ids))}


async def last_message(tx: Transaction, application_id: str, event_type: str) -> tuple[str, int, str | None] | None:
    """(message_id, recorded_at_ms, case_number) of the last event of this type: what the city took then."""
    row = await tx.fetch_one(_MESSAGE, application_id, event_type)
    if row is None:
        return None
    data = orjson.loads(bytes(row[0]))
    message_id = data.get("message_id")
    return None if message_id is None else (str(message_id), int(row[1]), data.get("case_number"))


async def tried_message(tx: Transaction, application_id: str) -> str | None:
    """The message of the last try for a case."""
    row = await tx.fetch_one(_TRIED, application_id)
    return None if row is None else str(row[0])


async def waiting_message(tx: Transaction, application_id: str) -> str | None:
    """The application itself, where it is in the outbox."""
    row = await tx.fetch_one(_SUBMITS, application_id)
    return None if row is None else str(row[0])


async def wake(tx: Transaction, message_id: str, now_ms: int) -> None:
    """Make a message that waits due now. It stays marked as sent once, so that a city is asked before it is sent it."""
    await tx.execute(_WAKE, now_ms, message_id)


async def fetches(tx: Transaction, application_id: str) -> dict[str, str]:
    """The messages that are to bring result files of a case: reference → message_id."""
    rows = await tx.fetch(_FETCHES, application_id)
    return {orjson.loads(bytes(row[1]))["reference"]: row[0] for row in rows if row[1]}
