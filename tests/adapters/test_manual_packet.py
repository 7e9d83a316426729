"""报文包: what is in it, in whose words, and that the same message is the same bytes."""

import csv
import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.expression_functions import Unmappable
from adapters.manual_calls import ManualCalls, WrittenPart
from adapters.manual_cover import Slip, cover
from adapters.manual_operations import packet_number, read_packet_number
from adapters.manual_packet import Label, MadeWith, documents, unique_files
from adapters.manual_print import Code, Grid, Line, Text, drawn, laid_out
from adapters.manual_sheet import csv_bytes, sheet_documents
from adapters.manual_typeface import Typeface
from adapters.profile import CityProfile, load_profile
from adapters.profile_check import check_examples
from gateway.storage.database import Database
from schemas.errors import PartnerProtocol, SeedInvalid
from schemas.message import FollowUp, OutboundMessage
from tests.adapters.cities import ROOT, profile_path
from tests.adapters.manual_city import CITY, follow_up_to, manual_city, printed, varied
from tests.adapters.messages import message_to

NUMBER = "445200-360700-000123"
SHIPPED = load_profile(profile_path(CITY))
assert SHIPPED.manual is not None
MANUAL = SHIPPED.manual
RISKY = ("=1+1", "+8613800000001", "-1", "@SUM(A1)", "\tx")


def made(message: OutboundMessage | FollowUp, profile: CityProfile = SHIPPED) -> dict[str, bytes]:
    operations = profile.manual
    assert operations is not None
    made_with = MadeWith(operations, ManualCalls(operations, profile.compiler()))
    return dict(documents(message, made_with, Label(NUMBER, profile.name)))


def cells(content: bytes, page: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in openpyxl.load_workbook(io.BytesIO(content))[page].iter_rows(values_only=True)]


def test_the_sheet_speaks_the_other_citys_words() -> None:
    message, _ = message_to(CITY, {"a.pdf": b"hello"}, name="陈𠮷㐂", form={"account": "0001", "agreed": True})
    workbook = made(message)["办件信息.xlsx"]
    headers, values = cells(workbook, "申请信息")
    row = dict(zip(headers, values, strict=True))
    assert row["申请人姓名（名称）"] == "陈𠮷㐂"
    assert (row["办理方式"], row["证件类型"], row["证件号码"]) == ("异地代收", "居民身份证", "441302189902280026")
    assert cells(workbook, "填报内容") == [("填报项", "填报值"), ("account", "0001"), ("agreed", "是")]
    uploaded, paper = cells(workbook, "材料清单")[1:]
    assert uploaded[:5] == ("M01", "材料1", "电子文件", "1", "a.pdf")
    assert paper[:4] == ("P01", "P01", "纸质原件（邮寄）", "2")


def test_the_text_to_copy_has_the_same_words_in_the_same_order() -> None:
    message, _ = message_to(CITY, {"a.pdf": b"hello"}, name="陈𠮷㐂")
    text = made(message)["复制用文本.txt"].decode("utf-8-sig")
    lines = text.split("\r\n")
    headers = list(MANUAL.sheet.application.columns)
    places = [next(n for n, line in enumerate(lines) if line.startswith(f"{header}：")) for header in headers]
    assert places == sorted(places)
    assert "申请人姓名（名称）：陈𠮷㐂" in lines
    assert f"报文包编号：{NUMBER}" in lines
    assert "1. 材料编号：M01" in lines


def test_the_manifest_holds_a_digest_of_everything() -> None:
    message, _ = message_to(CITY, {"a.pdf": b"hello"})
    found = made(message)
    assert list(found) == ["封面.pdf", "办件信息.xlsx", "复制用文本.txt", "邮寄清单.csv", "manifest.json"]
    manifest = json.loads(found["manifest.json"])
    for one in manifest["documents"]:
        content = found[one["name"]]
        assert one["size_bytes"] == len(content)
        assert one["sha256"] == hashlib.sha256(content).hexdigest()
        assert one["sm3"] == hashlib.new("sm3", content).hexdigest()
    assert len(manifest["documents"]) == 4
    assert (manifest["packet"], manifest["kind"], manifest["mode"]) == (NUMBER, "SUBMIT", "COLLECT")
    assert manifest["papers"] == [{"material_code": "P01", "material_name": "P01", "copies": 2}]


def test_the_cover_slip() -> None:
    message, _ = message_to(CITY, {"身份证𠮷.pdf": b"hello"})
    found = made(message)
    cover_text = printed(found["封面.pdf"])
    assert "跨城通办办件封面" in cover_text
    assert NUMBER in cover_text
    assert "2026-11-23 09:02:03（北京时间）" in cover_text
    assert "揭阳市政务服务中心跨城通办窗口（演示）（445200）" in cover_text
    assert "身份证〔U+20BB7〕.pdf" in cover_text.replace("\n", "")  # rare characters are named, not lost
    assert "2cf24dba5fb0a30e" in cover_text
    assert "纸质原件，另寄" in cover_text.replace("\n", "")
    assert "寄件方经办人签字" in cover_text
    assert hashlib.sha256(found["办件信息.xlsx"]).hexdigest() in cover_text.replace("\n", "")
    assert "陈" not in cover_text  # the slip lies on top of the parcel: who applies is in the sheet


def test_the_code_holds_no_personal_data() -> None:
    message, _ = message_to(CITY, {"a.pdf": b"hello"})
    slip = Slip(NUMBER, "赣州市", "b" * 64, attached=True)
    (code,) = [one for one in cover(message, {"materials": []}, MANUAL, slip) if isinstance(one, Code)]
    assert code.content == f"{NUMBER} {message.application_id} sha256:{'b' * 64}"


def test_the_parcel_list_says_what_travels_and_to_whom() -> None:
    message, _ = message_to(CITY, {"a.pdf": b"hello"})
    head, row = csv.reader(io.StringIO(made(message)["邮寄清单.csv"].decode("utf-8-sig"), newline=""))
    found = dict(zip(head, row, strict=True))
    assert (found["材料"], found["形式"], found["份数"]) == ("P01", "纸质原件", "2")
    assert found["寄件方"].startswith("揭阳")
    assert (found["收件方"][:2], found["收件邮编"], found["快递单号"]) == ("赣州", "341000", "")
    nothing = follow_up_to("WITHDRAW", message.application_id)
    _, row = csv.reader(io.StringIO(made(nothing)["邮寄清单.csv"].decode("utf-8-sig"), newline=""))
    assert row[-1] == "本件无纸质材料，无需邮寄"


def test_the_letters_of_a_supplement_and_a_withdrawal() -> None:
    message, _ = message_to(CITY)
    supplement = made(follow_up_to("SUPPLEMENT", message.application_id))
    text = printed(supplement["封面.pdf"])
    assert "补正材料函" in text
    assert "GZ20261123000001" in text
    assert cells(supplement["办件信息.xlsx"], "补正材料清单")[1][0] == "P02"
    withdrawal = made(follow_up_to("WITHDRAW", message.application_id))
    text = printed(withdrawal["封面.pdf"])
    assert "撤回申请函" in text
    assert "撤回理由：申请人不再办理 〔U+20BB7〕" in text
    assert "申请人不再办理 𠮷" in withdrawal["复制用文本.txt"].decode("utf-8-sig")


def test_the_same_message_is_the_same_bytes() -> None:
    message, _ = message_to(CITY, {"a.pdf": b"hello"})
    first = made(message)
    time.sleep(2.1)  # a date in a zip or a workbook has a grain of two seconds
    assert made(message) == first


@pytest.mark.parametrize("risky", RISKY)
def test_a_formula_stays_text(risky: str) -> None:
    message, _ = message_to(CITY, form={"remark": risky})
    book = openpyxl.load_workbook(io.BytesIO(made(message)["办件信息.xlsx"]))
    cell = book["填报内容"]["B2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (risky, "s", True)
    (line,) = csv.reader(io.StringIO(csv_bytes([[risky]], "utf-8-sig").decode("utf-8-sig"), newline=""))
    assert line == [f"'{risky}"]


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=4), max_size=4))
def test_no_csv_cell_begins_like_a_formula_and_nothing_else_changes(rows: list[list[str]]) -> None:
    text = csv_bytes(rows, "gb18030").decode("gb18030")
    back = list(csv.reader(io.StringIO(text, newline="")))
    for written, given_cells in zip(back, rows, strict=True):
        for cell, original in zip(written, given_cells, strict=True):
            assert cell in (original, f"'{original}")
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_csv_in_gb18030(tmp_path: Path) -> None:
    message, _ = message_to(CITY, {"a.pdf": b"hello"}, name="陈𠮷㐂")
    found = made(message, varied(tmp_path / "360700.yaml", format="csv", charset="gb18030"))
    names = [name for name in found if name.endswith(".csv")]
    assert names == ["申请信息.csv", "填报内容.csv", "材料清单.csv", "邮寄清单.csv"]
    head, row = csv.reader(io.StringIO(found["申请信息.csv"].decode("gb18030"), newline=""))
    assert dict(zip(head, row, strict=True))["申请人姓名（名称）"] == "陈𠮷㐂"


XML_PAGE = {
    "title": "申请信息",
    "columns": {"姓名": "application.applicant.name"},
    "materials": {"title": "材料", "columns": {"编号": "code"}},
    "form": {"title": "填报", "columns": {"项": "field", "值": "value"}},
}


def test_xml(tmp_path: Path) -> None:
    profile = varied(tmp_path / "360700.yaml", format="xml", application=XML_PAGE, follow_up=None)
    message, _ = message_to(CITY, {"a.pdf": b"hello"}, name="<陈𠮷&>", form={"remark": "1"})
    found = made(message, profile)
    root = etree.fromstring(found["办件信息.xml"])
    assert root.tag == "办件"
    assert root.findtext("申请信息/姓名") == "<陈𠮷&>"
    assert [one.text for one in root.findall("材料/行/编号")] == ["M01", "P01"]
    withdrawal = made(follow_up_to("WITHDRAW", message.application_id), profile)
    assert [name for name in withdrawal if "信息" in name] == []  # no page for it: letter and text
    message, _ = message_to(CITY, form={"remark": "\x0b"})
    with pytest.raises(Unmappable, match="XML does not have"):
        made(message, profile)


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        ({"format": "xml"}, "no XML name"),
        ({"format": "xml", "application": XML_PAGE, "follow_up": None, "row": "1"}, "no XML name"),
        ({"application": XML_PAGE | {"columns": {"姓名": "nosuch("}}}, "JMESPath"),
        ({"application": XML_PAGE | {"materials": {"title": "申请信息", "columns": {"x": "code"}}}}, "one title"),
        ({"follow_up": XML_PAGE}, "have no form"),
        ({"application": XML_PAGE | {"title": "a/b"}}, "string_pattern_mismatch"),
    ],
)
def test_a_profile_that_cannot_be_written_is_refused(tmp_path: Path, sheet: dict[str, Any], words: str) -> None:
    with pytest.raises(SeedInvalid) as caught:
        varied(tmp_path / "360700.yaml", **sheet)
    assert words in f"{caught.value.detail} {caught.value.detail_zh}"
    assert caught.value.facts["field"].startswith("manual.sheet")


def test_only_an_idempotent_profile_is_manual(tmp_path: Path) -> None:
    text = profile_path(CITY).read_text(encoding="utf-8").split("# 事项目录")[0]
    path = tmp_path / "360700.yaml"
    path.write_text(text.replace("duplicates: idempotent", "duplicates: unsafe"), encoding="utf-8")
    with pytest.raises(SeedInvalid, match="its tray numbers once"):
        load_profile(path)
    path.write_text(text.replace("transport: manual", "transport: none"), encoding="utf-8")
    with pytest.raises(SeedInvalid, match="does not fit the transport"):
        load_profile(path)


async def test_a_cell_a_workbook_cannot_hold_is_a_matter_for_a_person(db: Database, tmp_path: Path) -> None:
    page = {"title": "申请", "columns": {"表单": "json_text(application.form)"}}
    profile = varied(tmp_path / "360700.yaml", application=page)
    message, files = message_to(CITY, form={f"f{number}": "长" * 4000 for number in range(10)})
    async with manual_city(db, tmp_path, profile) as city:
        with pytest.raises(PartnerProtocol, match="longer than a cell"):
            await city.adapter.deliver(message, files)
        assert await city.left() == []
    listed = varied(tmp_path / "360700.yaml", application=page | {"columns": {"材料": "materials"}})
    with pytest.raises(Unmappable, match="json_text"):
        made(message, listed)


async def test_more_than_the_packet_takes_is_listed_for_download(db: Database, tmp_path: Path) -> None:
    small = SHIPPED.model_copy(update={"manual": MANUAL.model_copy(update={"attach_bytes": 4})})
    message, files = message_to(CITY, {"a.pdf": b"hello"})
    async with manual_city(db, tmp_path, small) as city:
        await city.adapter.deliver(message, files)
        packet = await city.packet(message.message_id)
    (listed,) = packet.manifest["files"]
    file_id = message.files[0].file.file_id
    assert (listed["entry"], listed["download"]) == (None, f"/v1/files/{file_id}")
    assert [name for name in packet.names if name.startswith("附件")] == []
    assert "请按 manifest.json 逐份下载" in packet.cover


def test_fewer_documents(tmp_path: Path) -> None:
    few = SHIPPED.model_copy(update={"manual": MANUAL.model_copy(update={"documents": ()})})
    message, _ = message_to(CITY)
    assert list(made(message, few)) == ["复制用文本.txt", "manifest.json"]


def test_names_in_the_packet_are_names_windows_takes() -> None:
    contents = {"a:b*c?.pdf": b"1", "长" * 180 + ".tar.gz": b"2", "无后缀": b"3", ".hidden": b"4", "点. .": b"5"}
    message, _ = message_to(CITY, contents)
    names = list(unique_files(message))
    assert names[0] == "附件/01-M01-a_b_c_.pdf"
    assert names[1] == f"附件/02-M02-{'长' * 60}.gz"
    assert names[2:] == ["附件/03-M03-无后缀", "附件/04-M04-hidden", "附件/05-M05-点"]


def test_one_file_in_two_places_is_there_once() -> None:
    message, _ = message_to(CITY, {"a.pdf": b"1"})
    (outbound,) = message.files
    twice = message.model_copy(update={"files": (outbound, outbound.model_copy(update={"material_code": None}))})
    assert len(unique_files(twice)) == 1
    bare = message.model_copy(update={"files": (outbound.model_copy(update={"material_code": None}),)})
    assert list(unique_files(bare)) == ["附件/01-a.pdf"]


@given(st.integers(1, 10**9))
def test_a_packets_number_is_read_back(number: int) -> None:
    printed_number = packet_number("445200", CITY, number)
    assert read_packet_number(printed_number, "445200") == (CITY, number)
    assert read_packet_number(printed_number, "441300") is None
    assert read_packet_number(f"{printed_number}x", "445200") is None


def test_long_tables_go_on_with_their_head_on_the_next_page() -> None:
    face = Typeface()
    rows = tuple((str(number), "材料" * 20) for number in range(80))
    pages = laid_out([Code("x"), Line("标题", 18), Grid((1, 4), (("序号", "名称"), *rows))], face, "脚")
    texts = [[one.text for one in page if isinstance(one, Text)] for page in pages]
    assert len(pages) > 1
    assert all("序号" in page for page in texts)
    assert [page[-1] for page in texts] == [f"脚　第 {n} 页，共 {len(pages)} 页" for n in range(1, len(pages) + 1)]
    assert [text for page in texts for text in page if text.isdecimal()] == [row[0] for row in rows]
    for page in pages:
        assert all(48 <= one.x < 547 and 40 < one.y < 800 for one in page)


def test_a_long_reason_takes_as_many_pages_as_it_needs() -> None:
    face = Typeface()
    pages = laid_out([Line("因" * 9000)], face, "脚")
    whole = "".join(one.text for page in pages for one in page if isinstance(one, Text) and one.size == 10.5)
    assert whole == "因" * 9000
    assert all(face.width(one.text, one.size) <= 499 for page in pages for one in page if isinstance(one, Text))


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_no_character_vanishes_on_paper(text: str) -> None:
    face = Typeface()
    shown = face.printable(text)
    for one in text:
        assert one in shown or f"〔U+{ord(one):04X}〕" in shown
    assert all(one.isprintable() or one in "\n\u3000" for one in shown)
    assert printed(drawn(laid_out([Line(shown.replace("\n", ""))], face, ""), face, "")) != ""


def test_an_operators_font_comes_first_and_is_embedded(tmp_path: Path) -> None:
    import reportlab  # type: ignore[import-untyped]

    path = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
    face = Typeface(path)
    assert list(face.runs("陈Aé陈")) == [("STSong-Light", "陈"), ("font-Vera", "Aé"), ("STSong-Light", "陈")]
    assert face.printable("é𠮷") == "é〔U+20BB7〕"
    pages = laid_out([Line("陈Aé")], face, "脚")
    pdf = drawn(pages, face, "题")
    assert b"/FontFile2" in pdf
    assert drawn(pages, face, "题") == pdf
    for bad in (tmp_path / "none.ttf", profile_path(CITY)):
        with pytest.raises(SeedInvalid, match="TONGBAN_PDF_FONT"):
            Typeface(bad)


async def test_the_font_of_the_settings_is_looked_at_when_the_gateway_starts(db: Database, tmp_path: Path) -> None:
    with pytest.raises(SeedInvalid, match="TONGBAN_PDF_FONT"):
        async with manual_city(db, tmp_path, pdf_font=tmp_path / "none.ttf"):
            pass


def test_an_empty_cell_is_an_empty_cell() -> None:
    part = WrittenPart("表", ("甲", "乙"), ({"甲": "", "乙": "1"},), single=True)
    ((_, content),) = sheet_documents([part], MANUAL.sheet)
    assert cells(content, "表") == [("甲", "乙"), (None, "1")]


def test_the_profile_in_the_documents_holds(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "adding-a-city" / "manual.md").read_text(encoding="utf-8")
    path = tmp_path / "360700.yaml"
    path.write_text(guide.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert check_examples(load_profile(path)) == []
