"""Each case breaks a copy of seeds/ in one place; the error must name the file, the line and the field."""

import shutil
from pathlib import Path

import pytest

from gateway.usecases.read_seeds import read_seeds
from schemas.errors import SeedInvalid

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
ITEMS = "items/housing_fund.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "seeds"
    shutil.copytree(SEEDS, copy, ignore=shutil.ignore_patterns("cities", "__pycache__"))
    return copy


def refused(folder: Path) -> SeedInvalid:
    with pytest.raises(SeedInvalid) as caught:
        read_seeds(folder)
    error = caught.value
    assert str(error.facts["file"]) in error.detail
    assert str(error.facts["file"]) in error.detail_zh
    assert f"line {error.facts['line']}" in error.detail
    assert f"第{error.facts['line']}行" in error.detail_zh
    assert str(error.facts["field"]) in error.detail
    return error


# file, old text, new text, field, and how many lines from the new text the error points
BROKEN = [
    ("divisions.csv", "440100,广州市", "44010,广州市", "code", 0),
    ("divisions.csv", "440200,韶关市", "440100,韶关市", "code", 0),
    ("divisions.csv", "440200,韶关市,广东省,440000", "440200,韶关市,广东省,450000", "province_code", 0),
    ("divisions.csv", "440200,韶关市,广东省,440000,prefecture", "440200,韶关市,广东省,440000,town", "level", 0),
    ("divisions.csv", "440200,韶关市", "440200,", "name", 0),
    ("divisions.csv", "440200,韶关市", "440200,韶关市,多", "", 0),
    ("divisions.csv", "440200,韶关市", '440200,"韶关"市', "", 0),
    ("divisions.csv", "code,name", "code,nmae", "", 0),
    ("counties.csv", "445202,榕城区,445200", "445202,榕城区,445300", "code", 0),
    ("counties.csv", "445202,榕城区,445200", "445202,榕城区,999900", "city_code", 0),
    ("counties.csv", "445203,揭东区", "445202,揭东区", "code", 0),
    ("national_items.csv", "2,国办发〔2020〕35号,学位公证", "1,国办发〔2020〕35号,学位公证", "seq", 0),
    (
        "national_items.csv",
        "2,国办发〔2020〕35号,学位公证,司法部,,2020-12,confirmed_name",
        "2,国办发〔2020〕35号,学位公证,司法部,,2020-12,unconfirmed",
        "confidence",
        0,
    ),
    ("licence_types.csv", ",结婚证,民政部,not_found", ",结婚证,民政部,confirmed", "", 0),
    ("licence_types.csv", ",结婚证,民政部", ",居民户口簿,民政部", "type_code", 2),
    ("licence_types.csv", "11100000MB0143028R001", "11100000MB0143028X001", "type_code", 0),
    ("code_tables.csv", "task_type,事项类型,standard,,01", "task_type,事项类型,standard,,00", "code", 0),
    ("code_tables.csv", "task_type,事项类型,standard,,01", "task_type,事项类型,rumour,,01", "origin", 0),
    ("calendar/2026.csv", "2026-10-07,holiday", "2027-10-07,holiday", "day", 0),
    ("calendar/2026.csv", "2026-10-07,holiday", "2026-10-06,holiday", "day", 0),
    ("calendar/2026.csv", "2026-10-07,holiday", "2026-10-32,holiday", "day", 0),
    ("calendar/2026.csv", "2026-10-07,holiday", "2026-10-07,feast", "kind", 0),
    (
        "cities.yaml",
        '{division_code: "441300", name: 惠州市',
        '{division_code: "441300", name: 惠阳市',
        "cities[1].division_code",
        0,
    ),
    ("cities.yaml", '{division_code: "441300"', '{division_code: "999900"', "cities[1].division_code", 0),
    ("cities.yaml", '{division_code: "441300"', '{division_code: "44130"', "cities[1].division_code", 0),
    (
        "cities.yaml",
        '{division_code: "441300", name: 惠州市',
        '{division_code: "445200", name: 揭阳市',
        "cities[1].division_code",
        0,
    ),
    ("cities.yaml", '{division_code: "441300"', '{provenance: {}, division_code: "441300"', "cities[1].provenance", 0),
    ("cities.yaml", "province_name: 江西省}", "province_name: 江西省, mayor: 无}", "cities[7].mayor", 0),
    ("cities.yaml", "provenance: {default: source}", "provenance: {name: source}", "provenance", 0),
    ("cities.yaml", "provenance: {default: source}", "provenance: {default: rumour}", "provenance.default", 0),
    (
        "cities.yaml",
        "provenance: {default: source}",
        "provenance: {default: source, nmae: source}",
        "provenance.nmae",
        0,
    ),
    ("cities.yaml", "name: 惠州市", "name: 惠州市, name: 惠州市", "cities[1].name", 0),
    ("cities.yaml", "name: 惠州市", "? [a, b] : 惠州市", "cities[1]", 0),
    ("cities.yaml", "name: 惠州市", "name: [惠州市", "", 0),
    ("cities.yaml", "name: 惠州市", "name: !!python/name:os.system 惠州市", "", 0),
    ("cities.yaml", "name: 惠州市", "name: *nobody", "", 0),
    ("cities.yaml", "name: 惠州市", "name: 惠\x07州", "", 0),
    ("cities.yaml", "name: 惠州市", "name: " + "[" * 50 + "]" * 50, "cities[1].name", 0),
    (ITEMS, "  version: 1", "  version: one", "common.version", 0),
    (ITEMS, "  version: 1", "  city: '445200'", "common.city", 0),
    (ITEMS, "  version: 1", "  version: 1\n  version: 2", "common.version", 1),
    (ITEMS, '  use_level: "3"', '  use_level: "8"', "common.use_level", 0),
    (ITEMS, "effective_from: 2026-01-01", "effective_from: 2026-02-30", "common.effective_from", 0),
    (ITEMS, '- item_code: "002017900002"', '- item_code: "00201790000"', "items[1].item_code", 0),
    (ITEMS, '- item_code: "002017900005"', '- item_code: "002017900004"', "items[4].item_code", 0),
    (ITEMS, '- item_code: "002017900005"', "- project_type: OTHER", "items[4].project_type", 3),
    (ITEMS, "name: 提前还清住房公积金贷款", "nmae: 提前还清住房公积金贷款", "items[7].name", -1),
    (ITEMS, "modes: [JOINT]", "modes: [TOGETHER]", "items[5].modes[0]", 0),
    (ITEMS, "modes: [JOINT]", "modes: [JOINT]\n    task_code: '12345678'", "items[5].task_code", 1),
    (ITEMS, "necessity: OPTIONAL", "necessity: PERHAPS", "items[4].materials[2].necessity", 0),
    (
        ITEMS,
        'licence_types: ["11100000MB03271699001"]',
        "licence_types: [X]",
        "items[5].materials[1].licence_types[0]",
        0,
    ),
    (ITEMS, 'city: "441300"', 'city: "440100"', "offered_by[1].city", 0),
    (ITEMS, 'city: "441300"', 'city: "445200"', "offered_by[1].city", 0),
    (ITEMS, "12441300DEMY00023B", "12441300DEMY00023C", "offered_by[1].body.credit_code", 0),
    (ITEMS, "12441300DEMY00023B", "12445200DEMY00015W", "offered_by[1].body.credit_code", 0),
    (ITEMS, "courier_supported: false", "courier_supported: perhaps", "offered_by[3].fields.courier_supported", 0),
    (ITEMS, "courier_supported: false", "item_code: '002017900001'", "offered_by[3].fields.item_code", 0),
    (ITEMS, "promised_limit_note:", "promise_note:", "offered_by[5].overrides.002017900002.promise_note", 0),
    (ITEMS, "promised_limit_note:", "item_code:", "offered_by[5].overrides.002017900002.item_code", 0),
    (ITEMS, "material_code: M90", "material_code: M01", "offered_by[4].extra_materials.002017900007", -1),
    (ITEMS, 'city: "441500"', "city: '441500'\n    fields: {materials: none}", "offered_by[4].fields.materials", 1),
    (
        ITEMS,
        'extra_materials:\n      "002017900007"',
        "extra_materials:\n      '002017900077'",
        "offered_by[4].extra_materials.002017900077",
        1,
    ),
    (ITEMS, "order: 90", "order: -1", "offered_by[4].extra_materials.002017900007[0].order", 0),
    (ITEMS, "amount_fen: 500", "amount_yuan: 5", "offered_by[6].overrides.002017900007.fees[0].amount_yuan", 0),
    (
        "agreements.yaml",
        "agreement_id: AG-445200-440500-1",
        "agreement_id: AG-445200-441300-1",
        "agreements[1].agreement_id",
        0,
    ),
    ("agreements.yaml", 'deciding_city: "360700"', 'deciding_city: "440100"', "agreements[6].deciding_city", 0),
    ("agreements.yaml", 'deciding_city: "440500"', 'deciding_city: "445200"', "agreements[1]", -3),
    ("agreements.yaml", "valid_until: 2025-12-31", "valid_until: 2024-12-31", "agreements[10]", -7),
    ("agreements.yaml", "valid_until: 2025-12-31", "valid_until: soon", "agreements[10].valid_until", 0),
    ("agreements.yaml", '- "002017900008"', '- "002017900009"', "agreements[0].items[7]", 0),
    ("agreements.yaml", "modes: [ONLINE, COLLECT, JOINT]", "modes: []", "agreements[0].modes", 0),
    ("agreements.yaml", "deemed_acceptance: false", "provenance: {}", "agreements[6].provenance", 0),
]


@pytest.mark.parametrize("case", BROKEN, ids=[f"{n}-{case[0]}" for n, case in enumerate(BROKEN)])
def test_one_fault_in_one_file(folder: Path, case: tuple[str, str, str, str, int]) -> None:
    name, old, new, field, moved = case
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    error = refused(folder)
    assert (error.facts["file"], error.facts["field"]) == (name, field)
    assert error.facts["line"] == text[: text.index(old)].count("\n") + 1 + moved


@pytest.mark.parametrize("name", ["divisions.csv", "agreements.yaml", ITEMS, "cities.yaml"])
def test_a_line_that_is_not_utf_8(folder: Path, name: str) -> None:
    lines = (folder / name).read_bytes().split(b"\n")
    lines[2] = "揭阳".encode("gbk")
    (folder / name).write_bytes(b"\n".join(lines))
    assert refused(folder).facts["line"] == 3


@pytest.mark.parametrize("name", ["divisions.csv", "agreements.yaml", "cities.yaml"])
def test_a_file_that_is_gone(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refused(folder).facts["file"] == name


@pytest.mark.parametrize(("name", "pattern"), [(ITEMS, "items/*.yaml"), ("calendar/2026.csv", "calendar/*.csv")])
def test_a_folder_without_files(folder: Path, name: str, pattern: str) -> None:
    (folder / name).unlink()
    assert refused(folder).facts["file"] == pattern


@pytest.mark.parametrize("name", ["divisions.csv", "agreements.yaml"])
def test_an_empty_file(folder: Path, name: str) -> None:
    (folder / name).write_text("", encoding="utf-8")
    assert refused(folder).facts["line"] == 1


def test_two_files_with_the_same_item(folder: Path) -> None:
    shutil.copy(folder / ITEMS, folder / "items/second.yaml")
    error = refused(folder)
    assert (error.facts["file"], error.facts["field"]) == ("items/second.yaml", "items[0].item_code")


def test_an_alias_that_contains_itself(folder: Path) -> None:
    (folder / "cities.yaml").write_text("provenance: {default: source}\ncities: &all [*all]\n", encoding="utf-8")
    assert refused(folder).facts["line"] == 2


def test_a_file_saved_with_a_byte_order_mark_is_read(folder: Path) -> None:
    for name in ("divisions.csv", "cities.yaml"):
        (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    assert len(read_seeds(folder).divisions) == 98


def test_a_city_with_codes_of_another_shape_writes_its_own(folder: Path) -> None:
    path = folder / ITEMS
    text = path.read_text(encoding="utf-8")
    own = "promised_limit_note: 无\n        task_code: 511A0138-001"
    path.write_text(text.replace("promised_limit_note: 演示：需人工核对历史台账。", own), encoding="utf-8")
    [item] = [one for one in read_seeds(folder).items if one.task_code == "511A0138-001"]
    assert (item.city, item.item_code) == ("441400", "002017900002")


def test_materials_that_are_no_list(folder: Path) -> None:
    path = folder / ITEMS
    text = path.read_text(encoding="utf-8")
    head, body = text.split("offered_by:")
    start = head.rindex("    materials:", 0, head.index("002017900008"))
    end = head.index("  - item_code", start)
    path.write_text(f"{head[:start]}    materials: none\n\n{head[end:]}offered_by:{body}", encoding="utf-8")
    error = refused(folder)
    assert error.facts["field"] == "items[6].materials"
    assert error.facts["line"] == text[:start].count("\n") + 1
