"""Consistency rules: each with an item that breaks it and one that just does not; every seed passes."""

import csv
import re
import timeit
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.normalization.consistency import RULES, inconsistencies
from adapters.normalization.duration_checks import Order, compare
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Limit, LimitUnit
from schemas.finding import Severity
from tests.items import item, material

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def limit(value: int, unit: str = "workday") -> dict[str, Any]:
    return {"value": value, "unit": unit}


def broken(**changes: Any) -> set[str]:
    return {rule.name for rule, _ in inconsistencies(item(**changes))}


INSTANT = {"project_type": "INSTANT", "promised_limit": limit(0)}
NO_VISIT = {"visits": 0, "visit_reason": None}
ONLINE = {"available": True}
BREAKING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("instant_needs_instant_type", {"promised_limit": limit(0)}, INSTANT),
    ("instant_needs_instant_type", {"project_type": "INSTANT"}, {"project_type": "INSTANT", "promised_limit": None}),
    (
        "instant_needs_instant_type",
        {"project_type": "INSTANT", "promised_limit": limit(24, "hour")},
        {"project_type": "INSTANT", "promised_limit": limit(1, "hour")},
    ),
    (
        "instant_needs_instant_type",
        {"promised_limit": None, "promised_limit_note": "当场办结。"},
        {"promised_limit": None, "promised_limit_note": "材料齐全的，当场受理，五日内办结。"},
    ),
    ("promise_within_statutory", {"promised_limit": limit(11)}, {"promised_limit": limit(10)}),
    (
        "promise_within_statutory",
        {"promised_limit": limit(11), "statutory_limit": limit(10, "natural_day")},
        {"promised_limit": limit(10), "statutory_limit": limit(10, "natural_day")},
    ),
    (
        "units_differ",
        {"promised_limit": limit(7), "statutory_limit": limit(10, "natural_day")},
        {"promised_limit": limit(7), "statutory_limit": limit(26, "natural_day")},
    ),
    (
        "units_differ",
        {"promised_limit": limit(15, "natural_day")},
        {"promised_limit": limit(10, "natural_day")},
    ),
    (
        "promised_item_needs_promise",
        {"promised_limit": None},
        {"promised_limit": None, "promised_limit_note": "视材料而定"},
    ),
    (
        "licensing_within_20_workdays",
        {"task_type": "01", "statutory_limit": limit(21)},
        {"task_type": "01", "statutory_limit": limit(20)},
    ),
    (
        "licensing_within_20_workdays",
        {"task_type": "01", "statutory_limit": limit(46), "joint_bodies": ["演示：联办机构"]},
        {"task_type": "01", "statutory_limit": limit(45), "joint_bodies": ["演示：联办机构"]},
    ),
    (
        "instant_item_has_no_special_procedure",
        INSTANT | {"special_procedures": [{"kind": "2", "name": "专家评审"}]},
        {"special_procedures": [{"kind": "2", "name": "专家评审"}]},
    ),
    ("visits_need_reason", {"visit_reason": None}, {}),
    ("visits_need_reason", {"visit_reason": "无"}, NO_VISIT),
    (
        "no_visit_needs_courier_or_online",
        NO_VISIT | {"courier_supported": False},
        NO_VISIT | {"courier_supported": True},
    ),
    (
        "no_visit_needs_courier_or_online",
        NO_VISIT | {"online": {"available": False}},
        NO_VISIT | {"online": ONLINE},
    ),
    ("no_visit_needs_courier_or_online", NO_VISIT | {"handle_forms": ["1"]}, NO_VISIT | {"handle_forms": ["3"]}),
    ("no_visit_needs_courier_or_online", NO_VISIT | {"modes": ["COLLECT"]}, NO_VISIT | {"modes": ["ONLINE"]}),
    ("no_visit_needs_courier_or_online", NO_VISIT | {"handle_forms": ["9"]}, NO_VISIT | {"handle_forms": ["4"]}),
    ("no_visit_says_how", NO_VISIT, NO_VISIT | {"handle_forms": ["2"]}),
    ("fully_online_has_no_visits", {"online": {"depth": "Ⅳ"}}, {"online": {"depth": "Ⅲ"}}),
    ("fully_online_has_no_visits", {"online": {"depth": "IV级"}}, NO_VISIT | {"online": {"depth": "IV级"}}),
    ("fully_online_has_no_visits", {"online": {"depth": "四级深度"}}, {"online": {"depth": "7"}}),
    ("fully_online_has_no_visits", {"modes": ["ONLINE"]}, {"modes": ["ONLINE", "COLLECT"]}),
    (
        "online_mode_is_available_online",
        {"modes": ["ONLINE", "COLLECT"], "online": {"available": False}},
        {"modes": ["COLLECT"], "online": {"available": False}},
    ),
    (
        "modes_have_an_area",
        {"modes": ["COLLECT"], "handling_area": "NONE"},
        {"modes": ["COLLECT"], "handling_area": "CROSS_CITY"},
    ),
    ("joint_item_names_bodies", {"modes": ["JOINT"]}, {"modes": ["JOINT"], "joint_bodies": ["演示：联办机构"]}),
    (
        "courier_delivery_needs_courier",
        {"delivery_ways": ["COURIER"], "courier_supported": False},
        {"delivery_ways": ["ELECTRONIC"], "courier_supported": False},
    ),
    (
        "collected_result_comes_back",
        {"modes": ["COLLECT"], "delivery_ways": ["PICK_UP_DECIDING"]},
        {"modes": ["COLLECT"], "delivery_ways": ["PICK_UP_DECIDING", "COURIER"]},
    ),
    (
        "window_item_names_window",
        {"handle_forms": ["1"]},
        {"handle_forms": ["1"], "windows": [{"address": "演示地址"}]},
    ),
    (
        "charged_item_lists_fees",
        {"charges_fee": True},
        {"charges_fee": True, "fees": [{"name": "工本费", "amount_fen": 0, "basis": "演示"}]},
    ),
    (
        "fee_needs_basis_and_standard",
        {"fees": [{"name": "工本费", "basis": "演示"}]},
        {"fees": [{"name": "工本费", "basis": "演示", "standard": "每本5元"}]},
    ),
    (
        "fee_needs_basis_and_standard",
        {"fees": [{"name": "工本费", "basis": "无", "amount_fen": 500}]},
        {"fees": [{"name": "工本费", "basis": "演示", "amount_fen": 500}]},
    ),
    (
        "consultation_differs_from_complaint",
        {"consultation": {"phone": "0000-0000001"}, "complaint": {"phone": "0000-0000001"}},
        {"consultation": {"address": "甲"}, "complaint": {"address": "甲"}},
    ),
    ("topics_fit_served", {"served": ["2"], "person_topics": ["婚育"]}, {"person_topics": ["婚育"]}),
    (
        "topics_fit_served",
        {"served": ["1"], "organisation_topics": ["设立"]},
        {"served": ["1", "6"], "organisation_topics": ["设立"]},
    ),
    (
        "cancelled_item_says_when",
        {"status": "CANCELLED"},
        {"status": "CANCELLED", "effective_until": "2026-01-31"},
    ),
    (
        "materials_have_distinct_names",
        {"materials": [material(), material("M02")]},
        {"materials": [material(), material("M02", "演示：证明")]},
    ),
    (
        "condition_belongs_to_conditional",
        {"materials": [material(necessity_condition="申请人为企业")]},
        {"materials": [material(necessity="CONDITIONAL", necessity_condition="申请人为企业")]},
    ),
    (
        "copies_fit_kind",
        {"materials": [material(kind="ORIGINAL", original_copies=0)]},
        {"materials": [material(kind="PHOTOCOPY", original_copies=0, photocopies=1)]},
    ),
    (
        "copies_fit_kind",
        {"materials": [material(kind="ORIGINAL_AND_PHOTOCOPY", original_copies=1, photocopies=0)]},
        {"materials": [material(kind="ORIGINAL", original_copies=1, photocopies=0)]},
    ),
    (
        "licence_comes_from_government",
        {"materials": [material(source="APPLICANT", licence_types=["11100000MB0143028R001"])]},
        {"materials": [material(source="GOVERNMENT", licence_types=["11100000MB0143028R001"])]},
    ),
    (
        "licence_result_issues_licence",
        {"results": [{"kind": "OTHER", "name": "演示结果", "licence_type": "11100000MB0143028R001"}]},
        {"results": [{"kind": "LICENCE", "name": "演示结果", "licence_type": "11100000MB0143028R001"}]},
    ),
    (
        "result_kind_fits_name",
        {"results": [{"kind": "OTHER", "name": "演示许可证"}]},
        {"results": [{"kind": "OTHER", "name": "演示公证"}]},
    ),
]


@pytest.mark.parametrize(("rule", "breaking", "keeping"), BREAKING, ids=[f"{n}-{b[0]}" for n, b in enumerate(BREAKING)])
def test_a_rule_is_broken_and_kept(rule: str, breaking: dict[str, Any], keeping: dict[str, Any]) -> None:
    assert rule in broken(**breaking)
    assert rule not in broken(**keeping)


def test_every_rule_has_a_case_a_source_and_a_sentence() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert {case[0] for case in BREAKING} == set(names)
    for rule in RULES:
        assert rule.source
        assert rule.severity in {Severity.ERROR, Severity.WARNING}
        assert rule.check.__doc__
        assert re.search("Source: |Our own rule|Derived from", rule.check.__doc__)
    for _, breaking, _ in BREAKING:
        for _, breach in inconsistencies(item(**breaking)):
            assert re.search(r"[\u4e00-\u9fff].*。$", breach.message_zh)
            assert re.fullmatch(r"[a-z_]+(\[\d+\])?(\.[a-z_]+)?", breach.field)


def test_the_rules_the_issue_lists_are_errors() -> None:
    severities = {rule.name: rule.severity for rule in RULES}
    for name in (
        "instant_needs_instant_type",
        "promise_within_statutory",
        "visits_need_reason",
        "no_visit_needs_courier_or_online",
        "fully_online_has_no_visits",
        "fee_needs_basis_and_standard",
        "charged_item_lists_fees",
    ):
        assert severities[name] is Severity.ERROR
    assert severities["consultation_differs_from_complaint"] is Severity.WARNING


def test_a_consistent_item_and_every_seed_have_no_errors() -> None:
    assert broken() == set()
    found = [
        (one.city, one.item_code, rule.name, breach.message_zh)
        for one in read_seeds(SEEDS).items
        for rule, breach in inconsistencies(one)
        if rule.severity is Severity.ERROR
    ]
    assert found == []


LIMITS = st.builds(Limit, value=st.integers(0, 400), unit=st.sampled_from(LimitUnit))


@given(LIMITS, LIMITS)
def test_limits_are_compared_only_where_the_answer_is_certain(a: Limit, b: Limit) -> None:
    forth, back = compare(a, b), compare(b, a)
    assert not (forth is Order.LONGER and back is Order.LONGER)
    if a.unit is b.unit:
        assert (forth is Order.WITHIN) is (a.value <= b.value)
    if forth is Order.UNCERTAIN:
        assert LimitUnit.WORKDAY in {a.unit, b.unit}


def test_working_days_of_a_real_year_lie_within_the_bounds() -> None:
    with (SEEDS / "calendar" / "2026.csv").open(encoding="utf-8") as file:
        marked = {date.fromisoformat(row["day"]): row["kind"] for row in csv.DictReader(file)}
    first = date(2026, 1, 1)
    days = [first + timedelta(days=n) for n in range(365)]
    works = [n for n, day in enumerate(days) if _works(day, marked)]
    assert len(works) == 248
    for start in range(0, 300, 3):
        ahead = [n for n in works if n > start]
        for count in range(1, len(ahead) + 1):
            taken = Limit(value=ahead[count - 1] - start, unit=LimitUnit.NATURAL_DAY)
            assert compare(taken, Limit(value=count, unit=LimitUnit.WORKDAY)) is not Order.LONGER
            assert compare(Limit(value=count, unit=LimitUnit.WORKDAY), taken) is not Order.LONGER


def _works(day: date, marked: dict[date, str]) -> bool:
    return marked[day] == "makeup_workday" if day in marked else day.weekday() < 5


def test_the_rules_cost_little() -> None:
    good = item(materials=[material(f"M{n}", f"材料{n}", kind="ORIGINAL", original_copies=1) for n in range(20)])
    best_s = min(timeit.repeat(lambda: list(inconsistencies(good)), number=200, repeat=5)) / 200
    assert best_s < 100e-6  # measured 18 µs; the bound leaves room for a busy machine
