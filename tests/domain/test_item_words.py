"""What the item index holds and what a search asks of it; changes between revisions."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.initials import initials
from gateway.domain.item_changes import item_changes
from gateway.domain.item_words import Filter, Terms, plain, terms, tokens
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode
from schemas.service_item import HandlingArea, ItemStatus, Served

ROOT = Path(__file__).resolve().parents[2]
ITEM = read_seeds(ROOT / "seeds").items[0]
TEXTS = st.text(min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Ａ类 社保（卡）—Ⅱ", "a类社保卡ii"),
        ("㐂𠮷\ue000\U00032000", "㐂𠮷\ue000\U00032000"),
        ("葛\U000e0100城\ufe00", "葛城"),
        ("བོད", "བོད"),
        ("\u200b 。、-_/+", ""),
    ],
)
def test_plain_text_is_letters_and_digits(text: str, wanted: str) -> None:
    assert plain(text) == wanted


@given(TEXTS)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("社会保障卡申领", "shbzksl"),
        ("重庆ABC分公司2号", "cqabcfgs2h"),
        ("银行行长", "yhhz"),
        ("㐂\ue000", "㐂\ue000"),
        ("", ""),
    ],
)
def test_initials_are_those_of_the_words(name: str, wanted: str) -> None:
    assert initials(name) == wanted


@given(TEXTS)
def test_there_is_one_initial_for_each_character(text: str) -> None:
    assert len(initials(text)) == len(plain(text))


@given(TEXTS)
def test_no_tokenizer_has_an_opinion_on_a_token(name: str) -> None:
    item = ITEM.model_copy(update={"name": name, "modes": None, "handling_area": None})
    words = tokens(item, initials(name)).split(" ")
    assert all(re.fullmatch(r"[a-z][a-z0-9]*", word) for word in words)
    assert words[-1] == "z"


def test_what_is_filled_can_be_filtered() -> None:
    item = ITEM.model_copy(
        update={
            "modes": (Mode.ONLINE, Mode.COLLECT),
            "handling_area": HandlingArea.CROSS_CITY,
            "served": (Served.PERSON,),
            "status": ItemStatus.IN_USE,
        }
    )
    words = set(tokens(item, "").split(" "))
    everything = Filter(item.city, Mode.COLLECT, HandlingArea.CROSS_CITY, Served.PERSON, ItemStatus.IN_USE)
    asked = terms(everything)
    assert asked is not None
    assert asked.any_of == ()
    assert set(asked.all_of) == {f"c{item.city}", "mcollect", "hcrosscity", "s1", "kinuse"} <= words
    other = terms(Filter(mode=Mode.JOINT))
    assert other is not None
    assert not set(other.all_of) & words
    assert terms(Filter()) == Terms(("z",))


def phrases(text: str) -> list[tuple[str, ...]]:
    found = terms(Filter(text=text))
    assert found is not None
    return list(found.any_of)


def test_a_text_without_letters_asks_nothing() -> None:
    assert terms(Filter(text="。 ")) is None


def test_chinese_asks_for_names_and_ascii_also_for_initials_and_codes() -> None:
    assert [len(phrase) for phrase in phrases("社保卡")] == [2]
    assert [phrase[0][0] for phrase in phrases("社")] == ["u"]
    assert [phrase[0][0] for phrase in phrases("S")] == ["u", "j"]
    assert [phrase[0][0] for phrase in phrases("sb")] == ["n", "i"]
    assert phrases("002-0")[-1] == ("t0020",)
    assert phrases("1244520000700")[-1] == ("t1244520000700*",)
    assert [phrase[0][0] for phrase in phrases("2号")] == ["n"]


def test_an_initial_that_is_none_parts_what_is_around_it() -> None:
    item = ITEM.model_copy(update={"name": "社㐂会"})
    words = tokens(item, initials("社㐂会")).split(" ")
    assert "ish" not in words
    assert {"js", "jh"} <= set(words)


def test_changes_name_the_field_with_both_values() -> None:
    old = {"name": "甲", "fees": [], "visits": 1, "gone": 1}
    assert item_changes(old, old | {"fees": None}) == {}
    new = {"name": "乙", "visits": 1, "laws": [{"name": "法"}]}
    assert item_changes(old, new) == {
        "name": ("甲", "乙"),
        "laws": (None, [{"name": "法"}]),
        "gone": (1, None),
    }
    assert list(item_changes(old, new)) == ["name", "laws", "gone"]
