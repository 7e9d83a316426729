"""归一化一个目录文件: choose the dialect, read record by record, normalise each; memory does not grow with the file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from adapters.normalization.compile import CompiledDialect, compile_dialect
from adapters.normalization.dialect_file import FOLDER, in_force, load_dialect, load_dialects
from adapters.normalization.item_dialect import ItemDialect
from adapters.normalization.normalize import Normalized, normalize
from adapters.normalization.report import CatalogueReport
from adapters.normalization.source import Source
from adapters.profile import CityProfile, load_profile
from adapters.profile_file import read_profile_file
from adapters.sources.reading import read_records
from schemas.errors import DialectMissing

Progress = Callable[[int, int], None]
"""Called now and then with what is done and what there is, in bytes or rows."""


@dataclass(frozen=True, slots=True)
class Read:
    """One record and what became of it."""

    record: dict[str, Any]
    normalized: Normalized


def dialect_of(profile: CityProfile, today: date) -> CompiledDialect:
    """The catalogue dialect that a city's profile has in force today. Raises DialectMissing."""
    found = in_force(profile.catalogue, today)
    if found is None:
        raise DialectMissing(
            f"The profile of {profile.code} has no catalogue dialect in force; see docs/adding-a-city.md.",
            f"城市 {profile.code} 的配置没有生效的事项方言（catalogue），写法见 docs/adding-a-city.md。",
            city=profile.code,
        )
    return compile_dialect(found, city=profile.code, shape=profile.codes)


def dialect_from_file(
    path: Path, seeds: Path, settings: dict[str, str], today: date, city: str | None = None
) -> CompiledDialect:
    """From a city's profile the dialect of today, from a dialect file the dialect itself. Raises SeedInvalid."""
    data = read_profile_file(path, settings).data
    bases = load_dialects(seeds / FOLDER)
    if "code" in data:
        return dialect_of(load_profile(path, settings, bases=bases), today)
    return compile_dialect(load_dialect(path, bases), city=city)


def source_for(dialect: ItemDialect) -> Source:
    """How a file of this dialect is read; a listing or a view that was saved to a file is JSON."""
    source = dialect.source or Source(format="json")
    if source.listing is not None:
        return Source(format="json", records=source.listing.rows)
    return Source(format="json") if source.view is not None else source


def normalised(path: Path, dialect: CompiledDialect, progress: Progress | None = None) -> Iterator[Read]:
    """Each record of the file and what became of it, in its order. Raises SourceUnreadable."""
    for record in read_records(path, source_for(dialect.dialect), progress=progress):
        yield Read(record.data, normalize(record.data, dialect, place=record.place))


def counted(reads: Iterator[Read], report: CatalogueReport) -> Iterator[Normalized]:
    """The same, with every record counted into a report."""
    for one in reads:
        report.add(one.record, one.normalized)
        yield one.normalized
