"""xlsx that is damaged, hostile or odd: refused with a place, or read where the oddity does no harm."""

import zipfile
from pathlib import Path

import pytest

from tests.adapters.sources.office_files import biff, compound, repacked
from tests.adapters.sources.reading_of import data, put, read, refusal, where
from tests.adapters.sources.test_sheets import SHEET, simple


def test_macros_are_refused(tmp_path: Path) -> None:
    plain = simple(tmp_path)
    with_macros = repacked(plain, tmp_path / "a.xlsx", {"xl/vbaProject.bin": b"x"})
    assert "另存为.xlsx" in refusal(with_macros, "sheet").detail_zh
    named = put(tmp_path, "b.xlsm", plain.read_bytes())
    assert "另存为.xlsx" in refusal(named, "sheet").detail_zh
    with zipfile.ZipFile(plain) as package:
        types = package.read("[Content_Types].xml").replace(b"spreadsheetml.sheet.main", b"sheet.macroEnabled.main")
    declared = repacked(plain, tmp_path / "c.xlsx", {"[Content_Types].xml": types})
    assert "另存为.xlsx" in refusal(declared, "sheet").detail_zh


def test_a_password_is_refused(tmp_path: Path) -> None:
    sealed = put(tmp_path, "a.xlsx", compound({"EncryptionInfo": b"x", "EncryptedPackage": b"y"}))
    assert "密码保护" in refusal(sealed, "sheet").detail_zh
    flagged = bytearray(simple(tmp_path).read_bytes())
    flagged[flagged.index(b"PK\x01\x02") + 8] |= 1
    assert "密码保护" in refusal(put(tmp_path, "b.xlsx", bytes(flagged)), "sheet").detail_zh


def test_damage_is_refused(tmp_path: Path) -> None:
    content = simple(tmp_path).read_bytes()
    assert "已损坏" in refusal(put(tmp_path, "a.xlsx", content[: len(content) // 2]), "sheet").detail_zh
    middle = len(content) // 3
    broken = content[:middle] + bytes(200) + content[middle + 200 :]
    assert "已损坏" in refusal(put(tmp_path, "b.xlsx", broken), "sheet").detail_zh
    assert "不是xlsx" in refusal(put(tmp_path, "c.xls", "<table><tr><td>编码</td></tr></table>"), "sheet").detail_zh
    assert "不是xlsx" in refusal(put(tmp_path, "d.xlsx", b""), "sheet").detail_zh


def part(rows: str) -> bytes:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'.encode()


HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>甲</t></is></c><c r="B1" t="str"><v>乙</v></c></row>'
PART_FAULTS = {
    "rows out of order": HEADER + '<row r="1"><c r="A1"><v>1</v></c></row>',
    "cells out of order": HEADER + '<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>',
    "no such column": HEADER + '<row r="2"><c r="XFE2"><v>1</v></c></row>',
    "no column": HEADER + '<row r="2"><c r="22"><v>1</v></c></row>',
    "no such text": HEADER + '<row r="2"><c r="A2" t="s"><v>99</v></c></row>',
    "a text before the first": HEADER + '<row r="2"><c r="A2" t="s"><v>-1</v></c></row>',
    "no number": HEADER + '<row r="2"><c r="A2"><v>nan</v></c></row>',
    "no row number": HEADER + '<row r="x"><c r="A2"><v>1</v></c></row>',
    "no XML": HEADER + "<row>",
}


@pytest.mark.parametrize("rows", PART_FAULTS.values(), ids=PART_FAULTS)
def test_a_sheet_that_contradicts_itself_is_refused(tmp_path: Path, rows: str) -> None:
    path = repacked(simple(tmp_path), tmp_path / "a.xlsx", {SHEET: part(rows)})
    assert where(refusal(path, "sheet"))[0] == "事项"


def test_a_sheet_may_leave_out_what_can_be_counted(tmp_path: Path) -> None:
    rows = HEADER.replace(' r="A1"', "").replace(' r="B1"', "").replace(' r="1"', "") + (
        '<row><c t="d"><v>2026-01-31T00:00:00</v></c><c t="b"><v>1</v></c></row><row/><row><c/><c><v>1e3</v></c></row>'
        '<row><c s="99"><v>7</v></c><c t="s"><v></v></c></row>'
    )
    path = repacked(simple(tmp_path), tmp_path / "a.xlsx", {SHEET: part(rows)})
    assert [(one.place, one.data) for one in read(path, "sheet")] == [
        ("事项!第2行", {"甲": "2026-01-31", "乙": True}),
        ("事项!第4行", {"甲": None, "乙": 1000}),
        ("事项!第5行", {"甲": 7, "乙": None}),
    ]


def changed(tmp_path: Path, name: str, old: bytes, new: bytes) -> Path:
    plain = simple(tmp_path)
    with zipfile.ZipFile(plain) as package:
        content = package.read(name)
    assert old in content
    return repacked(plain, tmp_path / "changed.xlsx", {name: content.replace(old, new, 1)})


RELATIONS = "xl/_rels/workbook.xml.rels"
ESCAPES = {
    "a relation to nowhere": (RELATIONS, b'Target="worksheets/sheet1.xml"', b'Target="nowhere.xml"'),
    "a relation without target": (RELATIONS, b'Target="worksheets/sheet1.xml"', b""),
    "a relation without id": (RELATIONS, b'Id="rId1" ', b""),
    "a sheet without relation": ("xl/workbook.xml", b' r:id="rId1"', b""),
    "a sheet without name": ("xl/workbook.xml", b' name="', b' nome="'),
}


@pytest.mark.parametrize("change", ESCAPES.values(), ids=ESCAPES)
def test_a_workbook_that_contradicts_itself_is_refused(tmp_path: Path, change: tuple[str, bytes, bytes]) -> None:
    assert refusal(changed(tmp_path, *change), "sheet").facts["file"] == "changed.xlsx"


ODDITIES = {
    "a number format without number": (
        "xl/styles.xml",
        b"<fonts",
        b'<numFmts><numFmt formatCode="0"/></numFmts><fonts',
    ),
    "a comment in a text": ("xl/sharedStrings.xml", b"<si>", b"<si><!-- x -->"),
    "an instruction in a text": ("xl/sharedStrings.xml", b"<si>", b"<si><?x y?>"),
    "a comment in a row": (SHEET, b"<c ", b"<!-- x --><c "),
    "a comment among the sheets": ("xl/workbook.xml", b"<sheets>", b"<sheets><!-- x -->"),
}


@pytest.mark.parametrize("change", ODDITIES.values(), ids=ODDITIES)
def test_what_is_odd_but_harmless_is_read(tmp_path: Path, change: tuple[str, bytes, bytes]) -> None:
    assert data(changed(tmp_path, *change), "sheet") == data(simple(tmp_path), "sheet") != []


def test_a_workbook_in_the_strict_format_is_refused(tmp_path: Path) -> None:
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    path = changed(tmp_path, "xl/workbook.xml", main, b"http://purl.oclc.org/ooxml/spreadsheetml/main")
    assert "Strict Open XML" in refusal(path, "sheet").detail_zh


def test_a_chinese_date_format_without_text_is_a_date(tmp_path: Path) -> None:
    with zipfile.ZipFile(simple(tmp_path)) as package:
        styles = package.read("xl/styles.xml")
    start, end = styles.index(b"<cellXfs"), styles.index(b"</cellXfs>")
    dated = styles[:start] + b'<cellXfs count="2"><xf/><xf numFmtId="31"/>' + styles[end:]
    rows = part(HEADER + '<row r="2"><c r="A2" s="1"><v>46053</v></c><c r="B2" s="-1"><v>46053</v></c></row>')
    path = repacked(simple(tmp_path), tmp_path / "a.xlsx", {"xl/styles.xml": dated, SHEET: rows})
    assert data(path, "sheet") == [{"甲": "2026-01-31", "乙": 46053}]


def test_what_a_sheet_claims_of_its_size_is_not_believed(tmp_path: Path) -> None:
    claimed = part(HEADER + '<row r="2"><c r="A2"><v>1</v></c></row>').replace(
        b"<sheetData>", b'<dimension ref="A1:A1"/><sheetData>'
    )
    path = repacked(simple(tmp_path), tmp_path / "a.xlsx", {SHEET: claimed})
    assert data(path, "sheet") == [{"甲": 1, "乙": None}]
    path = repacked(simple(tmp_path), tmp_path / "b.xlsx", {SHEET: part(HEADER + '<row r="1048577"><c/></row>')})
    assert "行顺序有误" in refusal(path, "sheet").detail_zh


def test_control_characters_of_a_text(tmp_path: Path) -> None:
    texts = ("a_x000D_b", "_x005F_x0041_", "_x0000_", "_xD800_")
    cells = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)
    heads = "".join(f'<c t="inlineStr"><is><t>{letter}</t></is></c>' for letter in "abcd")
    path = repacked(simple(tmp_path), tmp_path / "a.xlsx", {SHEET: part(f"<row>{heads}</row><row>{cells}</row>")})
    assert data(path, "sheet") == [{"a": "a\rb", "b": "_x0041_", "c": "_x0000_", "d": "_xD800_"}]


def test_entities_are_refused(tmp_path: Path) -> None:
    evil = b'<!DOCTYPE x [<!ENTITY a "b">]>' + part(HEADER)
    assert "DOCTYPE" in refusal(repacked(simple(tmp_path), tmp_path / "a.xlsx", {SHEET: evil}), "sheet").detail_zh
    with zipfile.ZipFile(simple(tmp_path)) as package:
        styles = package.read("xl/styles.xml")
    evil = styles.replace(b"<styleSheet", b"<!DOCTYPE x [<!ENTITY a 'b'>]><styleSheet")
    changed = repacked(simple(tmp_path), tmp_path / "b.xlsx", {"xl/styles.xml": evil})
    assert "DOCTYPE" in refusal(changed, "sheet").detail_zh


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    swollen = repacked(simple(tmp_path), tmp_path / "a.xlsx", {SHEET: part(HEADER + " " * 40_000_000)})
    assert swollen.stat().st_size < 100_000
    assert "解压后过大" in refusal(swollen, "sheet").detail_zh
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as many:
        for number in range(10_001):
            many.writestr(f"xl/{number}", b"")
    assert "解压后过大" in refusal(tmp_path / "b.xlsx", "sheet").detail_zh
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w", zipfile.ZIP_LZMA) as unusual:
        unusual.writestr("[Content_Types].xml", b"x" * 100)
    assert "压缩方式" in refusal(tmp_path / "c.xlsx", "sheet").detail_zh


@pytest.mark.parametrize(
    "gone", ["xl/workbook.xml", SHEET, "[Content_Types].xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"]
)
def test_a_part_that_is_missing(tmp_path: Path, gone: str) -> None:
    path = repacked(simple(tmp_path), tmp_path / "a.xlsx", {gone: None})
    assert refusal(path, "sheet").facts["file"] == "a.xlsx"


def test_a_workbook_without_styles_and_strings_can_be_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(simple(tmp_path)) as package:
        relations = package.read("xl/_rels/workbook.xml.rels")
    kept = relations[: relations.index(b"<Relationship ")] + (
        b'<Relationship Id="rId1" Type="x/worksheet" Target="/xl/worksheets/sheet1.xml"/></Relationships>'
    )
    changes: dict[str, bytes | None] = {
        "xl/_rels/workbook.xml.rels": kept,
        "xl/styles.xml": None,
        "xl/sharedStrings.xml": None,
        "_rels/.rels": None,
        SHEET: part(HEADER + '<row><c s="1"><v>5</v></c></row>'),
    }
    assert data(repacked(simple(tmp_path), tmp_path / "a.xlsx", changes), "sheet") == [{"甲": 5, "乙": None}]


def test_an_xlsb_is_no_sheet_we_read(tmp_path: Path) -> None:
    path = repacked(simple(tmp_path), tmp_path / "a.xlsx", {"xl/workbook.bin": b"x"})
    assert "不是xlsx" in refusal(path, "sheet").detail_zh


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xlsx", compound({"Workbook": biff({"事项": [["编码"], ["1"]]})}))
    assert data(path, "sheet") == [{"编码": "1"}]
