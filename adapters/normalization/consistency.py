"""一致性规则: what must hold inside one item. A contradiction is an error, a gap that only informs a warning.

"Public code of vendor systems" is what several published systems check before they accept an item; the text of a
national rule behind it was not found. Articles of the 行政许可法 are cited where they apply.
"""

from collections.abc import Iterator

from adapters.normalization import duration_checks, part_checks, visit_checks
from adapters.normalization.breach import Breach, Rule
from schemas.finding import Severity
from schemas.service_item import ServiceItem

__all__ = ["RULES", "Breach", "Rule", "inconsistencies"]

_VENDORS = "公开的政务系统代码 public code of vendor systems"
_OURS = "本项目规则 our own rule"
_GUIDANCE = "国办发〔2020〕35号"
_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

RULES: tuple[Rule, ...] = tuple(
    Rule(check.__name__, severity, source, check)
    for severity, source, check in (
        (_ERROR, _VENDORS, duration_checks.instant_needs_instant_type),
        (_ERROR, _VENDORS, duration_checks.promise_within_statutory),
        (_WARNING, _OURS, duration_checks.units_differ),
        (_WARNING, _VENDORS, duration_checks.promised_item_needs_promise),
        (_WARNING, "行政许可法第四十二条", duration_checks.licensing_within_20_workdays),
        (_WARNING, "行政许可法第四十五条（推导）", duration_checks.instant_item_has_no_special_procedure),
        (_ERROR, _VENDORS, visit_checks.visits_need_reason),
        (_ERROR, _VENDORS, visit_checks.no_visit_needs_courier_or_online),
        (_WARNING, _OURS, visit_checks.no_visit_says_how),
        (_ERROR, _VENDORS, visit_checks.fully_online_has_no_visits),
        (_ERROR, _GUIDANCE, visit_checks.online_mode_is_available_online),
        (_ERROR, _OURS, visit_checks.modes_have_an_area),
        (_WARNING, _GUIDANCE, visit_checks.joint_item_names_bodies),
        (_ERROR, _OURS, visit_checks.courier_delivery_needs_courier),
        (_WARNING, _GUIDANCE, visit_checks.collected_result_comes_back),
        (_WARNING, _OURS, visit_checks.window_item_names_window),
        (_ERROR, _VENDORS, visit_checks.charged_item_lists_fees),
        (_ERROR, _VENDORS, visit_checks.fee_needs_basis_and_standard),
        (_WARNING, _VENDORS, visit_checks.consultation_differs_from_complaint),
        (_ERROR, _VENDORS, visit_checks.topics_fit_served),
        (_WARNING, _OURS, visit_checks.cancelled_item_says_when),
        (_WARNING, _OURS, part_checks.materials_have_distinct_names),
        (_WARNING, _OURS, part_checks.condition_belongs_to_conditional),
        (_WARNING, _OURS, part_checks.copies_fit_kind),
        (_WARNING, _OURS, part_checks.licence_comes_from_government),
        (_ERROR, _VENDORS, part_checks.licence_result_issues_licence),
        (_WARNING, _VENDORS, part_checks.result_kind_fits_name),
    )
)
"""Every rule, in the order findings are listed."""


def inconsistencies(item: ServiceItem) -> Iterator[tuple[Rule, Breach]]:
    """Every breach of every rule, in the order of RULES; nothing for a consistent item. Never raises."""
    for rule in RULES:
        for breach in rule.check(item):
            yield rule, breach
