"""前置库的表: those a profile names, made where they are missing; types are taken from its examples."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, Table, Text, create_engine, event, inspect

from adapters.exchange_operations import ExchangeOperations, SubmitTable
from adapters.profile import CityProfile


def open_tables(url: str, profile: CityProfile) -> tuple[Engine, dict[str, Table]]:
    """An engine, and every table of the profile by name. What is there already is taken as it is."""
    assert profile.exchange_database is not None  # noqa: S101 - the caller has looked
    engine = create_engine(url, connect_args={"timeout": 30} if url.startswith("sqlite") else {}, pool_pre_ping=True)
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _write_ahead)
    metadata, there = MetaData(), set(inspect(engine).get_table_names()) | set(inspect(engine).get_view_names())
    tables = {}
    for name, columns in _columns(profile.exchange_database, _numbers(profile)).items():
        if name in there:
            tables[name] = Table(name, metadata, autoload_with=engine)
        else:
            tables[name] = Table(name, metadata, *columns)
            tables[name].create(engine)
    return engine, tables


def _columns(operations: ExchangeOperations, numbers: set[str]) -> dict[str, list[Column[Any]]]:
    """Table → its columns."""
    names: dict[str, dict[str, None]] = {}
    contents: set[tuple[str, str]] = set()

    def add(table: str, columns: Iterable[str], content: str | None = None) -> None:
        names.setdefault(table, {}).update(dict.fromkeys(columns))
        if content is not None:
            names[table][content] = None
            contents.add((table, content))

    for submit in filter(None, (operations.submit, operations.follow_up)):
        add(submit.table, _keys(submit))
        add(submit.materials.table, _names(submit.materials.row), submit.materials.content)
    for source in operations.sources.values():
        add(source.table, [source.key, *source.columns, *source.where, *source.order, *source.done])
        if source.files is not None:
            files = source.files
            add(files.table, [files.key, files.link, *files.columns], files.content)
    if operations.listing is not None:
        listing = operations.listing
        add(listing.table, [*listing.columns, *listing.where, listing.day.column, *listing.order])
    return {
        table: [Column(name, _kind((table, name), contents, numbers)) for name in columns]
        for table, columns in names.items()
    }


def _kind(place: tuple[str, str], contents: set[tuple[str, str]], numbers: set[str]) -> Any:
    if place in contents:
        return LargeBinary
    return Integer if place[1] in numbers else Text


def _keys(submit: SubmitTable) -> list[str]:
    return [submit.key, *_names(submit.row)]


def _names(row: Mapping[str, Any]) -> list[str]:
    return [name.removesuffix("?") for name in row]


def _numbers(profile: CityProfile) -> set[str]:
    """Columns that hold a whole number in some example."""
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, list):
            for one in value:
                look(one)
        elif isinstance(value, dict):
            found.update(name for name, one in value.items() if isinstance(one, int) and not isinstance(one, bool))
            for one in value.values():
                look(one)

    for submit in profile.examples.submit:
        look(submit.expect)
    for report in profile.examples.reports:
        look(report.received)
    return found


def _write_ahead(connection: Any, record: Any) -> None:
    """Readers and the writer do not stop each other."""
    connection.execute("pragma journal_mode=WAL")
