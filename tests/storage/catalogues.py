"""Small catalogues for tests: items made from a seeded one, imported and published for real."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from gateway.storage.database import Database
from gateway.storage.imports import Import
from gateway.usecases.import_catalogue import ImportedRow, ImportSource, Row, import_catalogue
from gateway.usecases.publish_catalogue import Published, publish
from gateway.usecases.read_seeds import read_seeds
from schemas.finding import Finding, Severity
from schemas.model import Provenance
from schemas.service_item import ServiceItem

ROOT = Path(__file__).resolve().parents[2]
CITY = "441300"
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
TODAY = NOW.date()


@cache
def seeded() -> ServiceItem:
    return next(item for item in read_seeds(ROOT / "seeds").items if item.city == CITY)


def code(number: int) -> str:
    return f"0020170{number:05d}"


def item(number: int, **changes: Any) -> ServiceItem:
    """Item `number`; every field given counts as read from the source."""
    fresh: dict[str, Any] = {
        "city": CITY,
        "item_code": code(number),
        "task_code": f"1244130000700{number:05d}",
        "name": f"演示事项{number}",
        "effective_from": None,
        "effective_until": None,
    }
    fields = seeded().model_dump() | fresh | changes
    filled = {name for name, value in fields.items() if name != "provenance" and value not in (None, (), [])}
    fields["provenance"] = dict.fromkeys(sorted(filled), Provenance.SOURCE)
    return ServiceItem.model_validate(fields)


def good(number: int, **changes: Any) -> ImportedRow:
    one = item(number, **changes)
    return ImportedRow(f"第{number}行", one, one.item_code, one.name)


def bad(number: int, *, key: str | None = None, name: str | None = None) -> ImportedRow:
    """A record that does not make an item; without `key` and `name` nobody knows which it was."""
    place = f"第{number}行"
    finding = Finding(
        severity=Severity.ERROR,
        rule="unknown_code",
        source_path=f"{place}/办件类型",
        field="project_type",
        value="=9+9",
        message_zh="办件类型：代码表中没有此值",
    )
    return ImportedRow(place, None, key or place, name, (finding,))


def source(city: str = CITY, *, complete: bool = True, dialect: str = "demo") -> ImportSource:
    return ImportSource(city, "目录.csv", "0" * 64, dialect, 1, complete, "演示管理员")


async def take(db: Database, rows: Sequence[Row], *, now: datetime = NOW, **how: Any) -> Import:
    return await import_catalogue(db, source(**how), rows, now=now)


async def put(db: Database, rows: Sequence[Row], *, now: datetime = NOW, remove: bool = False, **how: Any) -> Published:
    """Import and publish."""
    head = await take(db, rows, now=now, **how)
    return await publish(db, head.city, remove=remove, now=now)
