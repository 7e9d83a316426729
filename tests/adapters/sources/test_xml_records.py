"""XML: elements become values, nothing is fetched or expanded, and every fault has its line."""

from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources import xml_records
from tests.adapters.sources.reading_of import data, put, read, refusal, where

PATH = "PACKAGE/DATA/RECORD"
DOCUMENT = """<?xml version="1.0" encoding="{}"?>
<!-- 事项 -->
<PACKAGE xmlns="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><HEAD><RECORD>9</RECORD></HEAD><DATA>
<RECORD id="1"><NAME> 住房公积金提取 </NAME><NOTE/><FEE xsi:nil="true"/>
  <MATERIALS><MATERIAL><N>甲</N></MATERIAL><MATERIAL><N>乙</N></MATERIAL></MATERIALS></RECORD>
<x:RECORD xmlns:x="urn:y"><x:NAME><![CDATA[<b>a&b</b>]]></x:NAME><LAW code="A">条<!-- c -->文</LAW>
  <MATERIALS><MATERIAL><N>丙</N></MATERIAL></MATERIALS><LINKS/></x:RECORD>
</DATA></PACKAGE>"""


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "UTF-8"), ("gbk", "GBK"), ("gb18030", "GB2312"), ("utf-16", "UTF-16"), ("utf-8-sig", "UTF-8")],
)
def test_elements_become_values(tmp_path: Path, encoding: str, said: str) -> None:
    path = put(tmp_path, "a.xml", DOCUMENT.format(said), encoding)
    first, second = read(path, "xml", records=PATH, lists=["MATERIAL", "LINKS"])
    assert (first.place, second.place) == (f"{PATH}[1]（第4行）", f"{PATH}[2]（第6行）")
    assert first.data == {
        "@id": "1",
        "NAME": "住房公积金提取",
        "NOTE": None,
        "FEE": None,
        "MATERIALS": {"MATERIAL": [{"N": "甲"}, {"N": "乙"}]},
    }
    assert second.data == {
        "NAME": "<b>a&b</b>",
        "LAW": {"@code": "A", "#text": "条文"},
        "MATERIALS": {"MATERIAL": [{"N": "丙"}]},
        "LINKS": [],
    }


def test_one_child_is_a_value_and_two_are_a_list(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xml", "<L><R><A>1</A></R><R><A>1</A><A>2</A><A/></R><S>t <B>1</B> u</S></L>")
    assert data(path, "xml") == [{"A": "1"}, {"A": ["1", "2", None]}, {"B": "1", "#text": "t u"}]
    assert [one.place for one in read(path, "xml")] == ["R[1]（第1行）", "R[2]（第1行）", "S[3]（第1行）"]


def test_a_declared_encoding_is_stronger_than_the_document(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xml", '<?xml version="1.0" encoding="utf-8"?><L><R><A>堃</A></R></L>', "gbk")
    assert data(path, "xml", encoding="gbk") == [{"A": "堃"}]
    assert where(refusal(path, "xml")) == (None, 1, 48)


CLEAN = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cn", "Co")), min_size=1)


@given(texts=st.lists(CLEAN, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    rows = "".join(f"<R><T>{escape(text)}</T></R>" for text in texts)
    path = put(tmp_path_factory.mktemp("xml"), "a.xml", f"<L>{rows}</L>")
    assert data(path, "xml", records="L/R", encoding="utf-8") == [{"T": text} for text in texts]


BOMB = '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FAULTS: list[tuple[str, str, tuple[int | None, int | None], str]] = [
    ("entities", f"<?xml version='1.0'?>\n{BOMB}<L><R><A>&b;</A></R></L>", (2, None), "DOCTYPE"),
    ("a file", '\n<!-- x -->\n<!doctype l SYSTEM "file:///etc/hostname"><L/>', (3, None), "DOCTYPE"),
    ("an entity that is not there", "<L>\n<R><A>&b;</A></R></L>", (2, 10), "语法有误"),
    ("tags that do not match", "<L>\n<R><A></R></L>", (2, 11), "语法有误"),
    ("cut off", "<L><R>\n<A>", (2, 4), "语法有误"),
    ("nothing", "", (None, None), "语法有误"),
    ("no XML", "事项,名称", (1, None), "没有根元素"),
    ("an endless comment", "<!-- " + "x" * 70_000, (1, None), "没有根元素"),
    ("too deep", "<L>\n" + "<R>" * 40, (2, None), "嵌套层数过多"),
    ("a record without fields", "<L>\n<R>1</R></L>", (2, None), "没有字段"),
    ("an attribute twice", '<L xmlns:a="u:a" xmlns:b="u:b">\n<R a:x="1" b:x="2"><A/></R></L>', (2, None), "“@x”重复"),
    ("a NUL character", "<L><R>\0</R></L>", (1, 7), "语法有误"),
    ("a name that begins with a colon", "<L>\n<:R><A/></:R></L>", (2, 4), "语法有误"),
    ("a root whose name begins with a colon", "<:L>\n<R><A/></R></:L>", (1, 4), "语法有误"),
    ("two roots", "<L><R><A/></R></L>\n<L/>", (2, 1), "语法有误"),
]


@pytest.mark.parametrize(("content", "place", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_a_fault_has_its_place(tmp_path: Path, content: str, place: tuple[int | None, int | None], words: str) -> None:
    error = refusal(put(tmp_path, "a.xml", content), "xml")
    assert words in error.detail_zh
    assert where(error) == (None, *place)


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xml", DOCUMENT.format("utf-8"))
    for records in ("PACKAGE/ROWS/RECORD", "PACKAGES", "DATA/RECORD"):
        assert f"没有元素“{records}”" in refusal(path, "xml", records=records).detail_zh


def test_a_list_may_be_empty(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xml", "<PACKAGE><HEAD/><DATA/></PACKAGE>")
    assert data(path, "xml", records=PATH) == []
    assert data(path, "xml", records="PACKAGE") == [{"HEAD": None, "DATA": None}]


def test_wrong_bytes_have_their_line(tmp_path: Path) -> None:
    content = DOCUMENT.format("utf-8").encode().replace("甲".encode(), b"\xff")
    assert where(refusal(put(tmp_path, "a.xml", content), "xml", records=PATH)) == (None, 5, 27)


def test_a_record_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_records, "_LONGEST", 200_000)
    path = put(tmp_path, "a.xml", "<L>" + "<R><A>1</A></R>" * 30_000 + "<R>" + "<A>一二三四五六七八九十</A>\n" * 30_000)
    assert "单条记录过长" in refusal(path, "xml").detail_zh


def test_too_many_records(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xml", "<L>" + "<R><A/></R>" * 4 + "</L>")
    assert "超过上限3条" in refusal(path, "xml", max_rows=3).detail_zh
