"""CSV: round trips, encodings, and every fault with its place."""

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.normalization.source import Source
from adapters.sources.reading import read_records
from tests.adapters.sources.reading_of import data, put, read, refusal, where

TEXT = "事项编码,事项名称\n002017900001,住房公积金提取\n002017900002,商品房预售许可\n"
ROWS = [
    {"事项编码": "002017900001", "事项名称": "住房公积金提取"},
    {"事项编码": "002017900002", "事项名称": "商品房预售许可"},
]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("gb18030", None),
        ("gbk", "GBK"),
        ("gb2312", "gb2312"),
        ("utf-16", None),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", None),
        ("big5", "big5"),
    ],
)
def test_an_encoding_is_read_as_declared_or_found(tmp_path: Path, encoding: str, declared: str | None) -> None:
    simple, expected = TEXT, ROWS
    if encoding == "big5":
        simple, expected = "事項,名稱\n1,公積金\n", [{"事項": "1", "名稱": "公積金"}]
    assert data(put(tmp_path, "a.csv", simple, encoding), "csv", encoding=declared) == expected


def test_a_mark_of_gb18030_is_left_out(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "\ufeff" + TEXT + "3,𠮷野家€\n", "gb18030")
    assert data(path, "csv") == [*ROWS, {"事项编码": "3", "事项名称": "𠮷野家€"}]


def test_places_are_lines_and_empty_rows_are_left_out(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", '标题,\r\n编码,说明\r\n1,"第一行\r\n第二行"\r\n , \r\n\r\n2,\r\n')
    records = read(path, "csv", header_row=2)
    assert [(one.place, one.data) for one in records] == [
        ("第3行", {"编码": "1", "说明": "第一行\r\n第二行"}),
        ("第7行", {"编码": "2", "说明": None}),
    ]


def test_headers_are_mapped_and_line_breaks_in_them_do_not_matter(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", '"事项\n编码 ";名称;\n1;提取;\n')
    assert data(path, "csv", delimiter=";", columns={"事项编码": "code"}) == [{"code": "1", "名称": "提取"}]


CJK = st.text(st.characters(codec="gb18030", exclude_categories=("Cs", "Cc")), max_size=8)


@given(rows=st.lists(st.lists(CJK, min_size=3, max_size=3), max_size=6), encoding=st.sampled_from(["utf-8", "gb18030"]))
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], encoding: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["甲", "乙", "丙"], *rows])
    path = put(tmp_path_factory.mktemp("csv"), "a.csv", text.getvalue(), encoding)
    expected = [
        dict(zip(("甲", "乙", "丙"), (cell if cell.strip() else None for cell in row), strict=True)) for row in rows
    ]
    assert data(path, "csv", encoding=encoding) == [row for row in expected if any(row.values())]


def test_wrong_bytes_are_named_by_line_and_byte(tmp_path: Path) -> None:
    content = TEXT.encode() + b"3,\xe4\xb8\n"
    assert where(refusal(put(tmp_path, "a.csv", content), "csv", encoding="utf-8")) == (None, 4, 3)
    neither = b"a,b\n1," + b"\xff\xff\n"
    error = refusal(put(tmp_path, "b.csv", neither), "csv")
    assert where(error) == (None, 2, 3)
    assert "第2行，第3字节" in error.detail_zh
    assert "既不是UTF-8也不是GB18030" in error.detail_zh


def test_a_fault_far_into_the_file_has_its_line(tmp_path: Path) -> None:
    content = b"a,b\n" + "1,中文\n".encode() * 300_000 + b"12,\xff\n"
    assert where(refusal(put(tmp_path, "a.csv", content), "csv", encoding="utf-8")) == (None, 300_002, 4)
    assert where(refusal(put(tmp_path, "a.csv", content), "csv")) == (None, 300_002, 4)


def test_a_cut_character_of_utf_16_has_its_place(tmp_path: Path) -> None:
    content = codecs.BOM_UTF16_LE + "a,b\n1,".encode("utf-16-le") + b"\x00\xd8x\x00"
    assert where(refusal(put(tmp_path, "a.csv", content), "csv")) == (None, 2, 5)


@pytest.mark.parametrize("declared", [None, "gb18030"])
def test_gb18030_after_utf_8_is_refused(tmp_path: Path, declared: str | None) -> None:
    content = "编码,名称\n1,提取公积金\n".encode() + "2,许可\n".encode("gbk")
    error = refusal(put(tmp_path, "a.csv", content), "csv", encoding=declared)
    assert where(error) == (None, 3, 3)
    assert "编码不一致" in error.detail_zh


@pytest.mark.parametrize("declared", [None, "gbk"])
def test_utf_8_after_gb18030_is_refused(tmp_path: Path, declared: str | None) -> None:
    """The bytes of 中文 in UTF-8 followed by an even number of others make sense as GB18030 too."""
    content = "编码,名称\n1,提取公积金\n".encode("gbk") + "2,许可\n".encode()
    assert where(refusal(put(tmp_path, "a.csv", content), "csv", encoding=declared)) == (None, 3, 3)


def test_utf_8_declared_as_gb18030_is_refused(tmp_path: Path) -> None:
    error = refusal(put(tmp_path, "a.csv", "编码,名称\n1,许可\n"), "csv", encoding="gb18030")
    assert where(error) == (None, 1, 1)


def test_a_short_accident_in_a_long_file_is_no_mixture(tmp_path: Path) -> None:
    accident = "中文".encode().decode("gb18030")
    assert len(accident) == 3
    rows = [f"{number},公积金" for number in range(3000)]
    rows[1234] = f"1234,{accident}"
    path = put(tmp_path, "a.csv", "编码,名称\n" + "\n".join(rows), "gb18030")
    records = data(path, "csv")
    assert (len(records), records[1234]["名称"]) == (3000, accident)
    short = put(tmp_path, "b.csv", "编码,名称\n" + "\n".join(rows[1000:1300]), "gb18030")
    assert where(refusal(short, "csv")) == (None, 236, 6)


def test_a_mark_that_contradicts_the_declaration_is_refused(tmp_path: Path) -> None:
    error = refusal(put(tmp_path, "a.csv", TEXT, "utf-8-sig"), "csv", encoding="gbk")
    assert where(error) == (None, 1, 1)
    assert "UTF-8" in error.detail


@pytest.mark.parametrize("declared", ["klingon", "rot13", "utf-7", "unicode_escape", "\u4e2d"])
def test_an_encoding_that_is_not_read_is_refused(tmp_path: Path, declared: str) -> None:
    assert declared in refusal(put(tmp_path, "a.csv", TEXT), "csv", encoding=declared).detail_zh


def test_a_very_long_line_of_chinese_is_still_gb18030(tmp_path: Path) -> None:
    long = "镕堃" * 50_000
    path = put(tmp_path, "a.csv", f"编码,说明\n1,{long}，{long}\n", "gb18030")
    assert data(path, "csv") == [{"编码": "1", "说明": f"{long}，{long}"}]


def test_a_very_long_run_without_any_mark_keeps_its_characters_whole(tmp_path: Path) -> None:
    long = "长" + "a長" * 70_000
    path = put(tmp_path, "a.csv", f"甲\n{long}", "gb18030")
    assert data(path, "csv") == [{"甲": long}]


FAULTS: list[tuple[str, str, tuple[int | None, int | None], str]] = [
    ("header twice", "甲,乙,甲\n1,2,3\n", (1, 3), "表头“甲”重复"),
    ("no header", "\n", (1, None), "表头行为空"),
    ("nothing", "", (1, None), "没有表头行"),
    ("more cells than headers", "甲,乙\n1,2\n1,2,3\n", (3, None), "有3个单元格，表头只有2个"),
    ("a value under no header", "甲,,丙\n1,,3\n1,2,3\n", (3, 2), "没有表头"),
    ("a NUL character", "甲,乙\n1,\0\n", (2, 3), "NUL"),
    ("an open quotation mark", '甲,乙\n1,2\n3,"4\n5,6\n', (3, None), "引号没有闭合"),
    ("a misplaced quotation mark", '甲,乙\n1,"2"2\n', (2, None), "引号位置有误"),
]


@pytest.mark.parametrize(("content", "place", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_a_fault_has_its_place(tmp_path: Path, content: str, place: tuple[int | None, int | None], words: str) -> None:
    error = refusal(put(tmp_path, "a.csv", content), "csv")
    assert where(error) == (None, *place)
    assert words in error.detail_zh


def test_two_headers_for_one_field_are_refused(tmp_path: Path) -> None:
    error = refusal(put(tmp_path, "a.csv", "甲,乙\n1,2\n"), "csv", columns={"甲": "乙"})
    assert where(error) == (None, 1, 2)
    assert "对应同一字段" in error.detail_zh


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    error = refusal(put(tmp_path, "a.csv", "甲\n" + "a" * 4_194_305), "csv")
    assert where(error) == (None, 2, None)


def test_a_quotation_that_never_ends_is_given_up_early(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", '甲\n1\n"' + "一二三四五六七八九十\n" * 500_000)
    assert where(refusal(path, "csv")) == (None, 3, None)


def test_limits(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", TEXT + "#" * 1024)
    assert "超过上限2条" in refusal(path, "csv", max_rows=2).detail_zh
    assert "超过上限1024字节" in refusal(path, "csv", max_bytes=1024).detail_zh


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "文件不存在" in refusal(tmp_path / "none.csv", "csv").detail_zh
    assert "文件不存在" in refusal(tmp_path, "csv").detail_zh


def test_a_format_that_is_no_file(tmp_path: Path) -> None:
    view = {"database_url": "x", "view": "V", "key": "ID", "columns": ["A"]}
    assert "database" in refusal(put(tmp_path, "a.csv", TEXT), "database", view=view).detail


def test_progress_is_told_now_and_then(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "甲,乙\n" + "一,二\n" * 2500)
    told: list[tuple[int, int]] = []
    list(read_records(path, Source(format="csv"), progress=lambda done, total: told.append((done, total))))
    assert [total for _, total in told] == [path.stat().st_size] * 2
    assert 0 < told[0][0] <= told[1][0] <= path.stat().st_size


def test_separators_at_the_end_of_a_row_are_no_values(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "甲,乙\n1,2,,\n,,,\n3, , , \n")
    assert [(one.place, one.data) for one in read(path, "csv")] == [
        ("第2行", {"甲": "1", "乙": "2"}),
        ("第4行", {"甲": "3", "乙": None}),
    ]


@pytest.mark.parametrize("delimiter", ["\n", "\r", '"', "\0", "", ",,"])
def test_what_cannot_delimit_is_refused(delimiter: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Source(format="csv", delimiter=delimiter)
    assert [one["loc"] for one in caught.value.errors()] == [("delimiter",)]


def test_little_chinese_that_fits_both_encodings_is_read_as_utf8(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", b"a\n\xc2\xb0\n")
    assert data(path, "csv") == [{"a": "°"}]
    assert data(path, "csv", encoding="gb18030") == [{"a": b"\xc2\xb0".decode("gb18030")}]
