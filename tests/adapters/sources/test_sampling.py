"""Samples that nobody has described: where the items are is found out, or the file is refused with its place."""

import json
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from adapters.sources import sampling
from adapters.sources.sampling import Sample, sample_catalogue
from schemas.errors import SourceUnreadable
from tests.adapters.sources.reading_of import put

NAMES = frozenset({"catalog_code", "task_name", "基本编码", "事项名称", "JBBM", "SXMC"})
ITEM = {"catalog_code": "1", "task_name": "演示"}


def found(path: Path) -> Sample:
    return sample_catalogue(path, NAMES)


def of_json(folder: Path, document: Any) -> Sample:
    return found(put(folder, "a.json", json.dumps(document)))


def test_where_the_items_of_a_json_are(tmp_path: Path) -> None:
    materials = [{"material_name": str(n), "x": 1, "y": 2} for n in range(5)]
    for document, records in (
        ([ITEM, ITEM], None),
        ({"data": {"items": [ITEM], "areas": [{"x": 1, "y": 2, "z": 3}]}, "code": 0}, "data.items"),
        ({"STATUS": {"CODE": "00"}, "data": {**ITEM, "materials": materials}}, "data"),
        ({"a": {"b": {"c": {"d": {"e": {"f": [ITEM]}}}}}, "rows": [{"u": 1}]}, "rows"),
    ):
        sample = of_json(tmp_path, document)
        assert sample.source.records == records
        assert sample.records


def test_only_the_first_records_are_kept(tmp_path: Path) -> None:
    assert len(of_json(tmp_path, [ITEM] * 500).records) == 200


XML = "<PACKAGE><HEAD>演示</HEAD><DATA>{}</DATA></PACKAGE>"
RECORD = "<RECORD><JBBM>1</JBBM><SXMC>演示</SXMC><CLS>{}</CLS></RECORD>"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_where_the_items_of_an_xml_are(tmp_path: Path, encoding: str) -> None:
    material = "<CL><CLMC>演示</CLMC></CL>"
    text = XML.format(RECORD.format(material) + RECORD.format(material * 2))
    declared = f'<?xml version="1.0" encoding="{encoding}"?>\n<!-- 演示 -->\n{text}'
    sample = found(put(tmp_path, "a.xml", declared, encoding))
    assert (sample.source.records, sample.source.lists) == ("PACKAGE/DATA/RECORD", ("CL",))
    assert [len(one["CLS"]["CL"]) for one in sample.records] == [1, 2]


def test_one_item_in_an_xml(tmp_path: Path) -> None:
    sample = found(put(tmp_path, "a.xml", XML.format(RECORD.format("")) + "\n"))
    assert sample.source.records == "PACKAGE/DATA/RECORD"
    assert len(sample.records) == 1


@pytest.mark.parametrize(("delimiter", "stated"), [(",", ","), (";", ";"), ("\t", "\t"), ("|", "|")])
def test_the_delimiter_of_a_csv(tmp_path: Path, delimiter: str, stated: str) -> None:
    text = f"基本编码{delimiter}事项名称\n1{delimiter}演示\n"
    sample = found(put(tmp_path, "a.csv", text, "gb18030"))
    assert sample.source.delimiter == stated
    assert sample.records == ({"基本编码": "1", "事项名称": "演示"},)


def workbook(folder: Path, **sheets: list[list[Any]]) -> Path:
    path = folder / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


def test_the_sheets_of_a_workbook(tmp_path: Path) -> None:
    items: list[list[Any]] = [["某市事项（演示）"], ["基本编码", "事项名称", "序"], ["1", "演示", 1]]
    materials = [["基本编码", "材料名称"], ["1", "身份证"], ["1", "申请表"]]
    sample = found(workbook(tmp_path, 说明=[["演示"]], 材料表=materials, 事项表=items, 空=[]))
    assert (sample.source.sheet, sample.source.header_row) == ("事项表", 2)
    assert list(sample.source.children) == ["材料表"]
    assert [one["材料名称"] for one in sample.records[0]["材料表"]] == ["身份证", "申请表"]
    alone = found(workbook(tmp_path, 表=[["基本编码", "某列"], ["1", "x"]]))
    assert (alone.source.header_row, alone.source.children) == (1, {})


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.pdf", b"x", "样本应为"),
        ("a.json", b"[1,", "JSON语法有误"),
        ("a.json", b"{", "带引号的键名"),
        ("a.json", b'{"a": 1}', "没有找到事项列表"),
        ("a.json", b"[]", "没有记录"),
        ("a.json", b"[" * 100_000, "嵌套"),
        ("a.json", b"\xff\xfe\x00\xd8", "编码"),
        ("a.xml", b"<a>", "XML语法有误"),
        ("a.xml", b"<a>text</a>", "没有找到事项列表"),
        ("a.xml", b"<!DOCTYPE a><a/>", "DOCTYPE"),
        ("a.csv", b"", "表头"),
        ("a.xlsx", b"PK", ""),
        ("a.xls", b"x", "不是xlsx"),
    ],
)
def test_what_is_no_sample_is_refused(name: str, content: bytes, part: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable) as caught:
        found(put(tmp_path, name, content))
    assert part in caught.value.detail_zh
    assert name in caught.value.detail


def test_a_sheet_without_headers_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, part in ((workbook(tmp_path, 表=[[1, 2]]), "没有带表头的工作表"), (tmp_path / "b.json", "文件不存在")):
        with pytest.raises(SourceUnreadable) as caught:
            found(path)
        assert part in caught.value.detail_zh


def test_a_sample_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "a.json", json.dumps([ITEM] * 100))
    monkeypatch.setattr(sampling, "_LARGEST", 100)
    with pytest.raises(SourceUnreadable) as caught:
        found(path)
    assert "样本过大" in caught.value.detail_zh
    monkeypatch.setattr(sampling, "_LARGEST", 10**6)
    with pytest.raises(SourceUnreadable, match="the sample is not taken"):
        found(put(tmp_path, "b.xml", "<a>" + "<b><c>1</c></b>" * 30_000 + "</a>"))
