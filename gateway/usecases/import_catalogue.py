"""导入目录: a city's records, normalised, into a draft that can be looked at, mended and published.

Rows come in by small transactions, so memory does not grow with the file and a gateway beside it goes on. Nothing of a
draft is in force; what an interrupted import leaves is given up when the next one begins.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import orjson

from gateway.evidence.chain import milliseconds
from gateway.storage import catalogue, imports, item_contents, publishing
from gateway.storage.database import Database, Transaction
from gateway.storage.imports import Import, ImportRow
from schemas.errors import ImportNotUsable
from schemas.finding import Finding, Severity
from schemas.service_item import ServiceItem

BATCH = 500


class Row(Protocol):
    """归一化后的记录, as adapters.normalization.normalize.Normalized has it."""

    @property
    def place(self) -> str:
        """Where in the file, for people."""
        ...

    @property
    def key(self) -> str:
        """基本编码 where it could be read, else the place."""
        ...

    @property
    def name(self) -> str | None:
        """事项名称 where it could be read."""
        ...

    @property
    def item(self) -> ServiceItem | None:
        """The item; None = quarantined."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """What was noticed."""
        ...


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """A Row made by hand."""

    place: str
    item: ServiceItem | None
    key: str
    name: str | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportSource:
    """What is imported: which file, read how, by whom. `complete`: it is the city's whole catalogue."""

    city: str
    file_name: str
    sha256: str
    dialect: str
    dialect_version: int
    complete: bool
    imported_by: str


@dataclass(slots=True)
class Staging:
    """登记 of one import's rows: numbers them, and finds a code that comes twice."""

    import_id: int
    city: str
    _seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    _twins: set[str] = field(default_factory=set)
    _count: int = 0

    async def add(self, tx: Transaction, rows: Sequence[Row]) -> None:
        """Write a batch; good items are stored, duplicates and items of another city are quarantined."""
        start = self._count
        staged: list[ImportRow] = []
        items: dict[str, ServiceItem] = {}
        for row in rows:
            problems = list(self._problems(row))
            twin = self._twin(row)
            if twin is not None:
                problems.append(_duplicate(row.place, row.key, twin[1]))
                if row.key not in self._twins:
                    self._twins.add(row.key)
                    await self._quarantine_first(tx, staged, start, twin, row)
            staged.append(self._staged(row, problems, items))
            self._count += 1
        await item_contents.store(tx, self.city, items)
        await imports.add_rows(tx, staged)

    def _problems(self, row: Row) -> Iterator[Finding]:
        if row.item is not None and row.item.city != self.city:
            yield Finding(
                severity=Severity.ERROR,
                rule="other_city",
                source_path=row.place,
                field="city",
                value=row.item.city,
                message_zh=f"该事项属于{row.item.city}，不属于{self.city}",
            )

    def _twin(self, row: Row) -> tuple[int, str] | None:
        """The earlier row of the same code; this row is remembered."""
        if row.key == row.place:
            return None
        earlier = self._seen.get(row.key)
        if earlier is None:
            self._seen[row.key] = (self._count, row.place)
        return earlier

    async def _quarantine_first(
        self, tx: Transaction, staged: list[ImportRow], start: int, first: tuple[int, str], row: Row
    ) -> None:
        seq, place = first
        finding = _duplicate(place, row.key, row.place)
        if seq < start:
            await imports.quarantine_earlier(tx, self.import_id, seq, finding.model_dump(mode="json"))
            return
        earlier = staged[seq - start]
        findings = [*orjson.loads(earlier.findings or b"[]"), finding.model_dump(mode="json")]
        staged[seq - start] = replace(earlier, state="quarantined", findings=orjson.dumps(findings))

    def _staged(self, row: Row, problems: list[Finding], items: dict[str, ServiceItem]) -> ImportRow:
        item = None if problems else row.item
        digest = None
        if item is not None:
            digest = item_contents.digest(item)
            items[digest] = item
        findings = [finding.model_dump(mode="json") for finding in (*row.findings, *problems)]
        code = None if row.key == row.place else row.key
        return ImportRow(
            import_id=self.import_id,
            seq=self._count,
            place=row.place,
            item_code=code if row.item is None else row.item.item_code,
            task_code=None if row.item is None else row.item.task_code,
            name=row.name if row.item is None else row.item.name,
            state="quarantined" if item is None else "ok",
            digest=digest,
            findings=orjson.dumps(findings) if findings else None,
        )


def _duplicate(place: str, code: str, other: str) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        rule="duplicate_item",
        source_path=place,
        field="item_code",
        value=code,
        message_zh=f"基本编码{code}与{other}重复，两条均未采用",
    )


def head_of(source: ImportSource, created_at_ms: int) -> Import:
    """A new import of a source; its number comes from `imports.begin`."""
    return Import(
        import_id=0,
        city=source.city,
        file_name=source.file_name,
        sha256=source.sha256,
        dialect=source.dialect,
        dialect_version=source.dialect_version,
        complete=source.complete,
        state="loading",
        counts={},
        coverage=None,
        imported_by=source.imported_by,
        created_at_ms=created_at_ms,
        published_at_ms=None,
    )


async def import_catalogue(
    db: Database,
    source: ImportSource,
    rows: Iterable[Row],
    *,
    now: datetime,
    coverage: Callable[[], Any] = lambda: None,
) -> Import:
    """Read `rows` to their end into a draft. Raises ImportNotUsable where another import of the city began meanwhile.

    `coverage` is asked once the rows are read: the score of the catalogue as JSON. What reading a row raises passes,
    and leaves no draft.
    """
    head = head_of(source, milliseconds(now))
    async with db.transaction() as tx:
        await catalogue.hold(tx)
        import_id = await imports.begin(tx, head)
    async with db.transaction() as tx:
        await imports.tidy(tx, source.city)
    staging = Staging(import_id, source.city)
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        async with db.transaction() as tx:
            await _require_loading(tx, import_id)
            await staging.add(tx, batch)
    head = replace(head, import_id=import_id, coverage=coverage())
    async with db.transaction() as tx:
        await _require_loading(tx, import_id)
        counts = await finish(tx, head)
    async with db.transaction() as tx:
        await imports.tidy(tx, source.city)
    return replace(head, state="draft", counts=counts)


async def finish(tx: Transaction, head: Import) -> dict[str, int]:
    """Make a loaded import a draft; how many rows are read, ok, quarantined, new, changed, same."""
    await publishing.classify(tx, head)
    counts = await imports.counts(tx, head.import_id)
    await imports.finish(tx, head, counts, head.coverage)
    return counts


async def _require_loading(tx: Transaction, import_id: int) -> None:
    if not await imports.is_loading(tx, import_id):
        raise ImportNotUsable(
            f"Import {import_id} was given up: another import of this city began meanwhile.",
            f"导入 {import_id} 已中止：期间开始了该城市的另一次导入。",
            import_id=import_id,
        )
