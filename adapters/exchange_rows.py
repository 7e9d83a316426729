"""前置库的表: the statements of one profile, over tables it only names; run in a thread, one transaction a call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnClause, Connection, Engine, LargeBinary, TableClause, column, insert, select, table, update
from sqlalchemy.exc import IntegrityError

from adapters.exchange_calls import Row
from adapters.exchange_operations import (
    Condition,
    ExchangeOperations,
    FileTable,
    ListingTable,
    Source,
    SubmitTable,
)


def _table(name: str, columns: Sequence[str], content: str | None = None) -> TableClause:
    named: list[ColumnClause[Any]] = [column(one) for one in dict.fromkeys(columns)]
    if content is not None:
        named.append(column(content, LargeBinary))
    return table(name, *named)


def _insert(connection: Connection, name: str, row: Row, content: str | None = None) -> None:
    plain = [one for one in row if one != content]
    connection.execute(insert(_table(name, plain, content if content in row else None)).values(row))


def _where(rows: TableClause, conditions: Mapping[str, Condition]) -> list[Any]:
    return [_condition(rows.c[name], condition) for name, condition in conditions.items()]


def _condition(part: Any, condition: Condition) -> Any:
    if condition.equals is not None:
        return part == condition.equals
    if condition.differs is not None:
        return part != condition.differs
    return part.is_not(None) if condition.filled else part.is_(None)


def _commit(connection: Connection) -> None:
    """A commit that failed leaves the transaction open in the driver, where the next user would see its rows."""
    try:
        connection.commit()
    except BaseException:
        connection.invalidate()
        raise


class ExchangeRows:
    """One city's exchange database."""

    def __init__(self, operations: ExchangeOperations) -> None:
        self._operations = operations

    def put(
        self,
        engine: Engine,
        submit: SubmitTable,
        row: Row,
        materials: Iterable[Row],
        begin_commit: Callable[[], None],
    ) -> bool:
        """Insert the message and its materials; False where its key is there already.

        `begin_commit` is called just before the commit: what fails after it may have been booked.
        """
        accept = _table(submit.table, [submit.key])
        present = select(accept.c[submit.key]).where(accept.c[submit.key] == row[submit.key])
        with engine.connect() as connection:
            if connection.execute(present).first() is not None:
                return False
            try:
                _insert(connection, submit.table, row)
            except IntegrityError:
                connection.rollback()
                if connection.execute(present).first() is not None:
                    return False  # another try of ours was faster
                raise
            for material in materials:
                _insert(connection, submit.materials.table, material, submit.materials.content)
                del material  # or its file would be held until the next one is there, too
            begin_commit()
            _commit(connection)
        return True

    def waiting(self, engine: Engine) -> dict[str, list[Row]]:
        """The rows of each source that are not marked yet, oldest first, at most `limit` of each."""
        with engine.connect() as connection:
            return {name: self._waiting(connection, source) for name, source in self._operations.sources.items()}

    def _waiting(self, connection: Connection, source: Source) -> list[Row]:
        rows = _table(source.table, [source.key, *source.columns, *source.where, *source.order])
        wanted = [rows.c[name] for name in dict.fromkeys([source.key, *source.columns])]
        found = (
            select(*wanted)
            .where(*_where(rows, source.where))
            .order_by(*[rows.c[name] for name in source.order])
            .limit(self._operations.limit)
        )
        collected = [dict(one) for one in connection.execute(found).mappings()]
        if source.files is not None and collected:
            _attach_files(connection, source.files, source.key, collected)
        return collected

    def mark(self, engine: Engine, marks: Mapping[str, tuple[Row, Sequence[str]]]) -> None:
        """Set the given values on rows of each source, by key. Rows that are marked already stay as they are."""
        with engine.connect() as connection:
            for name, (values, keys) in marks.items():
                source = self._operations.sources[name]
                rows = _table(source.table, [source.key, *values, *source.where])
                for start in range(0, len(keys), 200):
                    chosen = rows.c[source.key].in_(keys[start : start + 200])
                    connection.execute(update(rows).where(chosen, *_where(rows, source.where)).values(values))
            _commit(connection)

    def listed(self, engine: Engine, listing: ListingTable, begins: Any, ends: Any, most: int) -> list[Row]:
        """The rows of a day, at most `most`."""
        rows = _table(listing.table, [*listing.columns, *listing.where, *listing.order, listing.day.column])
        day = rows.c[listing.day.column]
        found = (
            select(*[rows.c[name] for name in listing.columns])
            .where(day >= begins, day < ends, *_where(rows, listing.where))
            .order_by(*[rows.c[name] for name in listing.order])
            .limit(most)
        )
        with engine.connect() as connection:
            return [dict(one) for one in connection.execute(found).mappings()]

    def content(self, engine: Engine, reference: str) -> bytes | None:
        """The bytes of a file row, whichever file table holds it."""
        tables = [source.files for source in self._operations.sources.values() if source.files is not None]
        with engine.connect() as connection:
            for files in tables:
                rows = _table(files.table, [files.key], files.content)
                found = select(rows.c[files.content]).where(rows.c[files.key] == reference)
                row = connection.execute(found).first()
                if row is not None and row[0] is not None:
                    return bytes(row[0])
        return None

    def ping(self, engine: Engine) -> None:
        """Read one row, or none, of the table that is written to."""
        submit = self._operations.submit
        accept = _table(submit.table, [submit.key])
        with engine.connect() as connection:
            connection.execute(select(accept.c[submit.key]).limit(1)).first()


def _attach_files(connection: Connection, files: FileTable, key: str, collected: list[Row]) -> None:
    rows = _table(files.table, [files.key, files.link, *files.columns])
    wanted = [rows.c[name] for name in dict.fromkeys([files.key, files.link, *files.columns])]
    chosen = rows.c[files.link].in_([one[key] for one in collected])
    by_link: dict[Any, list[Row]] = {}
    for found in connection.execute(select(*wanted).where(chosen).order_by(rows.c[files.key])).mappings():
        by_link.setdefault(found[files.link], []).append(dict(found))
    for one in collected:
        one["files"] = by_link.get(one[key], [])
