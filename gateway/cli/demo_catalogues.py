"""演示目录: two catalogues of different form become items of one language, each with a score, and are compared."""

import asyncio
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters.normalization.report import CatalogueReport
from gateway.cli.calling import Api
from gateway.cli.opening import open_database
from gateway.cli.output import print_table
from gateway.cli.processes import ROOT
from gateway.clock import now
from gateway.domain.days import beijing_day
from gateway.settings import Settings
from gateway.storage.database import Database
from gateway.usecases.import_catalogue import ImportSource, import_catalogue
from gateway.usecases.normalise_file import counted, dialect_of, normalised
from gateway.usecases.publish_catalogue import publish
from gateway.usecases.read_profiles import read_profiles

FILES = {"440500": "440500.xml", "360700": "360700.xlsx"}
"""City → the sample that tests/simulators/catalogues.py writes."""
COMPARED = "002017900002"
_OWN = "445200"


@dataclass(frozen=True, slots=True)
class Imported:
    """演示导入 of one city's sample."""

    city: str
    file: str
    dialect: str
    read: int
    ok: int
    quarantined: int
    published: int
    coverage: float
    """0 to 1."""
    findings: int


async def import_samples(settings: Settings, folder: Path) -> list[Imported]:
    """Let the simulators write their catalogues, then read, publish and score each."""
    script = [sys.executable, "-m", "tests.simulators.catalogues", str(folder)]
    writer = await asyncio.create_subprocess_exec(*script, cwd=ROOT)
    if await writer.wait() != 0:
        raise RuntimeError("the sample catalogues could not be written")
    async with open_database(settings) as db:
        return [await _import(db, settings, city, folder / name) for city, name in FILES.items()]


async def _import(db: Database, settings: Settings, city: str, file: Path) -> Imported:
    dialect = dialect_of(read_profiles(settings.profiles)[city], beijing_day(now()))
    report = CatalogueReport(dialect)
    source = ImportSource(
        city=city,
        file_name=file.name,
        sha256="",
        dialect=dialect.dialect.dialect,
        dialect_version=dialect.dialect.version,
        complete=False,
        imported_by="demo",
    )
    await import_catalogue(db, source, counted(normalised(file, dialect), report), now=now())
    published = await publish(db, city, now=now())
    return Imported(
        city=city,
        file=file.name,
        dialect=dialect.dialect.dialect,
        read=report.read,
        ok=report.ok,
        quarantined=report.quarantined,
        published=len(published.new) + len(published.changed),
        coverage=report.catalogue,
        findings=sum(report.rules.values()),
    )


async def compare(api: Api) -> dict[str, Any]:
    """What our city and the two others ask differently for one item, by way of the API."""
    cities = ",".join((_OWN, *FILES))
    found: dict[str, Any] = await api.call("GET", f"/v1/items/{COMPARED}/differences", None, cities=cities)
    return found


def show(imported: list[Imported], differences: dict[str, Any]) -> None:
    """Both as tables."""
    columns = ("城市 city", "文件 file", "方言 dialect", "条数 read", "合格 ok", "待改 quarantined", "覆盖率 coverage")
    rows = [(one.city, one.file, one.dialect, one.read, one.ok, one.quarantined, one.coverage) for one in imported]
    print_table("目录归一化（演示数据）catalogues of two forms (invented data)", columns, rows)
    cities = [_OWN, *FILES]
    table = [
        (row["name_zh"], *(_cell(row["values"].get(city)) for city in cities), row["severity"])
        for row in differences["rows"]
    ]
    print_table(f"事项差异 {COMPARED}", ("项目 aspect", *cities, "轻重 severity"), table)


def _cell(value: object) -> str:
    return "—" if value in (None, "", []) else str(value)


def as_json(imported: list[Imported], differences: dict[str, Any]) -> dict[str, Any]:
    """Keys of the demo's document."""
    return {"catalogues": [asdict(one) for one in imported], "differences": differences}
