"""xlsx: what a clerk typed is what is read; children find their parents; every fault has sheet, row and column."""

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
from tests.adapters.sources.reading_of import data, read, refusal, where

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
