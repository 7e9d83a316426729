import csv
import string
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_37_36 as stdnum_mod_37_36

from schemas import identifiers as ids
from schemas.errors import SerialOverflow
from schemas.identifiers import CaseNumberFormat, TaskCodeShape
from tests.schemas.shared_facts import shared_rows

CHECKS: dict[str, Callable[[str], str]] = {
    "uscc": ids.check_credit_code,
    "resident_id": ids.check_resident_number,
    "licence_id": ids.check_licence_identifier,
}
with (Path(__file__).parent / "identifier_vectors.csv").open(encoding="utf-8", newline="") as _file:
    VECTORS = [(row["kind"], row["value"], row["expect"]) for row in csv.DictReader(_file)]

JIEYANG = "11445200076745332J"
LICENCE = "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U"
BORN_1899 = "445202189901010014"
TASK = "11440232MB2D06811W4000117051000"  # 11440232MB2D06811W, use level 4, 000117051000

credit_chars = st.sampled_from(ids.CREDIT_CODE_ALPHABET)
digits = st.sampled_from(string.digits)


def text_of(*parts: tuple[st.SearchStrategy[str], int]) -> st.SearchStrategy[str]:
    return st.tuples(*(st.lists(chars, min_size=n, max_size=n).map("".join) for chars, n in parts)).map("".join)


first17 = text_of((digits, 8), (credit_chars, 9))
old_days = st.dates(date(1899, 1, 1), date(1900, 12, 31))


def accepted(check: Callable[[str], str], value: str) -> bool:
    try:
        return check(value) == value
    except ValueError as error:
        sentence = str(error)
        assert " / " in sentence
        assert value == "" or value not in sentence
        return False


@pytest.mark.parametrize(("kind", "value", "expect"), VECTORS)
def test_public_vectors(kind: str, value: str, expect: str) -> None:
    assert accepted(CHECKS[kind], value) is (expect != "invalid")


def test_all_vectors_collected_outside_the_repository() -> None:
    for row in shared_rows("id_test_vectors.csv"):
        assert accepted(CHECKS[row["kind"]], row["value"]) is (row["expect"] != "invalid"), row["note"]


def test_committed_resident_numbers_have_no_living_holder() -> None:
    assert {value[6:10] for kind, value, _ in VECTORS if kind == "resident_id"} == {"1899", "1900"}


# 统一社会信用代码


@given(first17)
def test_credit_code_check_digit_is_that_of_stdnum(first: str) -> None:
    assert ids.credit_code_check_digit(first) == uscc.calc_check_digit(first)


@given(first17, credit_chars)
def test_credit_code_is_accepted_as_by_stdnum(first: str, last: str) -> None:
    assert accepted(ids.check_credit_code, first + last) is uscc.is_valid(first + last)


@given(first17, st.integers(0, 16), credit_chars)
def test_one_wrong_character_of_a_credit_code_is_noticed(first: str, place: int, other: str) -> None:
    code = first + ids.credit_code_check_digit(first)
    wrong = code[:place] + other + code[place + 1 :]
    assert accepted(ids.check_credit_code, wrong) is (wrong == code)


def test_rural_collectives_begin_with_a_letter() -> None:
    first = "N2445200MF0000001"
    assert accepted(ids.check_credit_code, first + ids.credit_code_check_digit(first))


@pytest.mark.parametrize(
    "value",
    [JIEYANG.lower(), JIEYANG + "\n", " " + JIEYANG, JIEYANG[:-1], "", "１" + JIEYANG[1:], "1144520O076745332J"],
)
def test_credit_codes_refused_for_their_shape(value: str) -> None:
    assert not accepted(ids.check_credit_code, value)


@pytest.mark.parametrize("first", ["1" * 16, "1" * 18, "I" * 17, "a" * 17])
def test_no_check_digit_of_what_is_no_credit_code(first: str) -> None:
    with pytest.raises(ValueError, match=" / "):
        ids.credit_code_check_digit(first)


# 公民身份号码


@given(text_of((digits, 6)), old_days, text_of((digits, 3)))
def test_resident_check_digit_is_that_of_stdnum(division: str, born: date, serial: str) -> None:
    first = f"{division}{born:%Y%m%d}{serial}"
    assert ids.resident_check_digit(first) == ric.calc_check_digit(first + "0")
    assert accepted(ids.check_resident_number, first + ids.resident_check_digit(first))


@given(text_of((digits, 6)), old_days, text_of((digits, 3)), st.sampled_from("0123456789X"))
def test_a_resident_number_needs_its_check_digit(division: str, born: date, serial: str, last: str) -> None:
    first = f"{division}{born:%Y%m%d}{serial}"
    assert accepted(ids.check_resident_number, first + last) is (last == ids.resident_check_digit(first))


def test_neither_age_nor_division_is_judged() -> None:
    assert accepted(ids.check_resident_number, BORN_1899)
    assert not ric.is_valid(BORN_1899)  # 445202 did not exist in 1899: stdnum's rule would turn people away


@pytest.mark.parametrize("day", ["19000229", "18991301", "19000100", "18990431", "00000101"])
def test_days_that_never_were(day: str) -> None:
    first = f"445202{day}001"
    assert not accepted(ids.check_resident_number, first + ids.resident_check_digit(first))


@pytest.mark.parametrize(
    "value", [BORN_1899[:17], BORN_1899 + "0", "44520218990101001x", "４" + BORN_1899[1:], BORN_1899 + "\n", ""]
)
def test_resident_numbers_refused_for_their_shape(value: str) -> None:
    assert not accepted(ids.check_resident_number, value)


def test_no_check_digit_of_what_is_no_resident_number() -> None:
    with pytest.raises(ValueError, match=" / "):
        ids.resident_check_digit("1234567890123456X")


# MOD 37,36 and 电子证照标识


@given(st.text(ids.BASE_36, min_size=1, max_size=70))
def test_mod_37_36_is_that_of_stdnum(text: str) -> None:
    assert ids.mod_37_36(text) == stdnum_mod_37_36.calc_check_digit(text)


@pytest.mark.parametrize("text", ["", "a", "1.2", "１"])
def test_mod_37_36_refuses_other_characters(text: str) -> None:
    with pytest.raises(ValueError, match=" / "):
        ids.mod_37_36(text)


@given(st.sampled_from(ids.BASE_36))
def test_only_one_check_character_fits_a_licence_identifier(char: str) -> None:
    assert accepted(ids.check_licence_identifier, LICENCE[:-1] + char) is (char == "U")


@pytest.mark.parametrize(
    "value",
    [
        LICENCE.lower(),
        LICENCE.removeprefix("1."),
        LICENCE.replace("3005", "3006"),
        LICENCE.replace("20230000403", "2" * 33),
        LICENCE.replace("11430000006122244L", "1143000"),
        LICENCE.replace(".", "-"),
        LICENCE + "\n",
    ],
)
def test_licence_identifiers_refused_for_their_shape(value: str) -> None:
    assert not accepted(ids.check_licence_identifier, value)


# 行政区划、基本编码、实施编码


@pytest.mark.parametrize(
    ("value", "good"),
    [("445200", True), ("000001", True), ("000000", False), ("44520", False), ("44520A", False), ("４45200", False)],
)
def test_division_codes(value: str, good: bool) -> None:
    assert accepted(ids.check_division, value) is good


@pytest.mark.parametrize(
    ("kind", "value", "good"),
    [
        ("CatalogCode", "000117051000", True),
        ("CatalogCode", "440225982010", True),
        ("CatalogCode", "00011705100", False),
        ("CatalogCode", "00011705100a", False),
        ("TaskCode", TASK, True),
        ("TaskCode", "511A0138000000-511602000000-000-1-00", True),
        ("TaskCode", "1234567", False),
        ("TaskCode", "1" * 51, False),
        ("HandleItemCode", TASK + "01", True),
        ("HandleItemCode", TASK + "_1", False),
        ("CaseNumber", TASK + "202010200008", True),
        ("CaseNumber", "a-1", True),
        ("CaseNumber", "", False),
        ("CaseNumber", "1" * 51, False),
        ("DivisionCode", "445200", True),
        ("DivisionCode", "000000", False),
        ("CreditCode", JIEYANG, True),
        ("CreditCode", JIEYANG.lower(), False),
        ("ResidentNumber", BORN_1899, True),
        ("ResidentNumber", BORN_1899[:-1] + "X", False),
        ("LicenceIdentifier", LICENCE, True),
        ("LicenceIdentifier", LICENCE[:-1] + "V", False),
    ],
)
def test_annotated_types(kind: str, value: str, good: bool) -> None:
    adapter = TypeAdapter[str](getattr(ids, kind))
    assert adapter.json_schema()["pattern"].startswith("^")
    if good:
        assert adapter.validate_python(value) == value
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


DEFAULT = TaskCodeShape()
ANY = TaskCodeShape(task_code_length=None, handle_item_length=None)


@pytest.mark.parametrize(
    ("code", "shape", "good"),
    [
        (TASK, DEFAULT, True),
        (TASK[:18] + "0" + TASK[19:], DEFAULT, False),
        (TASK[:18] + "8" + TASK[19:], DEFAULT, False),
        (TASK[:17] + "X" + TASK[18:], DEFAULT, False),
        (TASK[:-1] + "-", DEFAULT, False),
        (TASK + "1", DEFAULT, False),
        ("511A0138000000-511602000000-000", ANY, True),
        ("511A0138-01", TaskCodeShape(task_code_length=11), True),
        ("511a0138-01", ANY, False),
    ],
)
def test_task_codes_in_a_citys_shape(code: str, shape: TaskCodeShape, good: bool) -> None:
    assert accepted(lambda value: ids.check_task_code(value, shape), code) is good


def test_task_codes_seen_in_public() -> None:
    for row in shared_rows("sample_service_items.csv"):
        assert accepted(lambda value: ids.check_task_code(value, DEFAULT), row["task_code"]), row["place"]


@pytest.mark.parametrize(
    ("code", "shape", "good"),
    [
        (TASK + "01", DEFAULT, True),
        (TASK, DEFAULT, False),
        ("9" + TASK[1:] + "01", DEFAULT, False),
        ("9" + TASK[1:] + "01", TaskCodeShape(task_code_length=None), True),
        ("12345678", ANY, True),
        ("1234567", ANY, False),
    ],
)
def test_handle_item_codes_in_a_citys_shape(code: str, shape: TaskCodeShape, good: bool) -> None:
    assert accepted(lambda value: ids.check_handle_item_code(value, shape), code) is good


# 办件编号


def test_the_guangdong_case_number() -> None:
    number = ids.case_number(CaseNumberFormat(), TASK, date(2020, 10, 20), 8)
    assert number == "11440232MB2D06811W4000117051000202010200008"
    assert len(number) == 43


days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
day_and_serial = st.tuples(days, st.integers(1, 9999))


@given(day_and_serial, day_and_serial)
def test_case_numbers_of_a_task_never_meet(one: tuple[date, int], other: tuple[date, int]) -> None:
    numbers = [ids.case_number(CaseNumberFormat(), TASK, *which) for which in (one, other)]
    assert [len(number) for number in numbers] == [43, 43]
    assert (numbers[0] == numbers[1]) is (one == other)


def test_a_citys_own_format() -> None:
    own = CaseNumberFormat(template="JY-{date:%y%m%d}-{serial:06d}", serial_digits=6)
    assert ids.case_number(own, TASK, date(2026, 5, 9), 123456) == "JY-260509-123456"


def test_the_serial_does_not_overflow_silently() -> None:
    with pytest.raises(SerialOverflow) as caught:
        ids.case_number(CaseNumberFormat(), TASK, date(2026, 5, 9), 10_000)
    assert caught.value.facts == {"serial": 10_000, "serial_digits": 4, "day": "2026-05-09"}
    assert not caught.value.retryable


def test_serials_count_from_one() -> None:
    with pytest.raises(ValueError, match=" / "):
        ids.case_number(CaseNumberFormat(), TASK, date(2026, 5, 9), 0)


def test_a_case_number_has_at_most_fifty_characters() -> None:
    with pytest.raises(ValueError, match=" / "):
        ids.case_number(
            CaseNumberFormat(template="1234567890{task_code}{date:%Y%m%d}{serial:04d}"), TASK, date(2026, 5, 9), 1
        )


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{serial:04d}",
        "{date:%Y%m%d}",
        "{date:%Y%m%d}{serial}",
        "{date:%Y%m%d}{serial:4d}",
        "{date:%Y%m%d}{serial:05d}",
        "{date:%Y%m}{serial:04d}",
        "{date.__class__}{serial:04d}",
        "{date:%Y%m%d}{serial:04d}{task_code[0]}",
        "{date:%Y%m%d}{serial:04d}{task_code!r}",
        "{date:%Y%m%d}{serial:04d}{task_code:>60}",
        "{date:%Y%m%d}{serial:04d}{other}",
        "{date:%Y%m%d}{serial:04d}{}",
        "{date:%Y%m%d}{serial:04d}揭",
        "{date:%Y%m%d}{serial:04d} ",
        "{date:%Y%m%d}{serial:04d",
        "{date:%Y%m%d}}{serial:04d}",
        "{date:%Y%m%d}{{{serial:04d}",
    ],
)
def test_templates_that_would_not_number_cases(template: str) -> None:
    with pytest.raises(ValidationError):
        CaseNumberFormat(template=template)
