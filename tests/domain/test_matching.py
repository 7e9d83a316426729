"""Matching: candidates for a person; same code first, never what was decided before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.matching import (
    BEST,
    THRESHOLD,
    Candidate,
    Decision,
    ItemSummary,
    MatchRule,
    PairKey,
    candidates,
    compare,
)
from schemas.service_item import ServiceItem
from tests.items import item, material

HERE, THERE = "445200", "441300"


def ours(code: str, name: str, *materials: str) -> ItemSummary:
    return ItemSummary(HERE, code, name, materials)


def theirs(code: str, name: str, *materials: str) -> ItemSummary:
    return ItemSummary(THERE, code, name, materials)


def pairs(found: list[Candidate]) -> list[tuple[str, str]]:
    return [(one.left.item_code, one.right.item_code) for one in found]


def test_a_summary_is_taken_from_the_item() -> None:
    one = item(materials=[material(name="演示：申请表")])
    assert ItemSummary.of(one) == ItemSummary(HERE, "002017900001", "演示事项", ("演示：申请表",))


def test_the_same_code_comes_first_and_alone() -> None:
    found = candidates([ours("A", "甲事项")], [theirs("B", "甲事项"), theirs("A", "完全不同的名称")], {})
    (one,) = found
    assert (one.rule, one.score, one.right.item_code) == (MatchRule.SAME_CODE, 100.0, "A")
    assert one.name_score < 50
    assert one.material_score is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("揭阳市住房公积金单位登记开户", "惠州市住房公积金单位登记开户（市级）"),
        ("住房公积金单位登记开户事项", "住房公积金单位登记开户"),
        ("出具贷款职工住房公积金缴存使用证明", "住房公积金贷款职工缴存使用证明（出具）"),
    ],
)
def test_names_written_differently_find_each_other(left: str, right: str) -> None:
    others = [theirs(f"X{n}", f"道路运输经营许可变更{n}号") for n in range(5)]
    found = candidates([ours("A", left)], [*others, theirs("B", right)], {}, places=("揭阳市", "惠州市", "揭阳"))
    assert pairs(found)[0] == ("A", "B")
    assert found[0].rule is MatchRule.ALIKE


def test_materials_break_the_tie_and_are_shown() -> None:
    left = [ours("A", "住房公积金提取", "居民身份证", "退休证明")]
    right = [theirs("B", "住房公积金提取", "购房合同"), theirs("C", "住房公积金提取", "《居民身份证》", "退休证明")]
    found = candidates(left, right, {})
    assert pairs(found) == [("A", "C"), ("A", "B")]
    assert (found[0].score, found[0].name_score, found[0].material_score) == (100.0, 100.0, 100.0)
    assert found[0].common_materials == ("居民身份证", "退休证明")
    assert (found[1].score, found[1].material_score) == (75.0, 0.0)


def test_what_is_not_alike_is_not_offered() -> None:
    assert candidates([ours("A", "排污许可")], [theirs("B", "结婚登记")], {}) == []
    assert candidates([ours("A", "排污许可")], [], {}) == []
    assert candidates([], [theirs("B", "结婚登记")], {}) == []


def test_a_name_of_common_words_or_of_one_character_still_finds_its_like() -> None:
    crowd = [theirs(f"X{n:03d}", f"登记{n:03d}") for n in range(300)]
    found = candidates([ours("A", "登记"), ours("B", "证")], [*crowd, theirs("Y", "登记"), theirs("Z", "证")], {})
    assert ("A", "Y") in pairs(found)
    assert ("B", "Z") in pairs(found)
    rare = candidates([ours("A", "甲登记")], [*crowd, theirs("Y", "甲登")], {})
    assert pairs(rare) == [("A", "Y")]


def test_decided_pairs_are_not_offered_again() -> None:
    left = [ours("A", "住房公积金提取"), ours("K", "甲")]
    right = [theirs("B", "住房公积金提取"), theirs("C", "住房公积金提取"), theirs("K", "甲")]
    assert pairs(candidates(left, right, {})) == [("A", "B"), ("A", "C"), ("K", "K")]
    different: dict[PairKey, Decision] = {
        (HERE, "A", THERE, "B"): Decision.DIFFERENT,
        (THERE, "K", HERE, "K"): Decision.DIFFERENT,
    }
    assert pairs(candidates(left, right, different)) == [("A", "C")]
    same: dict[PairKey, Decision] = {(THERE, "B", HERE, "A"): Decision.SAME, (HERE, "K", "441500", "K"): Decision.SAME}
    assert pairs(candidates(left, right, same)) == [("K", "K")]


def test_one_pair_is_scored_whatever_comes_of_it() -> None:
    found = compare(ours("A", "揭阳市排污许可"), theirs("B", "结婚登记"), places=("揭阳市",))
    assert (found.rule, found.score) == (MatchRule.ALIKE, 0.0)
    assert compare(ours("A", "排污许可"), theirs("A", "结婚登记")).score == 100.0


NAMES = st.text(st.sampled_from("住房公积金提取登记（）A"), max_size=8)
SIDES = st.lists(NAMES, max_size=12)


@given(SIDES, SIDES)
def test_candidates_are_few_and_good(left: list[str], right: list[str]) -> None:
    found = candidates(
        [ours(f"L{n:02d}", name) for n, name in enumerate(left)],
        [theirs(f"R{n:02d}", name) for n, name in enumerate(right)],
        {},
    )
    assert len(set(pairs(found))) == len(found)
    for code in {one.left.item_code for one in found}:
        scores = [one.score for one in found if one.left.item_code == code]
        assert len(scores) <= BEST
        assert scores == sorted(scores, reverse=True)
        assert all(THRESHOLD <= score <= 100 for score in scores)


def test_the_seeds_of_two_cities_match_by_code(seeds_by_code: dict[str, dict[str, ServiceItem]]) -> None:
    left, right = ([ItemSummary.of(items[city]) for items in seeds_by_code.values()] for city in (HERE, THERE))
    found = candidates(left, right, {})
    assert all(one.rule is MatchRule.SAME_CODE for one in found)
    assert len(found) == 8
