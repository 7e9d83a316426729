"""事项内容: what an item says, stored once under its digest, with all that searching it needs."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter

from gateway.domain.initials import initials
from gateway.domain.item_words import tokens
from gateway.storage.compression import pack
from gateway.storage.database import Transaction
from gateway.storage.sql import SQL, Insert
from schemas.model import Provenance
from schemas.service_item import ServiceItem

_COLUMNS = (
    "city digest item_code task_code name initials version status effective_from ends_on demo tokens body"
).split()
_VALUES = attrgetter(*_COLUMNS)
_INSERT = Insert("item_contents", _COLUMNS, "ON CONFLICT DO NOTHING")
_KNOWN = SQL("SELECT digest FROM item_contents WHERE city = ? AND digest IN_LIST ?")
_FORGET = SQL(
    # EXCEPT and not NOT IN: PostgreSQL compares the latter row by row once it outgrows work_mem
    "DELETE FROM item_contents WHERE city = ? AND digest IN (SELECT digest FROM item_contents WHERE city = ? "
    "EXCEPT SELECT digest FROM items WHERE city = ? EXCEPT SELECT r.digest FROM import_rows r "
    "JOIN imports i ON i.import_id = r.import_id WHERE i.city = ?)"
)


@dataclass(frozen=True, slots=True)
class Content:
    """One row of `item_contents`. Days are ISO text; `ends_on` is the first day it is no longer offered."""

    city: str
    digest: str
    item_code: str
    task_code: str
    name: str
    initials: str
    version: int
    status: str
    effective_from: str | None
    ends_on: str | None
    demo: int
    tokens: str
    body: bytes


def digest(item: ServiceItem) -> str:
    """SHA-256 of all that `item` says. A field the model gains later changes no digest while it is empty."""
    said = item.model_dump_json(exclude_defaults=True, exclude={"provenance"})
    sources = sorted(f"{name}={source.value}" for name, source in item.provenance.items())
    return hashlib.sha256("\n".join((said, *sources)).encode()).hexdigest()


def content(item: ServiceItem, its_digest: str) -> Content:
    """The row of an item."""
    letters = initials(item.name)
    ends_on = None if item.effective_until is None else item.effective_until + timedelta(days=1)
    return Content(
        city=item.city,
        digest=its_digest,
        item_code=item.item_code,
        task_code=item.task_code,
        name=item.name,
        initials=letters,
        version=item.version,
        status=item.status.value,
        effective_from=None if item.effective_from is None else item.effective_from.isoformat(),
        ends_on=None if ends_on is None else ends_on.isoformat(),
        demo=int(Provenance.FICTITIOUS in item.provenance.values()),
        tokens=tokens(item, letters),
        body=pack(item.model_dump_json(exclude_none=True).encode()),
    )


async def store(tx: Transaction, city: str, by_digest: dict[str, ServiceItem]) -> None:
    """Store what is not there yet; what is costs nothing but the look."""
    known = {row[0] for row in await tx.fetch(_KNOWN, city, list(by_digest))}
    new = [content(item, key) for key, item in by_digest.items() if key not in known]
    await tx.insert(_INSERT, [_VALUES(one) for one in new])


async def forget_unused(tx: Transaction, city: str) -> None:
    """Delete what neither a revision nor an import of `city` refers to."""
    await tx.execute(_FORGET, city, city, city, city)
