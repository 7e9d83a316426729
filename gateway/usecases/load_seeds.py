"""装载种子数据: put everything in seeds/ into the database; doing it again changes nothing."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import orjson
from pydantic import BaseModel

from gateway.evidence.chain import milliseconds
from gateway.storage import catalogue, imports
from gateway.storage.database import Database, Transaction
from gateway.usecases.import_catalogue import ImportedRow, ImportSource, Staging, finish, head_of
from gateway.usecases.publish_catalogue import publish_in
from gateway.usecases.read_seeds import SeedData
from schemas.service_item import ServiceItem

Rows = list[tuple[object, ...]]
DIALECT = "seeds"
"""方言 of items that came with the gateway."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded; `changed` is false when the database already held exactly this."""

    changed: bool
    counts: dict[str, int]


def _body(entry: object) -> bytes:
    if isinstance(entry, BaseModel):
        return entry.model_dump_json(exclude_none=True).encode()
    return orjson.dumps(entry)  # a dataclass


def _reference(kind: str, entries: Iterable[tuple[str, object]]) -> Rows:
    return [(kind, code, _body(model)) for code, model in entries]


def _tables(seeds: SeedData) -> dict[str, Rows]:
    return {
        "divisions": [
            *((d.code, d.name, d.level.value, d.province_code) for d in seeds.divisions),
            *((c.code, c.name, "county", c.city_code) for c in seeds.counties),
        ],
        "cities": [(c.division_code, c.name, _body(c)) for c in seeds.cities],
        "agreements": [(a.agreement_id, a.collecting_city, a.deciding_city, _body(a)) for a in seeds.agreements],
        "reference": [
            *_reference("licence_type", ((t.type_code or t.name, t) for t in seeds.licence_types)),
            *_reference("calendar", ((d.day.isoformat(), d) for d in seeds.calendar)),
            *_reference("code", (("/".join([c.table, c.origin, c.vendor or "", c.code]), c) for c in seeds.codes)),
            *_reference("national_item", ((str(n.seq), n) for n in seeds.national_items)),
        ],
    }


async def load_seeds(db: Database, seeds: SeedData, *, now: datetime) -> Loaded:
    """Insert or replace every row, and publish the items, in one transaction; running gateways reload within seconds.

    A changed item becomes a new revision. A city whose own catalogue has been published keeps it.
    """
    tables = _tables(seeds)
    counts = {name: len(rows) for name, rows in tables.items()} | {"items": len(seeds.items)}
    said = [[str(value) for value in row] for rows in tables.values() for row in rows]
    said += [[item.city, _body(item).decode()] for item in seeds.items]
    digest = hashlib.sha256(orjson.dumps(said)).hexdigest()
    async with db.transaction() as tx:
        await catalogue.hold(tx)
        if await catalogue.digest(tx) == digest:
            return Loaded(False, counts)
        for name, rows in tables.items():
            await catalogue.put(tx, name, rows)
        own = await imports.cities_with_another_dialect(tx, DIALECT)
        by_city = groupby(sorted(seeds.items, key=lambda item: (item.city, item.item_code)), lambda item: item.city)
        for city, items in by_city:
            if city not in own:
                await _publish(tx, city, list(items), digest, now)
        await catalogue.bump(tx, digest)
    return Loaded(True, counts)


async def _publish(tx: Transaction, city: str, items: Sequence[ServiceItem], digest: str, now: datetime) -> None:
    source = ImportSource(city, "seeds/items", digest, DIALECT, 1, complete=False, imported_by="seed")
    head = head_of(source, milliseconds(now))
    import_id = await imports.begin(tx, head)
    rows = [ImportedRow(f"seeds/{city}/{item.item_code}", item, item.item_code) for item in items]
    await Staging(import_id, city).add(tx, rows)
    head = replace(head, import_id=import_id)
    await finish(tx, head)
    await publish_in(tx, head, remove=False, now=now)
    await imports.tidy(tx, city)
