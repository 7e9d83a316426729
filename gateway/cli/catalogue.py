"""tongban catalogue: import a city's catalogue, publish it, and see what must be mended first."""

import asyncio
import getpass
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Annotated, Any, TypeVar

from cyclopts import App, Parameter

from adapters.normalization.compile import CompiledDialect, compile_dialect
from adapters.normalization.dialect_file import FOLDER
from adapters.normalization.report import CatalogueReport
from adapters.profile import CityProfile
from gateway.cli.catalogue_view import (
    IMPORT_COLUMNS,
    SHEET_COLUMNS,
    finding_line,
    import_json,
    import_row,
    published_json,
    show_changes,
)
from gateway.cli.export import write_xlsx
from gateway.cli.normalize import reading
from gateway.cli.opening import open_database
from gateway.cli.output import err, print_json, print_table
from gateway.clock import now
from gateway.domain.days import beijing_day
from gateway.settings import Settings
from gateway.storage import imports as stored
from gateway.storage.database import Database
from gateway.storage.imports import Import, QuarantinedRow
from gateway.usecases.fetch_catalogue import fetch, fetched
from gateway.usecases.import_catalogue import ImportSource, import_catalogue
from gateway.usecases.normalise_file import counted, dialect_from_file, dialect_of, normalised
from gateway.usecases.publish_catalogue import Published
from gateway.usecases.publish_catalogue import publish as publish_import
from gateway.usecases.read_profiles import overrides, read_profiles
from gateway.wiring import adapter_context
from schemas.errors import DialectMissing, NotFound

app = App(name="catalogue", help="事项目录: import a city's catalogue, publish it, see what must be mended.")
Json = Annotated[bool, Parameter(negative=(), help="Print one JSON document.")]
Flag = Annotated[bool, Parameter(negative=())]
T = TypeVar("T")
_PAGE = 1000
_MOST_SHEET_ROWS = 1_048_575


def _with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_database(Settings()) as db:
            return await work(db)

    return asyncio.run(run())


@app.command(name="import")
def import_(
    city: str,
    file: Path | None = None,
    *,
    dialect: str | None = None,
    partial: Flag = False,
    by: str | None = None,
    json: Json = False,
) -> int:
    """导入目录: read a city's catalogue into a draft; nothing is in force until `tongban catalogue publish`.

    Interrupted, it leaves nothing in force; simply import again.

    Parameters
    ----------
    city
        行政区划代码 of the city whose catalogue it is.
    file
        JSON, XML, xlsx, xls, ods or CSV, as the dialect says; left out where the city has a listing or a view.
    dialect
        A dialect or profile file, or the name of a dialect that ships; default the city's profile.
    partial
        部分目录: the file is a part of the catalogue; what is not in it stays.
    by
        经办人 noted with the import; default the login name.
    json
        Print one JSON document.
    """
    settings = Settings()
    compiled = _dialect(settings, city, dialect)
    _require_confirmed(compiled)
    report = CatalogueReport(compiled)
    told_by = by or getpass.getuser()

    async def work(db: Database) -> Import:
        if file is not None:
            source = _source(compiled, city, file.name, _sha256(file), complete=not partial, by=told_by)
            with reading(file.name) as told:
                rows = counted(normalised(file, compiled, told), report)
                return await import_catalogue(db, source, rows, now=now(), coverage=lambda: _coverage(report))
        with tempfile.TemporaryFile() as spool:
            with reading(city) as told:
                await fetch(_profile(settings, city), compiled, adapter_context(settings), spool, told)
            source = _source(compiled, city, "", _sha256_of(spool), complete=not partial, by=told_by)
            rows = counted(fetched(spool, compiled), report)
            return await import_catalogue(db, source, rows, now=now(), coverage=lambda: _coverage(report))

    head = _with_database(work)
    if json:
        print_json(import_json(head))
        return 0
    print_table("导入 import", IMPORT_COLUMNS, [import_row(head)])
    if head.counts["quarantined"]:
        err.print(f"待改 quarantined: tongban catalogue quarantine {city} --xlsx {city}.xlsx", highlight=False)
    err.print(f"发布 publish: tongban catalogue publish {city}", highlight=False)
    return 0


def _source(compiled: CompiledDialect, city: str, name: str, sha256: str, *, complete: bool, by: str) -> ImportSource:
    return ImportSource(
        city=city,
        file_name=name,
        sha256=sha256,
        dialect=compiled.dialect.dialect,
        dialect_version=compiled.dialect.version,
        complete=complete,
        imported_by=by,
    )


def _sha256_of(spool: IO[bytes]) -> str:
    spool.seek(0)
    return hashlib.file_digest(spool, "sha256").hexdigest()  # type: ignore[arg-type]  # IO lacks readinto in its type


def _coverage(report: CatalogueReport) -> dict[str, Any]:
    return {"catalogue": report.catalogue, "by_field": report.by_field()}


def _require_confirmed(compiled: CompiledDialect) -> None:
    if guesses := ", ".join(compiled.unconfirmed):
        raise DialectMissing(
            f"These fields of the dialect are still guesses: {guesses}. Confirm each; see tongban cities check.",
            f"方言中以下字段仍是猜测：{guesses}。请逐一确认，见 tongban cities check。",
        )


def _profile(settings: Settings, city: str) -> CityProfile:
    profile = read_profiles(settings.profiles).get(city)
    if profile is None:
        raise DialectMissing(
            f"There is no profile of {city}; name a dialect with --dialect, or see docs/adding-a-city.md.",
            f"没有 {city} 的城市配置；请用 --dialect 指定方言，或参见 docs/adding-a-city.md。",
            city=city,
        )
    return profile


def _dialect(settings: Settings, city: str, given: str | None) -> CompiledDialect:
    today = beijing_day(now())
    if given is None:
        return dialect_of(_profile(settings, city), today)
    path = Path(given)
    if not path.is_file():
        path = settings.seeds_dir / FOLDER / f"{given}.yaml"
    if not path.is_file():
        raise DialectMissing(f"There is no dialect {given}.", f"没有方言 {given}。")
    found = dialect_from_file(path, settings.seeds_dir, overrides(path.stem), today)
    return compile_dialect(found.dialect, city=city)


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise NotFound(
            f"{file} cannot be read: {error.strerror}.", f"无法读取文件 {file}：{error.strerror}。"
        ) from None


@app.command
def publish(
    city: str | None = None,
    *,
    import_: Annotated[int | None, Parameter(name="--import")] = None,
    remove: Flag = False,
    json: Json = False,
) -> int:
    """发布目录: make the good rows of the newest import the items in force; again, it changes nothing.

    A gateway that runs takes them up within seconds. Quarantined rows leave what was there before in force.

    Parameters
    ----------
    city
        行政区划代码; default every city that has an import.
    import_
        One import by its number; then the city must be given.
    remove
        End items that the complete import does not hold; else they are only listed.
    json
        Print one JSON document.
    """
    if import_ is not None and city is None:
        err.print("--import 须与城市代码一起给出 / --import needs the city", highlight=False)
        return 64

    async def work(db: Database) -> list[Published]:
        cities = await stored.cities(db) if city is None else [city]
        return [await publish_import(db, one, import_id=import_, remove=remove, now=now()) for one in cities]

    found = _with_database(work)
    if json:
        print_json({"results": [published_json(one) for one in found]})
        return 0
    columns = ("城市 city", "导入 import", "新增 new", "变更 changed", "取消 removed", "将取消 would remove")
    rows = [
        (p.head.city, p.head.import_id, len(p.new), len(p.changed), len(p.removed), len(p.would_remove)) for p in found
    ]
    print_table("发布 published", columns, rows)
    for one in found:
        show_changes(one)
    return 0


@app.command
def quarantine(city: str | None = None, *, xlsx: Path | None = None, json: Json = False) -> int:
    """待改清单: records of the newest import that could not become items, each with why, for the city to mend.

    Parameters
    ----------
    city
        行政区划代码; default every city that has an import.
    xlsx
        Write an Excel file, one row for each finding.
    json
        Print one JSON document.
    """

    async def work(db: Database) -> list[tuple[Import, QuarantinedRow]]:
        cities = await stored.cities(db) if city is None else [city]
        return [pair for one in cities async for pair in _quarantined(db, one)]

    found = _with_database(work)
    lines = [finding_line(row, finding) for _, row in found for finding in row.findings]
    if xlsx is not None:
        write_xlsx(xlsx, "待改清单", SHEET_COLUMNS, lines[:_MOST_SHEET_ROWS])
        err.print(f"已写入 written: {xlsx}（{min(len(lines), _MOST_SHEET_ROWS)}/{len(lines)}）", highlight=False)
    if json:
        rows = [{"city": head.city, "import_id": head.import_id, **asdict(row)} for head, row in found]
        print_json({"data": rows})
    elif xlsx is None:
        print_table("待改清单 quarantine", SHEET_COLUMNS, lines)
    return 0


async def _quarantined(db: Database, city: str) -> AsyncIterator[tuple[Import, QuarantinedRow]]:
    head = await stored.newest(db, city)
    if head is None:
        raise NotFound(f"There is no import of {city}.", f"没有 {city} 的导入。")
    after = -1
    while page := await stored.quarantined(db, head.import_id, after, _PAGE):
        for row in page:
            yield head, row
        after = page[-1].seq


@app.command
def imports(city: str | None = None, *, limit: int = 50, json: Json = False) -> int:
    """导入记录: imports, newest first.

    Parameters
    ----------
    city
        行政区划代码; default every city.
    limit
        At most so many.
    json
        Print one JSON document.
    """

    async def work(db: Database) -> list[Import]:
        return await stored.listed(db, city, limit)

    found = _with_database(work)
    if json:
        print_json({"data": [import_json(head) for head in found]})
    else:
        print_table("导入 imports", IMPORT_COLUMNS, [import_row(head) for head in found])
    return 0
