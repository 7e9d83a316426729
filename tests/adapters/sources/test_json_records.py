"""JSON: records out of any depth, and every fault with its line and column."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources import json_text
from adapters.sources.json_text import JsonText
from adapters.sources.record import Place
from tests.adapters.sources.reading_of import data, put, read, refusal, where

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(
    records=st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=5),
    indent=st.none() | st.just(2),
)
@settings(max_examples=80, deadline=None)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], indent: int | None
) -> None:
    document = {"code": 0, "skipped": [records, {"a": records}], "data": {"items": records, "more": records}}
    path = put(tmp_path_factory.mktemp("json"), "a.json", json.dumps(document, indent=indent))
    assert data(path, "json", records="data.items") == records


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_document_may_be_the_list(tmp_path: Path, encoding: str) -> None:
    path = put(tmp_path, "a.json", ' [ {"名称":"提取","数":12,"价":1.5} , {} ] \n', encoding)
    records = read(path, "json", records="")
    assert [(one.place, one.data) for one in records] == [("[0]", {"名称": "提取", "数": 12, "价": 1.5}), ("[1]", {})]
    assert type(records[0].data["数"]) is int
    assert data(put(tmp_path, "b.json", "[]"), "json") == []


def test_places_are_paths(tmp_path: Path) -> None:
    path = put(tmp_path, "a.json", '{"data":[{"a":1},{"a":2}]}')
    assert [one.place for one in read(path, "json", records="data")] == ["data[0]", "data[1]"]


def test_one_record_may_stand_alone_under_its_name(tmp_path: Path) -> None:
    path = put(tmp_path, "a.json", '{"data":{"a":[1]},"more":2}')
    assert [(one.place, one.data) for one in read(path, "json", records="data")] == [("data[0]", {"a": [1]})]


def test_large_numbers_stay_what_they_are(tmp_path: Path) -> None:
    path = put(tmp_path, "a.json", '[{"a":91440000000000000012345,"b":-0.5e3,"c":-7}]')
    assert data(path, "json") == [{"a": 91440000000000000012345, "b": -500.0, "c": -7}]


def test_values_are_read_across_the_window(tmp_path: Path) -> None:
    records = [{"n": number, "text": "长" * (number * 1000 % 300_000)} for number in range(60)]
    text = json.dumps({"data": records, "end": 1234567}, ensure_ascii=False)
    assert data(put(tmp_path, "a.json", text), "json", records="data") == records


class Trickle:
    """A text that comes one character at a time."""

    def __init__(self, text: str) -> None:
        self._text = iter(text)

    def read(self, _size: int) -> str:
        return next(self._text, "")


@pytest.mark.parametrize("text", ['[1, -2.5e+3, "a\\u4e2d\\"", {"k": [true, false, null]}, 77]', "[]", "[{}]", "[123]"])
def test_nothing_depends_on_where_the_window_ends(text: str) -> None:
    window = JsonText(Trickle(text), Place("a.json"))  # type: ignore[arg-type]
    assert list(window.list_elements(30)) == json.loads(text)
    assert window.peek() == ""


DEEP = '{"a":' * 30 + "1" + "}" * 30
FAULTS: list[tuple[str, str, tuple[int | None, int | None], str]] = [
    ("a comma too many", '[\n {"a":1},\n {"a":1,}]', (3, 9), "JSON语法有误"),
    ("no closing", '[\n {"a":1}', (2, 9), ",或]"),
    ("no value", "", (1, 1), "不是列表"),
    ("cut off", '[{"a": "b', (1, 8), "JSON语法有误"),
    ("a second document", "[]\n[]", (2, 1), "文档结束后还有内容"),
    ("a key twice", '[{"a":1,"b":2,"a":3}]', (1, 15), "键“a”重复"),
    ("not a number", '[{"a":NaN}]', (1, 7), "NaN"),
    ("infinite", '[{"a":-Infinity}]', (1, 7), "-Infinity"),
    ("too large", '[{"a":1e999}]', (1, 7), "数字过大"),
    ("too many digits", '[{"a":' + "1" * 5000 + "}]", (1, 7), "数字位数过多"),
    ("too deep", f"[{DEEP}]", (1, 147), "嵌套层数过多"),
    ("lists too deep", "[" * 40 + "]" * 40, (1, 31), "嵌套层数过多"),
    ("very deep", "[" * 100_000, (1, 31), "嵌套层数过多"),
    ("deep inside", '[{"a":1,\n "b":[1,{"c":[2,\n  NaN]}]}]', (3, 3), "NaN"),
    ("a key twice deep inside", '[{"b":[1,{"c":2,\n"c":3}]}]', (2, 1), "键“c”重复"),
    ("half a character in a key", '[{"a":1,"\\ud83d":2}]', (1, 9), "代理项"),
    ("half a character", '[{"a":"\\ud83d"}]', (1, 7), "代理项"),
    ("no object", '[{"a":1}, 5]', (1, 12), "记录[1]不是对象"),
    ("no list", '{"a":1}', (1, 1), "顶层”处不是列表"),
    ("a control character", '[{"a":"\x01"}]', (1, 8), "JSON语法有误"),
]


@pytest.mark.parametrize(("content", "place", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_a_fault_has_its_place(tmp_path: Path, content: str, place: tuple[int | None, int | None], words: str) -> None:
    error = refusal(put(tmp_path, "a.json", content), "json")
    assert where(error) == (None, *place)
    assert words in error.detail_zh


PATH_FAULTS: list[tuple[str, str, tuple[int | None, int | None], str]] = [
    ("missing", '{"data":{"rows":[]}}', (None, None), "没有“data.items”"),
    ("no list", '{"data":{"items":"x"}}', (1, 18), "“data.items”处不是列表"),
    ("no object", '{"data":[]}', (1, 9), "“data”处不是对象"),
    ("no object at all", "[]", (1, 1), "顶层”处不是对象"),
    ("a key twice around it", '{"data":{"items":[]},"data":{}}', (1, 22), "键“data”重复"),
    ("a key that is none", "{1:2}", (1, 2), "键名"),
    ("no colon", '{"data" 1}', (1, 9), "此处应为:"),
    ("a fault behind the list", '{"data":{"items":[{}]},"x":tru}', (1, 28), "JSON语法有误"),
    ("a key twice in what is skipped", '{"x":{"a":1,"a":2},"data":{"items":[]}}', (1, 13), "键“a”重复"),
    ("too deep in what is skipped", '{"x":' + "[" * 40 + "]" * 40 + "}", (1, 35), "嵌套层数过多"),
]


@pytest.mark.parametrize(
    ("content", "place", "words"), [one[1:] for one in PATH_FAULTS], ids=[one[0] for one in PATH_FAULTS]
)
def test_a_fault_around_the_list_has_its_place(
    tmp_path: Path, content: str, place: tuple[int | None, int | None], words: str
) -> None:
    error = refusal(put(tmp_path, "a.json", content), "json", records="data.items")
    assert words in error.detail_zh
    assert where(error) == (None, *place)


def test_a_fault_late_in_a_large_file_has_its_line(tmp_path: Path) -> None:
    lines = [json.dumps({"n": number, "text": "公积金" * 20}, ensure_ascii=False) for number in range(20_000)]
    lines[15_000] = lines[15_000].replace('"text":', '"text"')
    path = put(tmp_path, "a.json", "[\n" + ",\n".join(lines) + "\n]")
    assert where(refusal(path, "json")) == (None, 15_002, 21)


def test_a_value_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "_LONGEST", 300_000)
    path = put(tmp_path, "a.json", '[{"a":"' + "x" * (4 * 1024**2))
    assert "单个值过长" in refusal(path, "json").detail_zh


def test_too_many_records(tmp_path: Path) -> None:
    assert "超过上限3条" in refusal(put(tmp_path, "a.json", "[{},{},{},{}]"), "json", max_rows=3).detail_zh
