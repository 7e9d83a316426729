"""Converters: each value that can be meant, and each that cannot, with its rule."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from adapters.normalization.item_dialect import CodeMeaning, DateShape
from adapters.normalization.moments import date_converter, moment_converter
from adapters.normalization.values import (
    NONE,
    SHOWN,
    Convert,
    Notes,
    Trouble,
    answered,
    boolean_converter,
    code_converter,
    code_table,
    integer,
    integer_converter,
    many_converter,
    pattern_converter,
    plain,
    printable,
    shown,
    text_converter,
    unit_converter,
    verbatim,
)
from schemas.service_item import Served

MONTH = CodeMeaning(to="natural_day", times=30, lossy="月")


def rule(convert: Convert, value: Any) -> str:
    with pytest.raises(Trouble) as caught:
        convert(value, [])
    assert caught.value.message_zh
    assert caught.value.value is value or caught.value.value == value
    return caught.value.rule


def noted(convert: Convert, value: Any) -> tuple[Any, list[tuple[str, bool]]]:
    notes: Notes = []
    found = convert(value, notes)
    return found, [(one.rule, one.costs) for one in notes]


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (True, "true"), (False, "false"), (3, "3"), (3.0, "3"), (3.5, "3.5"), (1e20, "1e+20")],
)
def test_scalars_as_text(value: Any, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ([1], "malformed"),
        ({}, "malformed"),
        (float("nan"), "malformed"),
        (float("inf"), "malformed"),
        (10**300, "out_of_range"),
    ],
)
def test_what_is_no_scalar(value: Any, name: str) -> None:
    assert rule(lambda one, _notes: plain(one), value) == name


def test_what_a_finding_shows_is_short_and_can_be_written() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert shown(None) is None
    assert shown("甲") == "甲"
    assert shown(3) == "3"
    assert shown(10**5000) == "16610位二进制整数"
    assert shown({"a": [1, "x"]}) == "{'a': [1, 'x']}"
    assert shown("\ud800x") == "�x"
    for value in ("长" * 1000, ["x" * 1000] * 50, {str(n): n for n in range(1000)}, deep):
        text = shown(value)
        assert text is not None
        assert len(text) <= SHOWN
    assert str(shown("长" * 1000)).endswith("…")
    assert printable("甲") == "甲"


def text(*, clean: bool = True, cut: bool = False, most: int | None = 10, one_line: bool = True) -> Convert:
    return text_converter(one_line=one_line, max_length=most, clean=clean, cut=cut)


def test_text() -> None:
    assert noted(text(), "甲乙") == ("甲乙", [])
    assert noted(text(), 12) == ("12", [])
    assert noted(text(), "１２Ａ") == ("12A", [])
    assert noted(text(), "<b>甲</b>") == ("甲", [("cleaned", False)])
    assert noted(text(), "<img>") == (None, [("lossy", True)])
    assert noted(text(), "<p></p>") == (None, [("cleaned", False)])
    assert noted(text(clean=False), "<b>甲</b>") == ("<b>甲</b>", [])
    assert rule(text(clean=False), "<b>甲乙丙丁</b>") == "out_of_range"
    assert noted(text(one_line=False), "甲\n乙") == ("甲\n乙", [])
    assert rule(text(), "甲" * 11) == "out_of_range"
    assert noted(text(cut=True), "甲" * 11) == ("甲" * 10, [("lossy", True)])
    assert noted(text(most=None), "甲" * 5000) == ("甲" * 5000, [])


@pytest.mark.parametrize("value", [5, "5", "５", " 5 ", "+5", "5.0", 5.0, "5.00"], ids=repr)
def test_whole_numbers(value: Any) -> None:
    assert integer(value, []) == 5


@pytest.mark.parametrize("value", ["5.5", 5.5, "五", "", "1e3", "5个", True, [5], "9" * 19], ids=repr)
def test_what_is_no_whole_number(value: Any) -> None:
    assert rule(integer, value) == "malformed"


def test_numbers_too_large() -> None:
    assert integer(10**18 - 1, []) == 10**18 - 1
    assert rule(integer, 10**18) == "out_of_range"
    assert rule(integer, -(10**18)) == "out_of_range"


def test_words_that_stand_for_numbers() -> None:
    convert = integer_converter({"当场": "0", "若干": CodeMeaning(lossy="不定")}, 1)
    assert noted(convert, "当场") == (0, [])
    assert noted(convert, " 当场 ") == (0, [])
    assert noted(convert, "若干") == (None, [("lossy", True)])
    assert noted(convert, "7") == (7, [])
    assert rule(convert, "马上") == "malformed"
    assert integer_converter(None, 1) is integer


def test_one_of_theirs_is_several_of_ours() -> None:
    convert = integer_converter({"免费": "0"}, 100)
    assert noted(convert, "免费") == (0, [])
    for value, fen in (
        ("5", 500),
        (5, 500),
        (5.5, 550),
        ("5.50", 550),
        ("－5".replace("－", "-"), -500),
        ("５.５", 550),
    ):
        assert noted(convert, value) == (fen, [])
    for value in ("5.555", "5元", "", "1e3", 1e300):
        assert rule(convert, value) == "malformed"


def test_yes_and_no() -> None:
    usual = boolean_converter(None)
    assert [usual(one, []) for one in ("1", "是", True, 1, "有", "√", " 是 ")] == [True] * 7
    assert [usual(one, []) for one in ("0", "否", False, 0, "无", "×")] == [False] * 6
    assert rule(usual, "2") == "unknown_code"
    assert rule(usual, [1]) == "malformed"
    own = boolean_converter({"Y": "true", "N": "false", "P": CodeMeaning(lossy="部分"), "?": None})
    assert own("Y", []) is True
    assert own("N", []) is False
    assert noted(own, "P") == (None, [("lossy", True)])
    assert rule(own, "?") == "unknown_code"
    assert rule(own, "1") == "unknown_code"
    assert rule(boolean_converter({}), "1") == "unknown_code"


def test_codes() -> None:
    table = code_table(None, {"1": "A", "2": CodeMeaning(to="B", lossy="少"), "3": CodeMeaning(lossy="无"), "4": None})
    convert = code_converter(table)
    assert noted(convert, "1") == ("A", [])
    assert noted(convert, 1) == ("A", [])
    assert noted(convert, " 1 ") == ("A", [])
    assert noted(convert, 1.0) == ("A", [])
    assert noted(convert, "2") == ("B", [("lossy", True)])
    assert noted(convert, "3") == (None, [("lossy", True)])
    assert rule(convert, "4") == "unknown_code"
    assert rule(convert, "9") == "unknown_code"
    assert code_table(Served, None)["1"] == CodeMeaning(to="1")
    assert code_table(None, None) == {}


def test_units() -> None:
    convert = unit_converter(code_table(None, {"月": MONTH, "日": "workday", "旬": CodeMeaning(lossy="旬")}))
    assert noted(convert, "日") == (("workday", 1), [])
    assert noted(convert, "月") == (("natural_day", 30), [("lossy", True)])
    assert noted(convert, "旬") == (None, [("lossy", True)])


def test_several_values() -> None:
    convert = many_converter(integer, split=",，", none_words=frozenset({"无"}))
    assert convert("1,2，1,", []) == (1, 2)
    assert convert([1, "2", None, "", 1], []) == (1, 2)
    assert convert(7, []) == (7,)
    assert convert(" 无 ", []) is NONE
    assert convert(",", []) is None
    assert convert([], []) is None
    assert many_converter(integer, split=None, none_words=frozenset())("12", []) == (12,)
    assert rule_of_part(convert, "1,x") == "malformed"


def rule_of_part(convert: Convert, value: Any) -> str:
    with pytest.raises(Trouble) as caught:
        convert(value, [])
    return caught.value.rule


def test_a_word_for_none_is_an_answer() -> None:
    convert = answered(integer, frozenset({"无"}))
    assert convert("5", []) == 5
    assert convert(" 无 ", []) is NONE
    assert rule(convert, "没") == "malformed"
    assert rule(convert, [5]) == "malformed"


def test_the_part_a_pattern_finds() -> None:
    convert = pattern_converter(integer, re.compile(r"(\d+)?个"))
    assert convert("共20个", []) == 20
    for value in ("20", "个", [1]):
        with pytest.raises(Trouble) as caught:
            convert(value, [])
        assert caught.value.rule == "malformed"


def test_a_list_in_our_own_words() -> None:
    assert verbatim([{"a": 1}], []) == [{"a": 1}]
    assert rule(verbatim, {"a": 1}) == "malformed"


@pytest.mark.parametrize(
    ("value", "shapes"),
    [
        ("2026-01-31", ()),
        ("2026-1-31", ()),
        ("2026-01-31T23:59:59+08:00", ()),
        ("20260131", ()),
        (20260131, ()),
        ("20260131T080000", ()),
        ("２０２６-01-31", ()),
        ("2026年1月31日", (DateShape.CHINESE,)),
        ("2026 年 1 月 31", (DateShape.CHINESE,)),
        ("2026/1/31", (DateShape.SLASHED,)),
        ("2026/1/31 08:00", (DateShape.SLASHED,)),
        (1769788800000, (DateShape.EPOCH_MS,)),
        ("1769788800", (DateShape.EPOCH_S,)),
        ("20260131", (DateShape.CHINESE, DateShape.ISO)),
    ],
    ids=repr,
)
def test_days(value: Any, shapes: tuple[DateShape, ...]) -> None:
    assert date_converter(shapes)(value, []) == date(2026, 1, 31)


@pytest.mark.parametrize(
    ("value", "shapes"),
    [
        ("2026-02-31", ()),
        ("20261301", ()),
        ("2026年1月31日", ()),
        ("2026/1/31", ()),
        (1769788800000, ()),
        (10**17, (DateShape.EPOCH_MS,)),
        (-1, (DateShape.EPOCH_MS,)),
        (True, (DateShape.EPOCH_MS,)),
        ("长期", (DateShape.CHINESE,)),
        (46053.0, ()),
    ],
    ids=repr,
)
def test_what_is_no_day(value: Any, shapes: tuple[DateShape, ...]) -> None:
    assert rule(date_converter(shapes), value) == "malformed"


def test_an_epoch_is_beijings_day() -> None:
    evening = datetime(2026, 1, 30, 16, 30, tzinfo=UTC)
    assert date_converter((DateShape.EPOCH_S,))(int(evening.timestamp()), []) == date(2026, 1, 31)


def test_moments() -> None:
    eight = datetime(2026, 1, 31, 0, 0, tzinfo=UTC)
    convert = moment_converter((DateShape.EPOCH_MS,))
    for value in ("2026-01-31T08:00:00", "20260131T080000", "2026-01-31T00:00:00Z", int(eight.timestamp()) * 1000):
        assert convert(value, []) == eight
    assert rule(convert, "昨天") == "malformed"
    assert rule(convert, "0001-01-01T00:00:00+08:00") == "out_of_range"
    assert rule(moment_converter(()), "9999-12-31T23:59:59-08:00") == "out_of_range"
