"""Differences: what would send an applicant home is a warning; materials are aligned by evidence, never by place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.differences import differences, warnings_for
from gateway.domain.material_alignment import align_materials
from gateway.domain.plain_names import bare_name, plain_name
from gateway.domain.words import WORDS, copies_words, fee_words, limit_words, listed, word, yes_no
from schemas.differences import Aspect, Difference, Differences, MatchedBy
from schemas.finding import Severity
from schemas.service_item import DeliveryWay, Fee, HandleForm, MaterialForm, Served, ServiceItem
from tests.items import item, material, requirement

HERE, THERE, THIRD = "445200", "441300", "441500"
NAMES = {HERE: "揭阳", THERE: "惠州"}
LICENCE = "11100000000013127D001"


def compared(here: dict[str, Any], there: dict[str, Any]) -> Differences:
    return differences({HERE: item(**here), THERE: item(city=THERE, **there)}, names=NAMES)


def row(found: Differences, field: str) -> Difference:
    (one,) = [row for row in found.rows if row.field == field]
    return one


def test_an_item_does_not_differ_from_itself() -> None:
    found = compared({}, {})
    assert found.rows == ()
    assert {"承诺办结时限", "到办事现场次数"} <= set(found.same)
    assert "受理条件" not in found.same  # nobody states it
    assert list(found.items) == [HERE, THERE]


def test_limits_and_conditions_inform() -> None:
    found = compared({}, {"promised_limit": {"value": 5, "unit": "natural_day"}, "acceptance_conditions": "演示"})
    limits = row(found, "promised_limit")
    assert limits.values == {HERE: "3个工作日", THERE: "5个自然日"}
    assert (limits.severity, limits.demanding) == (Severity.INFO, ())
    assert limits.message_zh == "承诺办结时限不同：揭阳为3个工作日；惠州为5个自然日。"
    conditions = row(found, "acceptance_conditions")
    assert conditions.values == {HERE: None, THERE: "演示"}
    assert "揭阳为未写明" in conditions.message_zh
    assert [one.aspect for one in found.rows] == [Aspect.CONDITIONS, Aspect.LIMITS]


@pytest.mark.parametrize(
    ("field", "here", "there", "demanding"),
    [
        ("served", {"served": ["1", "2"]}, {"served": ["1"]}, (THERE,)),
        ("served", {"served": ["1"]}, {"served": ["2"]}, (HERE, THERE)),
        ("served", {}, {"served": ["1"]}, ()),
        ("modes", {"modes": ["ONLINE", "COLLECT"]}, {"modes": ["COLLECT"]}, (THERE,)),
        ("visits", {}, {"visits": 2}, (THERE,)),
        ("visits", {}, {"visits": None}, ()),
        ("fees", {"charges_fee": False}, {"charges_fee": True}, (THERE,)),
        ("fees", {"fees": [{"name": "费", "amount_fen": 500, "basis": "演示"}]}, {"charges_fee": False}, (HERE,)),
        ("fees", {"fees": [{"name": "费", "standard": "按件", "basis": "演示"}]}, {}, ()),
    ],
)
def test_what_could_send_an_applicant_home_warns(
    field: str, here: dict[str, Any], there: dict[str, Any], demanding: tuple[str, ...]
) -> None:
    found = row(compared(here, there), field)
    assert set(found.demanding) == set(demanding)
    assert found.severity is (Severity.WARNING if demanding else Severity.INFO)


def test_a_material_only_one_city_asks_for() -> None:
    found = compared({"materials": [material()]}, {"materials": [material(), material("M9", "演示：合同")]})
    (extra,) = found.rows
    assert extra.field == "materials[M9]"
    assert (extra.severity, extra.demanding, extra.matched_by) == (Severity.WARNING, (THERE,), None)
    assert extra.values == {HERE: "不要求", THERE: "必要"}
    assert extra.message_zh == "材料“演示：合同”：惠州要求（必要）；揭阳不要求。"
    optional = compared(
        {"materials": [material()]}, {"materials": [material(), material("M9", "合同", necessity="OPTIONAL")]}
    )
    assert optional.rows[0].severity is Severity.INFO


def test_a_city_that_lists_no_materials_is_not_said_to_ask_for_none() -> None:
    assert compared({"materials": [material()]}, {}).rows == ()
    three = {
        HERE: item(materials=[material()]),
        THERE: item(city=THERE),
        THIRD: item(city=THIRD, materials=[material("X", "别的材料")]),
    }
    assert row(differences(three), "materials[M01]").values == {HERE: "必要", THERE: None, THIRD: "不要求"}


@pytest.mark.parametrize(
    ("part", "here", "there", "demanding"),
    [
        ("necessity", {}, {"necessity": "OPTIONAL"}, (HERE,)),
        ("necessity", {"necessity": "CONDITIONAL", "necessity_condition": "企业"}, {}, (THERE,)),
        ("form", {"form": "PAPER_OR_ELECTRONIC"}, {"form": "PAPER"}, (THERE,)),
        ("form", {"form": "ELECTRONIC"}, {"form": "PAPER_OR_ELECTRONIC"}, ()),
        ("licence_types", {"licence_types": [LICENCE]}, {}, (THERE,)),
        ("copies", {"original_copies": 1}, {"original_copies": 2, "photocopies": 1}, ()),
        ("kind", {"kind": "ORIGINAL"}, {"kind": "PHOTOCOPY"}, ()),
        ("acceptance_standard", {"acceptance_standard": "清晰"}, {}, ()),
    ],
)
def test_how_a_material_is_asked_for(
    part: str, here: dict[str, Any], there: dict[str, Any], demanding: tuple[str, ...]
) -> None:
    found = compared({"materials": [material(**here)]}, {"materials": [material(**there)]})
    one = row(found, f"materials[M01].{part}")
    assert one.demanding == demanding
    assert one.severity is (Severity.WARNING if demanding else Severity.INFO)
    assert one.matched_by is MatchedBy.CODE
    assert set(one.values) == {HERE, THERE}


def pairs(here: list[dict[str, Any]], there: list[dict[str, Any]]) -> list[tuple[str | None, str | None, str | None]]:
    groups = align_materials({HERE: item(materials=here), THERE: item(city=THERE, materials=there)})
    return [
        (
            group.by_city[HERE].name if HERE in group.by_city else None,
            group.by_city[THERE].name if THERE in group.by_city else None,
            group.matched_by,
        )
        for group in groups
    ]


def test_a_code_that_is_only_a_number_in_the_list_does_not_align() -> None:
    here = [material("M01", "居民身份证"), material("M02", "结清证明申请表")]
    there = [material("M01", "结清证明申请表"), material("M02", "居民身份证")]
    assert pairs(here, there) == [
        ("居民身份证", "居民身份证", "name"),
        ("结清证明申请表", "结清证明申请表", "name"),
    ]
    assert pairs([material("M01", "照片")], [material("M01", "结清证明申请表")]) == [
        ("照片", None, None),
        (None, "结清证明申请表", None),
    ]


def test_materials_are_aligned_by_code_licence_and_name() -> None:
    assert pairs([material("A1", "身份证（原件）")], [material("A1", "身份证(原件)")])[0][2] == "code"
    assert pairs([material("A1", "申请表")], [material("B7", "《申请表》")])[0][2] == "name"
    assert pairs([material("A1", "申请表（一式两份）")], [material("B7", "申请表")])[0][2] == "name"
    assert pairs([material("A1", "结清证明申请表")], [material("A1", "贷款结清证明申请表")])[0][2] == "code"
    licensed = pairs(
        [material("A1", "身份证", licence_types=[LICENCE])], [material("B1", "有效证件", licence_types=[LICENCE])]
    )
    assert licensed == [("身份证", "有效证件", "licence_type")]


def test_what_is_not_unique_is_not_aligned() -> None:
    here = [material("A1", "身份证（正面）"), material("A2", "身份证（反面）")]
    assert pairs(here, [material("B1", "身份证")]) == [
        ("身份证（正面）", None, None),
        ("身份证（反面）", None, None),
        (None, "身份证", None),
    ]
    assert pairs([material("B1", "身份证")], here)[0] == ("身份证", None, None)


CODES, TITLES = (
    st.sampled_from(["M1", "M2", "M3", "M4"]),
    st.sampled_from(["身份证", "申请表", "（申请表）", "合同", "照片"]),
)
LISTS = st.lists(st.tuples(CODES, TITLES), max_size=4, unique_by=lambda one: one[0])


@given(LISTS, LISTS)
def test_alignment_keeps_every_material_once_and_does_not_mind_order(
    here: list[tuple[str, str]], there: list[tuple[str, str]]
) -> None:
    ours, theirs = [material(*one) for one in here], [material(*one) for one in there]
    found = align_materials({HERE: item(materials=ours), THERE: item(city=THERE, materials=theirs)})
    for city, given_list in ((HERE, here), (THERE, there)):
        listed_codes = [group.by_city[city].material_code for group in found if city in group.by_city]
        assert sorted(listed_codes) == sorted(code for code, _ in given_list)
    turned = pairs(ours[::-1], theirs[::-1])
    assert sorted(turned, key=str) == sorted(pairs(ours, theirs), key=str)


def test_the_window_is_warned_of_what_the_deciding_city_asks_beyond_its_own_habit() -> None:
    ours = item(materials=[material(), material("M5", "照片")], visits=2)
    theirs = item(city=THERE, materials=[material(), material("M9", "合同")], charges_fee=True)
    found = warnings_for(ours, theirs)
    assert [(one.code, one.pointer) for one in found] == [("materials_differ", "/materials")]
    assert "属地要求" in found[0].message_zh
    assert found[0].message.endswith("materials[M9].")
    assert warnings_for(ours, ours.model_copy(update={"city": THERE})) == ()
    dearer = warnings_for(ours.model_copy(update={"charges_fee": False}), theirs)
    assert [(one.code, one.pointer) for one in dearer] == [("materials_differ", "/materials"), ("fees_differ", "")]


def test_words_are_those_of_their_kind() -> None:
    assert word(Served.PERSON) == "自然人"
    assert word(HandleForm.WINDOW) == "窗口办理"  # both are the text "1"
    assert word(MaterialForm.ELECTRONIC) == "电子"
    assert word(DeliveryWay.ELECTRONIC) == "电子送达"
    assert word(None) is None
    assert all(set(table) == set(kind) for kind, table in WORDS.items())
    assert listed((HandleForm.ONLINE, HandleForm.WINDOW)) == "窗口办理、网上办理"
    assert listed(()) is None
    assert (yes_no(True), yes_no(False), yes_no(None)) == ("是", "否", None)
    assert limit_words(None) is None
    assert fee_words(Fee(name="工本费", amount_fen=505, basis="演示")) == "工本费5.05元"
    assert fee_words(Fee(name="工本费", basis="演示")) == "工本费（标准未写明）"
    assert copies_words(requirement(original_copies=0)) == "0份"
    assert copies_words(requirement()) is None


@given(st.text())
def test_a_name_without_brackets_holds_nothing_new(text: str) -> None:
    assert set(bare_name(text)) <= set(plain_name(text))


def test_plain_names() -> None:
    assert plain_name("《居民　身份证》（Ａ４）") == "居民身份证a4"
    assert bare_name("居民身份证（原件及复印件）") == "居民身份证"
    assert bare_name("（原件）") == "原件"


def test_every_seed_item_compares_with_every_other_citys(seeds_by_code: dict[str, dict[str, ServiceItem]]) -> None:
    for items in seeds_by_code.values():
        found = differences(items)
        assert all(set(one.demanding) <= set(items) for one in found.rows)
        assert all((one.severity is Severity.WARNING) is bool(one.demanding) for one in found.rows)
        assert Differences.model_validate_json(found.model_dump_json()) == found
