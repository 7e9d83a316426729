"""读取种子数据: seeds/ as checked values, or SeedInvalid naming file, line and field."""

from collections.abc import Callable, Hashable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.usecases.located_files import Row, file_names, read_csv
from gateway.usecases.read_seed_items import read_agreements, read_cities, read_items
from gateway.usecases.seed_rows import CalendarDay, CodeEntry, County, Division, NationalItem
from schemas.agreement import Agreement
from schemas.city import City
from schemas.licence import LicenceType
from schemas.service_item import ServiceItem

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SeedData:
    """种子数据: everything in seeds/ except the city profiles."""

    divisions: tuple[Division, ...]
    counties: tuple[County, ...]
    cities: tuple[City, ...]
    items: tuple[ServiceItem, ...]
    """Expanded: one for each city and item."""
    agreements: tuple[Agreement, ...]
    licence_types: tuple[LicenceType, ...]
    calendar: tuple[CalendarDay, ...]
    codes: tuple[CodeEntry, ...]
    national_items: tuple[NationalItem, ...]


def read_seeds(folder: Path) -> SeedData:
    """Every file of `folder`, read and checked. Raises SeedInvalid at the first fault."""
    divisions = _read_divisions(folder)
    licence_types = _unique(
        folder, "licence_types.csv", LicenceType, lambda one: one.type_code or one.name, "type_code"
    )
    cities = read_cities(folder, {one.code: (one.name, one.province_name) for one in divisions})
    city_codes = {city.division_code for city in cities}
    items = read_items(folder, city_codes, {one.type_code for one in licence_types if one.type_code is not None})
    return SeedData(
        divisions=divisions,
        counties=_read_counties(folder, {one.code for one in divisions}),
        cities=cities,
        items=items,
        agreements=read_agreements(folder, city_codes, {(item.city, item.item_code) for item in items}),
        licence_types=licence_types,
        calendar=_read_calendar(folder),
        codes=_unique(
            folder, "code_tables.csv", CodeEntry, lambda one: (one.table, one.origin, one.vendor, one.code), "code"
        ),
        national_items=_unique(folder, "national_items.csv", NationalItem, lambda one: one.seq, "seq"),
    )


def _rows(folder: Path, name: str, kind: type[T], key: Callable[[T], Hashable], field: str) -> Iterator[tuple[Row, T]]:
    """The rows of a file whose columns are the fields of `kind`; the same key twice is refused."""
    columns = tuple(kind.__annotations__)
    seen: dict[Hashable, int] = {}
    for row in read_csv(folder, name, columns):
        value = row.as_a(kind)
        first = seen.setdefault(key(value), row.line)
        if first != row.line:
            raise row.at(field, f"repeats line {first}", f"与第{first}行重复")
        yield row, value


def _unique(folder: Path, name: str, kind: type[T], key: Callable[[T], Hashable], field: str) -> tuple[T, ...]:
    return tuple(value for _, value in _rows(folder, name, kind, key, field))


def _read_divisions(folder: Path) -> tuple[Division, ...]:
    found = []
    for row, division in _rows(folder, "divisions.csv", Division, lambda one: one.code, "code"):
        if division.code[:2] != division.province_code[:2]:
            raise row.at("province_code", "is not the province of the code", "与代码所属省份不符")
        found.append(division)
    return tuple(found)


def _read_counties(folder: Path, divisions: Set[str]) -> tuple[County, ...]:
    found = []
    for row, county in _rows(folder, "counties.csv", County, lambda one: one.code, "code"):
        if county.city_code not in divisions:
            raise row.at("city_code", "is in no line of divisions.csv", "不在divisions.csv中")
        if county.code[:4] != county.city_code[:4]:
            raise row.at("code", "is not a county of that city", "不属于该城市")
        found.append(county)
    return tuple(found)


def _read_calendar(folder: Path) -> tuple[CalendarDay, ...]:
    found = []
    for name in file_names(folder, "calendar/*.csv"):
        for row, day in _rows(folder, name, CalendarDay, lambda one: one.day, "day"):
            if str(day.day.year) != Path(name).stem:
                raise row.at("day", "is not in the year of the file name", "不在文件名所示年份内")
            found.append(day)
    return tuple(found)
