"""Whatever the bytes, in whatever format: records, or SourceUnreadable."""

import contextlib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import SourceUnreadable
from tests.adapters.sources.office_files import biff, compound, ods, ods_row, repacked
from tests.adapters.sources.reading_of import put, read
from tests.adapters.sources.test_sheets import book

FORMS = st.sampled_from(["csv", "json", "xml", "sheet"])
STARTS = st.sampled_from(
    [
        b"",
        b"PK\x03\x04",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        b"<a>",
        b"[{",
        b"a,b\n",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x84\x31\x95\x33",
    ]
)
ENCODINGS = st.sampled_from([None, "utf-8", "gb18030", "utf-16", "utf-32", "big5"])


def attempt(path: Path, form: str, encoding: str | None = None) -> None:
    with contextlib.suppress(SourceUnreadable):
        for record in read(path, form, encoding=encoding, max_rows=2000):
            assert record.place
            assert isinstance(record.data, dict)


@given(form=FORMS, start=STARTS, noise=st.binary(max_size=600), encoding=ENCODINGS)
@settings(max_examples=400, deadline=None)
@example(form="csv", start=b"", noise=b"\r", encoding=None)
def test_random_bytes(
    tmp_path_factory: pytest.TempPathFactory, form: str, start: bytes, noise: bytes, encoding: str | None
) -> None:
    attempt(put(tmp_path_factory.getbasetemp(), "noise", start + noise), form, encoding)


@given(form=FORMS, text=st.text('<>[]{}&;!?"\\:,/ \r\n\0ax1-.eE中\ufeff', max_size=60))
@settings(max_examples=400, deadline=None)
def test_random_signs(tmp_path_factory: pytest.TempPathFactory, form: str, text: str) -> None:
    attempt(put(tmp_path_factory.getbasetemp(), "signs", text), form)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    rows: list[list[Any]] = [["甲", "乙"], ["1", 2], ["3", True]]
    return {
        "xlsx": book(folder / "a.xlsx", {"S": rows}).read_bytes(),
        "ods": ods(folder / "a.ods", {"S": ods_row("甲") + ods_row("1")}).read_bytes(),
        "xls": compound({"Workbook": biff({"S": rows})}),
        "csv": '甲,乙\r\n1,"二\n""三"""\r\n'.encode("gb18030"),
        "json": '[{"甲":1,"乙":["\\u4e8c",{"丙":-2.5e3}]},{"甲":null}]'.encode(),
        "xml": '<?xml version="1.0"?><L><R a="1"><甲>一</甲><乙><![CDATA[二]]></乙></R><R/></L>'.encode(),
    }


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12)


@given(kind=st.sampled_from(["xlsx", "ods", "xls", "csv", "json", "xml"]), changes=CHANGES, keep=st.floats(0.2, 3))
@settings(max_examples=500, deadline=None)
def test_files_with_some_bytes_changed(
    tmp_path_factory: pytest.TempPathFactory,
    whole: dict[str, bytes],
    kind: str,
    changes: list[tuple[float, int]],
    keep: float,
) -> None:
    content = bytearray(whole[kind])
    for where, byte in changes:
        content[int(where * len(content))] = byte
    form = kind if kind in ("csv", "json", "xml") else "sheet"
    attempt(put(tmp_path_factory.getbasetemp(), "changed", bytes(content[: int(keep * len(content))])), form)


PARTS = {
    "xlsx": [
        "[Content_Types].xml",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "xl/styles.xml",
        "xl/sharedStrings.xml",
        "xl/worksheets/sheet1.xml",
    ],
    "ods": ["content.xml", "META-INF/manifest.xml"],
}
SNIPPETS = st.sampled_from(
    [b"<", b">", b'"', b"", b"<!-- -->", b"<?x?>", b"-1", b"1e999", b"nan", b"<a/>", b"99999999999", b"s='-3' ", b"&a;"]
)


@given(
    kind=st.sampled_from(sorted(PARTS)),
    number=st.integers(0, 5),
    where=st.floats(0, 1),
    more=SNIPPETS,
    cut=st.integers(0, 30),
)
@settings(max_examples=400, deadline=None)
def test_parts_with_something_changed(
    tmp_path_factory: pytest.TempPathFactory,
    whole: dict[str, bytes],
    kind: str,
    number: int,
    where: float,
    more: bytes,
    cut: int,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = put(folder, f"whole.{kind}", whole[kind])
    name = PARTS[kind][number % len(PARTS[kind])]
    with zipfile.ZipFile(path) as package:
        content = package.read(name)
    at = int(where * len(content))
    attempt(repacked(path, folder / "part", {name: content[:at] + more + content[at + cut :] or b" "}), "sheet")
