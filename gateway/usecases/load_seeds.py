"""装载种子数据: put everything in seeds/ into the database; doing it again changes nothing."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from pydantic import BaseModel

from gateway.storage import catalogue
from gateway.storage.database import Database
from gateway.usecases.read_seeds import SeedData

Rows = list[tuple[object, ...]]


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
        "items": [(i.city, i.item_code, i.version, i.task_code, i.status.value, _body(i)) for i in seeds.items],
        "agreements": [(a.agreement_id, a.collecting_city, a.deciding_city, _body(a)) for a in seeds.agreements],
        "reference": [
            *_reference("licence_type", ((t.type_code or t.name, t) for t in seeds.licence_types)),
            *_reference("calendar", ((d.day.isoformat(), d) for d in seeds.calendar)),
            *_reference("code", (("/".join([c.table, c.origin, c.vendor or "", c.code]), c) for c in seeds.codes)),
            *_reference("national_item", ((str(n.seq), n) for n in seeds.national_items)),
        ],
    }


async def load_seeds(db: Database, seeds: SeedData) -> Loaded:
    """Insert or replace every row in one transaction; running gateways reload within seconds."""
    tables = _tables(seeds)
    digest = hashlib.sha256(
        orjson.dumps([[str(value) for value in row] for rows in tables.values() for row in rows])
    ).hexdigest()
    counts = {name: len(rows) for name, rows in tables.items()}
    async with db.transaction() as tx:
        if await catalogue.digest(tx) == digest:
            return Loaded(False, counts)
        for name, rows in tables.items():
            await catalogue.put(tx, name, rows)
        await catalogue.bump(tx, digest)
    return Loaded(True, counts)
