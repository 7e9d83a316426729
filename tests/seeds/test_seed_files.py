from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from gateway.usecases.read_seeds import SeedData, read_seeds
from schemas.agreement import Mode
from schemas.identifiers import TaskCodeShape, check_task_code
from schemas.model import Provenance
from schemas.service_item import Necessity, ServiceItem
from tests.schemas.shared_facts import shared_rows

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
JIEYANG = "445200"
PARTNERS = {"441300", "440500", "445100", "441500", "441400", "350600", "360700"}
CHINESE_MODES = {"全程网办": Mode.ONLINE, "异地代收代办": Mode.COLLECT, "多地联办": Mode.JOINT}


@pytest.fixture(scope="module")
def seeds() -> SeedData:
    return read_seeds(SEEDS)


def test_every_file_validates(seeds: SeedData) -> None:
    counts = {name: len(getattr(seeds, name)) for name in SeedData.__slots__}
    assert counts == {
        "divisions": 98,
        "counties": 32,
        "cities": 8,
        "items": 64,
        "agreements": 11,
        "licence_types": 14,
        "calendar": 39,
        "codes": 139,
        "national_items": 59,
    }


def test_the_readme_names_every_file() -> None:
    readme = (SEEDS / "README.md").read_text(encoding="utf-8")
    files = [path.relative_to(SEEDS) for path in SEEDS.rglob("*") if path.suffix in {".csv", ".yaml"}]
    for path in files:
        if path.parts[0] != "cities":
            assert f"`{path.as_posix()}`" in readme


def test_the_cities(seeds: SeedData) -> None:
    assert {city.division_code for city in seeds.cities} == {JIEYANG} | PARTNERS


def test_names_and_modes_marked_as_fact_are_those_of_the_national_list(seeds: SeedData) -> None:
    national = {item.name: item for item in seeds.national_items if 17 <= item.seq <= 24}
    assert {item.name for item in seeds.items} == national.keys()
    for item in seeds.items:
        assert item.provenance["name"] is Provenance.SOURCE
        assert item.provenance["modes"] is Provenance.SOURCE
        assert item.modes == tuple(CHINESE_MODES[word] for word in national[item.name].modes)
    per_city = Counter(item.modes for item in seeds.items if item.city == JIEYANG)
    assert per_city == {(Mode.ONLINE,): 5, (Mode.COLLECT,): 2, (Mode.JOINT,): 1}


def test_all_else_in_the_items_is_shown_as_fictitious(seeds: SeedData) -> None:
    facts = {"name", "modes", "city"}
    for item in seeds.items:
        sources = {name for name, source in item.provenance.items() if source is Provenance.SOURCE}
        assert sources == facts
        assert item.provenance["task_code"] is Provenance.FICTITIOUS
        assert item.provenance["implementing_body"] is Provenance.FICTITIOUS


def test_task_codes_are_well_formed_and_made_of_their_parts(seeds: SeedData) -> None:
    for item in seeds.items:
        check_task_code(item.task_code, TaskCodeShape())
        assert item.task_code == f"{item.implementing_body.credit_code}{item.use_level}{item.item_code}"
    assert len({item.task_code for item in seeds.items}) == len(seeds.items)


def test_the_cities_differ(seeds: SeedData) -> None:
    def differing(item: ServiceItem) -> str:
        return item.model_dump_json(exclude={"city", "task_code", "implementing_body", "provenance", "windows"})

    for code in ("002017900002", "002017900007"):
        assert len({differing(item) for item in seeds.items if item.item_code == code}) >= 4
    extra = [item for item in seeds.items if item.material("M90") is not None]
    assert [(item.city, item.item_code) for item in extra] == [("441500", "002017900007")]
    assert len(extra[0].materials) == 3


def test_material_lists_show_what_the_gateway_can_do(seeds: SeedData) -> None:
    materials = [material for item in seeds.items for material in item.materials]
    assert any(material.tolerable and material.necessity is Necessity.REQUIRED for material in materials)
    assert any("11100000000013127D001" in material.licence_types for material in materials)


def test_the_agreements(seeds: SeedData) -> None:
    today = date(2026, 11, 24)
    in_force = {(one.collecting_city, one.deciding_city) for one in seeds.agreements if one.in_force(today)}
    assert in_force == {(JIEYANG, city) for city in PARTNERS} | {
        (city, JIEYANG) for city in ("441300", "441500", "441400")
    }
    [expired] = [one for one in seeds.agreements if not one.in_force(today)]
    assert (expired.collecting_city, expired.deciding_city) == ("445100", JIEYANG)
    assert expired.in_force(date(2025, 12, 31))
    assert sum(Mode.JOINT in one.modes for one in seeds.agreements) == 1
    for one in seeds.agreements:
        assert len(one.items) == 8
        assert set(one.provenance.values()) == {Provenance.FICTITIOUS}
        assert {"valid_from", "items", "hop_limit"} <= one.provenance.keys()


def test_holidays_and_makeup_workdays_fit_their_weekdays(seeds: SeedData) -> None:
    makeup = [day.day for day in seeds.calendar if day.kind == "makeup_workday"]
    assert len(makeup) == 6
    assert all(day.weekday() >= 5 for day in makeup)


def test_only_confirmed_national_items_are_shipped(seeds: SeedData) -> None:
    confirmed = [row for row in shared_rows("kuasheng_items.csv") if row["confidence"].startswith("confirmed")]
    assert [(item.seq, item.document, item.name, item.lead_ministry) for item in seeds.national_items] == [
        (int(row["seq"]), row["document"], row["item_name"], row["lead_ministry"]) for row in confirmed
    ]
    for item, row in zip(seeds.national_items, confirmed, strict=True):
        assert "/".join(item.modes) == row["mode"]


def test_no_code_of_the_collected_tables_was_lost(seeds: SeedData) -> None:
    rows = shared_rows("code_tables.csv")
    assert Counter(entry.code for entry in seeds.codes) == Counter(row["code"] for row in rows)
    standard = {entry.table for entry in seeds.codes if entry.origin == "standard"}
    assert standard == {row["table"].split(" ")[1] for row in rows if row["source"].startswith("GB/T 39046")}


def test_divisions_and_licence_types_are_those_collected(seeds: SeedData) -> None:
    assert {(one.code, one.name) for one in seeds.divisions} == {
        (row["code"], row["name"]) for row in shared_rows("divisions.csv")
    }
    assert {(one.type_code or "", one.name) for one in seeds.licence_types} == {
        (row["type_code"], row["name"]) for row in shared_rows("licence_types.csv")
    }
