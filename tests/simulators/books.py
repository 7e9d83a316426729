"""The city's own books: what reached it, what it booked, what it sent. Tests read the SQLite file directly."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.simulators import clock

PUBLIC = ("deliveries", "bookings", "files_in", "files_out", "steps", "follow_ups")

# Tables whose name begins with _ are the simulator's memory across restarts, not evidence.
_SCHEMA = """
create table if not exists deliveries(our_ref TEXT, at REAL, message_sha256 TEXT);
create table if not exists bookings(
    our_ref TEXT, case_number TEXT, booked_at REAL, message_sha256 TEXT, mode TEXT, task_code TEXT);
create table if not exists files_in(our_ref TEXT, name TEXT, size INTEGER, sha256 TEXT);
create table if not exists files_out(our_ref TEXT, name TEXT, size INTEGER, sha256 TEXT);
create table if not exists steps(our_ref TEXT, step TEXT, at REAL, delivered INTEGER);
create table if not exists follow_ups(message_id TEXT, our_ref TEXT, kind TEXT, reason TEXT, files INTEGER, at REAL);
create table if not exists _uploads(file_id TEXT PRIMARY KEY, our_ref TEXT, name TEXT, size INTEGER, sha256 TEXT);
create table if not exists _feed(seq INTEGER PRIMARY KEY, row TEXT, step_id INTEGER);
create table if not exists _seen(row_guid TEXT PRIMARY KEY);
"""


@dataclass(frozen=True, slots=True)
class Booking:
    our_ref: str
    case_number: str
    booked_at: float
    message_sha256: str
    mode: str
    task_code: str


@dataclass(frozen=True, slots=True)
class Upload:
    our_ref: str
    name: str
    size: int
    sha256: str


def digest(content: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


class Books:
    """One connection, used inline by the event loop's thread; every statement is committed when its method returns."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=10, cached_statements=64)
        self._db.execute("pragma journal_mode=WAL")
        self._db.execute("pragma synchronous=OFF")
        self._db.executescript(_SCHEMA)
        self.loses: Callable[[], bool] = lambda: False

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is seen together."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def deliver(self, our_ref: str, sha256: str) -> None:
        self._db.execute("insert into deliveries values (?, ?, ?)", (our_ref, clock.now(), sha256))

    def book(self, booking: Booking, files: list[Upload]) -> None:
        with self.together():
            self._db.execute(
                "insert into bookings values (?, ?, ?, ?, ?, ?)",
                (
                    booking.our_ref,
                    booking.case_number,
                    booking.booked_at,
                    booking.message_sha256,
                    booking.mode,
                    booking.task_code,
                ),
            )
            for file in files:
                self._file("files_in", file)

    def follow_up(self, message_id: str, our_ref: str, kind: str, reason: str, files: list[Upload]) -> None:
        """A supplement or a withdrawal the city took; `kind` is SUPPLEMENT or WITHDRAW."""
        with self.together():
            values = (message_id, our_ref, kind, reason, len(files), clock.now())
            self._db.execute("insert into follow_ups values (?, ?, ?, ?, ?, ?)", values)
            for file in files:
                self._file("files_in", file)

    def has_follow_up(self, message_id: str) -> bool:
        return self._db.execute("select 1 from follow_ups where message_id = ?", (message_id,)).fetchone() is not None

    def file_out(self, file: Upload) -> None:
        """Once per result file, however often its step is repeated."""
        self._file("files_out", file)

    def _file(self, table: str, file: Upload) -> None:
        values = (file.our_ref, file.name, file.size, file.sha256)
        self._db.execute(f"insert into {table} values (?, ?, ?, ?)", values)

    def step(self, our_ref: str, step: str) -> int:
        """Returns the row's id, for `step_delivered`."""
        row = self._db.execute("insert into steps values (?, ?, ?, 0)", (our_ref, step, clock.now()))
        return row.lastrowid or 0

    def steps_of(self, our_ref: str) -> list[str]:
        """The steps of a case, in the order in which they happened."""
        sql = "select step from steps where our_ref = ? order by rowid"
        return [step for (step,) in self._db.execute(sql, (our_ref,))]

    def steps_delivered(self, ids: list[int]) -> None:
        self._db.executemany("update steps set delivered = 1 where rowid = ?", [(step,) for step in ids])

    def undelivered(self) -> list[tuple[int, str, str, str]]:
        """(row id, our reference, step, case number) of steps not delivered yet."""
        sql = """select s.rowid, s.our_ref, s.step, b.case_number from steps s
                 join bookings b on b.our_ref = s.our_ref where s.delivered = 0"""
        return list(self._db.execute(sql))

    def bookings(self) -> list[Booking]:
        return [Booking(*row) for row in self._db.execute("select * from bookings order by rowid")]

    def counts(self) -> dict[str, int]:
        one = "select count(*) from "
        return {table: int(self._db.execute(one + table).fetchone()[0]) for table in PUBLIC}

    def keep_upload(self, file_id: str, file: Upload) -> None:
        if self.loses():
            return
        values = (file_id, file.our_ref, file.name, file.size, file.sha256)
        self._db.execute("insert or replace into _uploads values (?, ?, ?, ?, ?)", values)

    def upload(self, file_id: str) -> Upload | None:
        sql = "select our_ref, name, size, sha256 from _uploads where file_id = ?"
        row = self._db.execute(sql, (file_id,)).fetchone()
        return Upload(*row) if row else None

    def feed(self, seq: int, row: str, step_id: int) -> None:
        self._db.execute("insert into _feed values (?, ?, ?)", (seq, row, step_id))

    def feed_after(self, seq: int, limit: int) -> list[tuple[int, str, int]]:
        """(seq, row as JSON, step id), in order of seq."""
        sql = "select seq, row, step_id from _feed where seq > ? order by seq limit ?"
        return list(self._db.execute(sql, (seq, limit)))

    def feed_end(self) -> int:
        return int(self._db.execute("select coalesce(max(seq), 0) from _feed").fetchone()[0])

    def see(self, row_guid: str) -> None:
        self._db.execute("insert or ignore into _seen values (?)", (row_guid,))

    def seen(self) -> set[str]:
        return {guid for (guid,) in self._db.execute("select row_guid from _seen")}
