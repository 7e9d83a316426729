"""xls and ods: the same records as from xlsx, the same faults."""

import struct
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from adapters.normalization.source import Source
from adapters.sources.reading import read_records
from tests.adapters.sources.office_files import biff, bof, compound, ods, ods_row, record, small_compound
from tests.adapters.sources.reading_of import data, put, read, refusal, where

ROWS: list[list[Any]] = [
    ["事项编码", "数", None],
    ["002017900001", 20.0],
    [None, None],
    ["堃", 1.5],
    [114413000071234567, True],
]


def xls(tmp_path: Path, sheets: dict[str, list[list[Any]]], name: str = "a.xls", **options: Any) -> Path:
    return put(tmp_path, name, compound({"Workbook": biff(sheets, **options)}))


def test_an_xls_is_read(tmp_path: Path) -> None:
    path = xls(tmp_path, {"说明": [["无"]], "事项": ROWS})
    assert [(one.place, one.data) for one in read(path, "sheet", sheet="事项")] == [
        ("事项!第2行", {"事项编码": "002017900001", "数": 20}),
        ("事项!第4行", {"事项编码": "堃", "数": 1.5}),
        ("事项!第5行", {"事项编码": "1.14413000071235e+17", "数": True}),
    ]


def test_a_very_small_xls_lies_in_small_blocks(tmp_path: Path) -> None:
    content = small_compound("Workbook", biff({"事项": [["编码"], ["1"]]}))
    assert data(put(tmp_path, "a.xls", content), "sheet") == [{"编码": "1"}]
    with CalamineWorkbook.from_path(tmp_path / "a.xls") as other:
        assert other.get_sheet_by_index(0).to_python() == [["编码"], ["1"]]


def test_an_xls_that_does_not_begin_at_a1(tmp_path: Path) -> None:
    path = xls(tmp_path, {"事项": [[], [], [None, None, "编码"], [None, None, 5]]})
    assert [(one.place, one.data) for one in read(path, "sheet", header_row=3)] == [("事项!第4行", {"编码": 5})]


def test_a_large_xls_has_progress(tmp_path: Path) -> None:
    path = xls(tmp_path, {"事项": [["编码"], *[[float(number)] for number in range(2500)]]})
    told: list[tuple[int, int]] = []
    records = list(read_records(path, Source(format="sheet"), progress=lambda done, total: told.append((done, total))))
    assert records[-1].data == {"编码": 2499}
    assert len(told) == 2
    assert 0 < told[0][0] < told[1][0] < told[0][1] == told[1][1]


@pytest.mark.parametrize(("value", "text"), [("#REF!", "#REF!"), ("=#N/A", "#N/A")])
def test_an_error_value_in_an_xls_has_its_place(tmp_path: Path, value: str, text: str) -> None:
    error = refusal(xls(tmp_path, {"事项": [["甲", "乙"], ["1", "2"], ["3", value]]}), "sheet")
    assert where(error) == ("事项", 3, "B")
    assert text in error.detail_zh


def test_an_xls_that_claims_to_be_huge_costs_nothing(tmp_path: Path) -> None:
    """Such a file ends the process of a reader that reserves what it claims."""
    far = record(0x0203, struct.pack("<3Hd", 65_535, 255, 15, 7)) + record(
        0x0203, struct.pack("<3Hd", 65_535, 1, 15, 5)
    )
    rows: list[list[Any]] = [["甲", "乙"], [far]]
    path = xls(tmp_path, {"事项": rows}, size=(2**32 - 1, 256))
    assert where(refusal(path, "sheet")) == ("事项", 65_536, "IV")
    rows[0] += [f"列{number}" for number in range(254)]
    records = read(xls(tmp_path, {"事项": rows}, size=(2**32 - 1, 256)), "sheet")
    assert [(one.place, one.data["乙"], one.data["列253"]) for one in records] == [("事项!第65536行", 5, 7)]


def styled(row: int, column: int, style: int, number: float) -> bytes:
    return record(0x0203, struct.pack("<3Hd", row, column, style, number))


def test_every_way_an_xls_keeps_a_value(tmp_path: Path) -> None:
    wide, narrow = "住房公积金".encode("utf-16-le"), b"IN 2026"
    shared = record(  # a text that goes on in the next record, there with characters of one byte
        0x00FC,
        struct.pack("<2I", 3, 3) + struct.pack("<HB", 12, 1) + wide,
    ) + record(
        0x003C, b"\x00" + narrow + struct.pack("<HBHI", 2, 0x0C, 1, 4) + b"ab" + bytes(8) + struct.pack("<HB", 0, 0)
    )
    formats = record(0x041E, struct.pack("<HHB", 164, 9, 0) + b"[h]:mm:ss") + record(0x0022, b"\0\0")
    styles = b"".join(record(0x00E0, struct.pack("<2H", 0, number) + bytes(16)) for number in (14, 164, 31))
    head = struct.Struct("<3H")
    late = struct.pack("<8sHIH", b"\0\0\0\0\0\0\xff\xff", 0, 0, 0)
    rows: list[list[Any]] = [
        [f"列{number}" for number in range(6)],
        [
            record(0x00FD, head.pack(1, 0, 15) + struct.pack("<I", 0)),
            record(0x00FD, head.pack(1, 1, 15) + struct.pack("<I", 1)),
            record(0x00FD, head.pack(1, 2, 15) + struct.pack("<I", 2)),
            styled(1, 3, 0, 46_053),
            styled(1, 4, 1, 1.25),
            styled(1, 5, 2, 46_053.5),
        ],
        [
            record(0x027E, head.pack(2, 0, 15) + struct.pack("<i", 2017 << 2 | 2)),
            record(0x00BD, struct.pack("<2HHiHiH", 2, 1, 15, -5 << 2 | 2, 15, 150 << 2 | 3, 2)),
            record(0x027E, head.pack(2, 3, 15) + struct.pack("<d", 0.5)[4:]),
            record(0x0006, head.pack(2, 4, 15) + late)
            + record(0x0207, struct.pack("<HB", 2, 1) + "结果".encode("utf-16-le")),
            record(0x0006, head.pack(2, 5, 15) + struct.pack("<dHIH", 8.0, 0, 0, 0)),
        ],
        [
            record(
                0x00D6, head.pack(3, 0, 15) + struct.pack("<HB", 1, 1) + "富".encode("utf-16-le") + b"\1\0" + bytes(4)
            ),
            record(0x0006, head.pack(3, 1, 15) + struct.pack("<8sHIH", b"\1\0\1\0\0\0\xff\xff", 0, 0, 0)),
            record(0x0006, head.pack(3, 2, 15) + struct.pack("<8sHIH", b"\3\0\0\0\0\0\xff\xff", 0, 0, 0)),
        ],
    ]
    path = xls(tmp_path, {"事项": rows}, extra=formats + styles + shared)
    assert [list(row.values()) for row in data(path, "sheet")] == [
        ["住房公积金IN 2026", "ab", None, "2026-01-31", "30:00:00", "2026-01-31T12:00:00"],
        [2017, -5, 1.5, 0.5, "结果", 8],
        ["富", True, None, None, None, None],
    ]
    with CalamineWorkbook.from_path(path) as other:  # a reader that has nothing in common with ours
        first, second, third = other.get_sheet_by_index(0).to_python()[1:]
    assert first[:2] == ["住房公积金IN 2026", "ab"]
    assert first[3:] == [date(2026, 1, 31), timedelta(hours=30), datetime.fromisoformat("2026-01-31T12:00")]
    assert second == [2017.0, -5.0, 1.5, 0.5, "结果", 8.0]
    assert third[:2] == ["富", True]


def test_a_merged_header_in_an_xls(tmp_path: Path) -> None:
    merged = record(0x00E5, struct.pack("<5H", 1, 0, 1, 0, 0))
    rows: list[list[Any]] = [["编码", "时限"], [None, "法定"], ["1", "20", merged]]
    assert data(xls(tmp_path, {"事项": rows}), "sheet", header_row=2) == [{"编码": "1", "法定": "20"}]


def test_rows_of_an_xls_may_be_out_of_order(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["甲"], [styled(5, 0, 15, 1) + styled(4, 0, 15, 2)]]
    assert [(one.place, one.data) for one in read(xls(tmp_path, {"事项": rows}), "sheet")] == [
        ("事项!第5行", {"甲": 2}),
        ("事项!第6行", {"甲": 1}),
    ]
    far: list[list[Any]] = [["甲"], [styled(5, 20_000, 15, 1)]]
    assert where(refusal(xls(tmp_path, {"事项": far}), "sheet")) == ("事项", None, None)


def test_an_xls_older_than_excel_97_is_refused(tmp_path: Path) -> None:
    stream = record(0x0809, struct.pack("<4H", 0x0500, 5, 0, 0)) + record(0x000A)
    for name in ("Book", "Workbook"):
        assert "早于Excel 97" in refusal(put(tmp_path, "a.xls", compound({name: stream})), "sheet").detail_zh


def test_an_xls_with_macros_or_a_password_is_refused(tmp_path: Path) -> None:
    stream = biff({"事项": [["甲"]]})
    stored = put(tmp_path, "a.xls", compound({"Workbook": stream, "_VBA_PROJECT_CUR": b"x"}))
    assert "另存为.xlsx" in refusal(stored, "sheet").detail_zh
    sealed = xls(tmp_path, {"事项": [["甲"]]}, "c.xls", extra=record(0x002F, bytes(6)))
    assert "密码保护" in refusal(sealed, "sheet").detail_zh


@pytest.mark.parametrize("kind", [1, 2], ids=["macros", "chart"])
def test_only_a_worksheet_is_a_sheet(tmp_path: Path, kind: int) -> None:
    assert "没有第1个工作表" in refusal(xls(tmp_path, {"图": [["甲"]]}, kind=kind), "sheet").detail_zh


def test_an_xls_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.sources.xls._MOST_BYTES", 1000)
    assert "文件过大" in refusal(xls(tmp_path, {"事项": ROWS}), "sheet").detail_zh


def test_reading_an_xls_says_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = compound({"Workbook": biff({"事项": ROWS})})
    assert data(put(tmp_path, "a.xls", content + b"x"), "sheet")
    assert capfd.readouterr() == ("", "")


KEYS_DOWN = (
    *[("所属事项", "名称"), ("1", "身份证"), (None, "合同"), (None, "申请表")],
    *[("2", "照片"), (None, "借据")],
)
FAMILY = {"materials": {"sheet": "材料", "key": "所属事项", "parent_key": "编码"}}


def test_a_key_merged_down_in_an_xls(tmp_path: Path) -> None:
    rows: list[list[Any]] = [list(row) for row in KEYS_DOWN]
    rows[1].append(record(0x00E5, struct.pack("<9H", 2, 1, 3, 0, 0, 4, 5, 0, 0)))
    first, second = data(xls(tmp_path, {"事项": [["编码"], ["1"], ["2"]], "材料": rows}), "sheet", children=FAMILY)
    assert [one["名称"] for one in first["materials"]] == ["身份证", "合同", "申请表"]
    assert second["materials"] == [{"所属事项": "2", "名称": "照片"}, {"所属事项": "2", "名称": "借据"}]


def test_a_key_merged_down_in_an_ods(tmp_path: Path) -> None:
    def tall(key: str, rows: int) -> str:
        return f'<table:table-cell table:number-rows-spanned="{rows}"><text:p>{key}</text:p></table:table-cell>'

    covered = "<table:covered-table-cell/>"
    first = ods_row(tall("1", 3), "身份证") + ods_row(covered, "合同") + ods_row(covered, "申请表")
    rows = ods_row("所属事项", "名称") + first + ods_row(tall("2", 2), "照片")
    items = ods_row("编码") + ods_row("1") + ods_row("2")
    path = ods(tmp_path / "a.ods", {"事项": items, "材料": rows + ods_row(covered, "借据")})
    materials = [[one["名称"] for one in item["materials"]] for item in data(path, "sheet", children=FAMILY)]
    assert materials == [["身份证", "合同", "申请表"], ["照片", "借据"]]
    late = ods(tmp_path / "b.ods", {"事项": items, "材料": rows + ods_row(covered, "借据") + ods_row(covered, "多")})
    assert where(refusal(late, "sheet", children=FAMILY)) == ("材料", 7, None)


def test_an_ods_has_a_bound_of_merged_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.sources.ods._MOST_MERGED", 1)
    tall = '<table:table-cell table:number-rows-spanned="2"><text:p>甲</text:p></table:table-cell>'
    path = ods(tmp_path / "a.ods", {"事项": ods_row("甲") + ods_row(tall) + ods_row(tall)})
    assert "合并单元格过多" in refusal(path, "sheet").detail_zh


def test_headers_of_two_levels_in_an_ods(tmp_path: Path) -> None:
    wide = '<table:table-cell table:number-columns-spanned="2"><text:p>{}</text:p></table:table-cell>'
    covered = "<table:covered-table-cell/>"
    rows = ods_row(wide.format("法定"), covered, wide.format("承诺"), covered) + ods_row("天数", "单位", "天数", "说明")
    path = ods(tmp_path / "a.ods", {"事项": rows + ods_row("20", "日", "5", "快")})
    assert data(path, "sheet", header_row=2) == [{"法定/天数": "20", "单位": "日", "承诺/天数": "5", "说明": "快"}]


def test_a_damaged_xls_is_refused(tmp_path: Path) -> None:
    whole = compound({"Workbook": biff({"事项": ROWS})})
    cases = {
        "cut": whole[:700],
        "no stream": compound({"Book2": b"x"}),
        "no streams": compound({}),
        "only a head": whole[:9],
        "no records": compound({"Workbook": b"\xff" * 5000}),
        "a sector size of its own": whole[:30] + b"\x07" + whole[31:],
        "a loop": whole[:48] + (0).to_bytes(4, "little") + whole[52:],
        "an empty workbook": compound({"Workbook": bof(5) + record(0x000A)}),
    }
    for name, content in cases.items():
        error = refusal(put(tmp_path, f"{name}.xls", content), "sheet")
        assert error.facts["file"] == f"{name}.xls"


def typed(kind: str, **values: str) -> str:
    told = " ".join(f'office:{name.replace("_", "-")}="{value}"' for name, value in values.items())
    return f'<table:table-cell office:value-type="{kind}" {told}/>'


def test_an_ods_is_read(tmp_path: Path) -> None:
    blank = '<table:table-cell table:number-columns-repeated="16000"/>'
    note = "<office:annotation><text:p>批注</text:p></office:annotation>"
    rich = f"<table:table-cell>{note}<text:p>住<text:span>房</text:span><text:s text:c='2'/>x<!-- c --></text:p>"
    rich += "<text:p>第二<text:line-break/>行<text:tab/></text:p></table:table-cell>"
    rows = (
        ods_row("编码", "数", "日期", "时间", "真假", blank)
        + ods_row("002017900001", typed("float", value="20"), typed("date", date_value="2026-01-31"))
        + ods_row(blank, times=1000)
        + ods_row(
            rich,
            typed("currency", value="1.5"),
            typed("date", date_value="2026-01-31T08:00:00"),
            typed("time", time_value="PT08H30M00S"),
            typed("boolean", boolean_value="true"),
        )
        + ods_row("重", times=2)
        + ods_row(typed("string", string_value="文"), typed("percentage", value="0.07"), times=1)
        + ods_row(blank, times=1_000_000)
    )
    path = ods(tmp_path / "a.ods", {"说明": ods_row("无"), "事项": rows})
    records = read(path, "sheet", sheet="事项")
    assert [one.place for one in records] == [f"事项!第{row}行" for row in (2, 1003, 1004, 1005, 1006)]
    assert [list(one.data.values()) for one in records] == [
        ["002017900001", 20, "2026-01-31", None, None],
        ["住房  x\n第二\n行\t", 1.5, "2026-01-31T08:00:00", "08:30:00", True],
        ["重", None, None, None, None],
        ["重", None, None, None, None],
        ["文", 0.07, None, None, None],
    ]
    assert data(path, "sheet") == []


def test_a_merged_header_in_an_ods(tmp_path: Path) -> None:
    tall = '<table:table-cell table:number-rows-spanned="2"><text:p>编码</text:p></table:table-cell>'
    rows = ods_row(tall, "时限") + ods_row("<table:covered-table-cell/>", "法定") + ods_row("1", "20")
    assert data(ods(tmp_path / "a.ods", {"事项": rows}), "sheet", header_row=2) == [{"编码": "1", "法定": "20"}]


def test_faults_in_an_ods(tmp_path: Path) -> None:
    shown = "<text:p>Err:502</text:p>"
    bad = f'<table:table-cell office:value-type="string" calcext:value-type="error">{shown}</table:table-cell>'
    error = refusal(ods(tmp_path / "a.ods", {"事项": ods_row("甲", "乙") + ods_row("1", bad)}), "sheet")
    assert where(error) == ("事项", 2, "B")
    assert "Err:502" in error.detail_zh
    wide = '<table:table-cell table:number-columns-repeated="99999999"><text:p>x</text:p></table:table-cell>'
    error = refusal(ods(tmp_path / "b.ods", {"事项": ods_row("甲") + ods_row(wide)}), "sheet")
    assert where(error) == ("事项", 2, None)
    endless = ods(tmp_path / "c.ods", {"事项": ods_row("甲") + ods_row("1", times=10**9)})
    assert "超过上限500条" in refusal(endless, "sheet", max_rows=500).detail_zh
    sealed = ods(tmp_path / "d.ods", {"事项": ods_row("甲")}, manifest="<encryption-data/>")
    assert "密码保护" in refusal(sealed, "sheet").detail_zh
    for number in (typed("float", value="x"), typed("float")):
        path = ods(tmp_path / "e.ods", {"事项": ods_row("甲") + ods_row(number)})
        assert "已损坏" in refusal(path, "sheet").detail_zh
    assert "已损坏" in refusal(ods(tmp_path / "f.ods", {"事项": "<table:table-row>"}), "sheet").detail_zh
