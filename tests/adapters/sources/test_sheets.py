"""xlsx: what a clerk typed is what is read; children find their parents; every fault has sheet, row and column."""

import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.normalization.source import Source
from adapters.sources.cells import column_number
from adapters.sources.headers import column_letters
from adapters.sources.reading import read_records
from tests.adapters.sources.office_files import biff, compound, repacked
from tests.adapters.sources.reading_of import data, put, read, refusal, where

SHEET = "xl/worksheets/sheet1.xml"


def book(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], **options: Any) -> Path:
    with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd hh:mm", **options}) as made:
        for name, rows in sheets.items():
            sheet = made.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(number, column, value)
                    elif value is not None:
                        sheet.write(number, column, value)
    return path


def simple(tmp_path: Path) -> Path:
    return book(tmp_path / "simple.xlsx", {"事项": [["编码", "名称"], ["1", "提取"]]})


@pytest.mark.parametrize("constant_memory", [False, True], ids=["shared strings", "inline strings"])
def test_what_was_typed_is_what_is_read(tmp_path: Path, *, constant_memory: bool) -> None:
    rows: list[list[Any]] = [
        ["事项编码", "数字", "日期", "真假"],
        ["002017900001", 2017900001, datetime.fromisoformat("2026-01-31"), True],
        [" ", None, None, None],
        [None, 1.5, datetime.fromisoformat("2026-01-31T08:00"), False],
        ["第一行\n第二行 <&>", 20.0, time(8, 30), None],
        ["_x0041_\x07", -3, date(1900, 2, 27), None],
    ]
    path = book(tmp_path / "a.xlsx", {"事项": rows}, constant_memory=constant_memory)
    records = read(path, "sheet")
    assert [one.place for one in records] == ["事项!第2行", "事项!第4行", "事项!第5行", "事项!第6行"]
    assert [list(one.data.values()) for one in records] == [
        ["002017900001", 2017900001, "2026-01-31", True],
        [None, 1.5, "2026-01-31T08:00:00", False],
        ["第一行\n第二行 <&>", 20, "08:30:00", None],
        ["_x0041_\x07", -3, "1900-02-27", None],
    ]
    assert [type(one.data["数字"]) for one in records] == [int, float, int, int]


def test_number_formats_say_what_a_number_is(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path), {"date_1904": True}) as made:
        sheet = made.add_worksheet("事项")
        sheet.write_row(0, 0, ["时长", "日期", "比例", "大数", "坏日期", "公式", "富文本"])
        sheet.write_number(1, 0, 1.25, made.add_format({"num_format": "[h]:mm"}))
        sheet.write_datetime(
            1, 1, datetime.fromisoformat("2026-01-31"), made.add_format({"num_format": 'yyyy"年"m"月"d"日"'})
        )
        sheet.write_number(1, 2, 0.07, made.add_format({"num_format": "0%"}))
        sheet.write_number(1, 3, 114413000071234567)
        sheet.write_formula(1, 5, "=1+1", None, 2)
        sheet.write_rich_string(1, 6, "住房", made.add_format({"bold": True}), "公积金")
    (row,) = data(path, "sheet")
    assert row == {
        "时长": "30:00:00",
        "日期": "2026-01-31",
        "比例": 0.07,
        "大数": "1.14413000071235e+17",
        "坏日期": None,
        "公式": 2,
        "富文本": "住房公积金",
    }


def test_a_date_that_no_calendar_has_is_an_error_value(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as made:
        sheet = made.add_worksheet("事项")
        sheet.write(0, 0, "日期")
        sheet.write_number(1, 0, 99_999_999, made.add_format({"num_format": "yyyy-mm-dd"}))
    assert where(refusal(path, "sheet")) == ("事项", 2, "A")


CELLS = (
    st.none()
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=6)
    | (st.integers(-(10**14), 10**14) | st.floats(-1e6, 1e6).map(lambda number: round(number, 6)))
)


@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_any_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]]) -> None:
    path = book(tmp_path_factory.mktemp("xlsx") / "a.xlsx", {"S": [["甲", "乙", "丙"], *rows]})
    blanked = [[None if isinstance(one, str) and not one.strip() else one for one in row] for row in rows]
    assert [list(row.values()) for row in data(path, "sheet")] == [
        row for row in blanked if any(one is not None for one in row)
    ]


@given(st.integers(1, 16_384))
def test_columns_have_letters(number: int) -> None:
    assert column_number(column_letters(number)) == number


def test_a_header_merged_with_the_cell_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as made:
        sheet = made.add_worksheet("事项")
        sheet.merge_range(0, 0, 0, 3, "惠州市事项目录")
        sheet.merge_range(1, 0, 2, 0, "事项编码")
        sheet.merge_range(1, 1, 1, 2, "时限")
        sheet.write_row(2, 1, ["法定\n时限", "承诺时限"])
        sheet.write_row(3, 0, ["1", 20, 5])
    mapped = data(path, "sheet", header_row=3, columns={"法定时限": "statutory"})
    assert mapped == [{"事项编码": "1", "statutory": 20, "承诺时限": 5}]


def test_a_sheet_is_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", {"说明": [["无"]], "事项": [["编码"], ["1"]]})
    assert data(path, "sheet", sheet="事项") == data(path, "sheet", sheet=2) == [{"编码": "1"}]
    assert data(path, "sheet") == []
    assert "现有：说明、事项" in refusal(path, "sheet", sheet="材料").detail_zh
    assert "没有第3个工作表" in refusal(path, "sheet", sheet=3).detail_zh


CHILDREN = {"materials": {"sheet": "材料", "key": "所属事项", "parent_key": "编码", "columns": {"名称": "name"}}}


def family(tmp_path: Path, materials: Sequence[Sequence[Any]]) -> Path:
    items: list[list[Any]] = [["编码", "名称"], ["1", "提取"], [2, "许可"], ["3", "登记"]]
    return book(tmp_path / "a.xlsx", {"事项": items, "材料": [["名称", "所属事项"], *materials]})


def test_children_find_their_parents(tmp_path: Path) -> None:
    path = family(tmp_path, [["身份证", 1], ["合同", "2"], [None, None], ["申请表", "1 "]])
    first, second, third = data(path, "sheet", children=CHILDREN)
    assert [one["name"] for one in first["materials"]] == ["身份证", "申请表"]
    assert second == {"编码": 2, "名称": "许可", "materials": [{"name": "合同", "所属事项": "2"}]}
    assert third["materials"] == []


@pytest.mark.parametrize("key", ["所属事项", "item"])
@pytest.mark.parametrize("parent_key", ["编码", "code"])
def test_keys_are_named_by_header_or_by_field(tmp_path: Path, key: str, parent_key: str) -> None:
    path = family(tmp_path, [["身份证", 1]])
    child = {"sheet": "材料", "key": key, "parent_key": parent_key, "columns": {"所属事项": "item"}}
    records = data(path, "sheet", columns={"编码": "code"}, children={"materials": child})
    assert records[0] == {"code": "1", "名称": "提取", "materials": [{"名称": "身份证", "item": 1}]}


def test_a_key_merged_down_belongs_to_each_row(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as made:
        made.add_worksheet("事项").write_column(0, 0, ["编码", "1", "2"])
        sheet = made.add_worksheet("材料")
        sheet.write_row(0, 0, ["名称", "所属事项", "备注"])
        sheet.write_column(1, 0, ["身份证", "合同", "申请表", "照片", "借据"])
        sheet.merge_range(4, 1, 5, 1, "2")
        sheet.merge_range(1, 1, 3, 1, "1")
        sheet.merge_range(1, 2, 5, 2, "原件")
    materials = [[one["name"] for one in item["materials"]] for item in data(path, "sheet", children=CHILDREN)]
    assert materials == [["身份证", "合同", "申请表"], ["照片", "借据"]]


def test_a_key_that_only_stands_above_is_not_filled_down(tmp_path: Path) -> None:
    error = refusal(family(tmp_path, [["身份证", "1"], ["合同", None]]), "sheet", children=CHILDREN)
    assert where(error) == ("材料", 3, None)


MAIN_FAULTS: list[tuple[str, list[list[Any]], tuple[Any, ...], str]] = [
    ("no key", [["1", "提取"], [None, "许可"]], ("事项", 3, None), "“编码”为空，无法与工作表“材料”对应"),
    ("a key twice", [["1", "提取"], ["2", "许可"], [1, "登记"]], ("事项", 4, None), "与第2行相同，均为“1”"),
]


@pytest.mark.parametrize(
    ("rows", "place", "words"), [one[1:] for one in MAIN_FAULTS], ids=[one[0] for one in MAIN_FAULTS]
)
def test_a_fault_among_parents_has_its_place(
    tmp_path: Path, rows: list[list[Any]], place: tuple[Any, ...], words: str
) -> None:
    sheets = {"事项": [["编码", "名称"], *rows], "材料": [["名称", "所属事项"]]}
    error = refusal(book(tmp_path / "a.xlsx", sheets), "sheet", children=CHILDREN)
    assert where(error) == place
    assert words in error.detail_zh


def two_levels(tmp_path: Path, parents: Sequence[str], leaves: Sequence[str]) -> Path:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as made:
        sheet = made.add_worksheet("事项")
        sheet.merge_range(0, 0, 1, 0, "编码")
        for index, parent in enumerate(parents):
            sheet.merge_range(0, 1 + 2 * index, 0, 2 + 2 * index, parent)
        sheet.write_row(1, 1, leaves)
        sheet.write_row(2, 0, ["1", *range(len(leaves))])
    return path


def test_headers_of_two_levels_are_told_apart(tmp_path: Path) -> None:
    path = two_levels(tmp_path, ["法定", "承诺"], ["天数", "单位", "天数", "说明"])
    mapped = data(path, "sheet", header_row=2, columns={"承诺/天数": "promised"})
    assert mapped == [{"编码": "1", "法定/天数": 0, "单位": 1, "promised": 2, "说明": 3}]


def test_headers_of_two_levels_may_still_be_the_same(tmp_path: Path) -> None:
    error = refusal(two_levels(tmp_path, ["时限", "时限"], ["天数", "单位", "天数", "说明"]), "sheet", header_row=2)
    assert where(error) == ("事项", 2, "D")
    assert "表头“天数”重复" in error.detail_zh


CHILD_FAULTS: list[tuple[str, list[list[Any]], dict[str, Any], tuple[Any, ...], str]] = [
    ("no parent", [["身份证", "1"], ["合同", "9"], ["表", "8"]], {}, ("材料", 3, None), "主表没有“9”"),
    ("no key", [["身份证", "1"], ["合同", None]], {}, ("材料", 3, None), "“所属事项”为空"),
    ("no key column", [], {"key": "事项"}, ("材料", None, None), "没有“事项”列"),
    ("no parent column", [], {"parent_key": "代码"}, ("材料", None, None), "主表没有“代码”列"),
    ("no sheet", [], {"sheet": "附件"}, (None, None, None), "没有工作表“附件”"),
]


@pytest.mark.parametrize(
    ("rows", "changes", "place", "words"), [one[1:] for one in CHILD_FAULTS], ids=[one[0] for one in CHILD_FAULTS]
)
def test_a_fault_among_children_has_its_place(
    tmp_path: Path, rows: list[list[Any]], changes: dict[str, Any], place: tuple[Any, ...], words: str
) -> None:
    error = refusal(family(tmp_path, rows), "sheet", children={"materials": {**CHILDREN["materials"], **changes}})
    assert where(error) == place
    assert words in error.detail_zh


def test_a_child_list_cannot_have_the_name_of_a_column(tmp_path: Path) -> None:
    error = refusal(family(tmp_path, []), "sheet", children={"名称": CHILDREN["materials"]})
    assert where(error) == ("事项", 2, None)


SHEET_FAULTS: list[tuple[str, list[list[Any]], tuple[Any, ...], str]] = [
    ("header twice", [["甲", "乙", "甲"]], ("事项", 1, "C"), "表头“甲”重复"),
    ("no header", [[None, None], ["1"]], ("事项", 1, None), "没有表头行"),
    ("a blank header", [[" "], ["1"]], ("事项", 1, None), "表头行为空"),
    ("nothing", [], ("事项", 1, None), "没有表头行"),
    ("a value under no header", [["甲", None, "丙"], ["1"], ["1", "2"]], ("事项", 3, "B"), "没有表头"),
    ("a value beyond the headers", [["甲"], ["1", None, 5]], ("事项", 2, "C"), "没有表头"),
]


@pytest.mark.parametrize(
    ("rows", "place", "words"), [one[1:] for one in SHEET_FAULTS], ids=[one[0] for one in SHEET_FAULTS]
)
def test_a_fault_has_its_place(tmp_path: Path, rows: list[list[Any]], place: tuple[Any, ...], words: str) -> None:
    error = refusal(book(tmp_path / "a.xlsx", {"事项": rows}), "sheet")
    assert where(error) == place
    assert words in error.detail_zh


def test_an_error_value_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as made:
        sheet = made.add_worksheet("事项")
        sheet.write_row(0, 0, ["编码"] + [f"列{number}" for number in range(27)])
        sheet.write_formula(4, 27, "=B1/0", None, "#DIV/0!")
    error = refusal(path, "sheet")
    assert where(error) == ("事项", 5, "AB")
    assert error.detail_zh == "a.xlsx，工作表“事项”，第5行，AB列：单元格为错误值#DIV/0!。"
    assert error.detail == "a.xlsx, sheet 事项, row 5, column AB: the cell holds the error #DIV/0!."


def test_two_cells_far_apart_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as made:
        sheet = made.add_worksheet("事项")
        sheet.write(0, 0, "甲")
        sheet.write(0, 16_383, "乙")
        sheet.write(1_048_575, 16_383, "1")
    assert [(one.place, one.data) for one in read(path, "sheet")] == [("事项!第1048576行", {"甲": None, "乙": "1"})]


def test_limits_and_progress(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", {"事项": [["甲"], *[[str(number)] for number in range(2500)]]})
    assert "超过上限2000条" in refusal(path, "sheet", max_rows=2000).detail_zh
    told: list[tuple[int, int]] = []
    list(read_records(path, Source(format="sheet"), progress=lambda done, total: told.append((done, total))))
    assert len(told) == 2
    assert all(0 < done <= total for done, total in told)


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
