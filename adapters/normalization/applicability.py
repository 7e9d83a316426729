"""适用性: which of our fields can apply to an item at all, so that a score counts only what could have been filled.

Each rule looks at the values of its own group and answers no only where another value settles it. Our own decisions;
no standard defines a coverage score.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from schemas.service_item import (
    BodyKind,
    ItemStatus,
    MaterialKind,
    MaterialOrigin,
    Necessity,
    Served,
    UseLevel,
)

Values = Mapping[str, Any]
Rule = Callable[[Values], bool]


def _fees(values: Values) -> bool:
    return values.get("charges_fee") is not False


def _visit_reason(values: Values) -> bool:
    return values.get("visits") != 0


def _online(values: Values) -> bool:
    return values.get("online", {}).get("available") is not False


def _entrusted(values: Values) -> bool:
    return values.get("implementing_body", {}).get("kind") in (None, BodyKind.ENTRUSTED)


def _until(values: Values) -> bool:
    return "effective_until" in values or values.get("status") != ItemStatus.IN_USE


def _town(values: Values) -> bool:
    return values.get("use_level") in (None, UseLevel.TOWN, UseLevel.VILLAGE)


def _village(values: Values) -> bool:
    return values.get("use_level") in (None, UseLevel.VILLAGE)


def _persons(values: Values) -> bool:
    served = values.get("served")
    return served is None or Served.PERSON in served


def _organisations(values: Values) -> bool:
    served = values.get("served")
    return served is None or any(one != Served.PERSON for one in served)


def _condition(values: Values) -> bool:
    return values.get("necessity") == Necessity.CONDITIONAL


def _issued(values: Values) -> bool:
    return values.get("source") in (None, MaterialOrigin.GOVERNMENT)


def _issuer_note(values: Values) -> bool:
    return values.get("source") != MaterialOrigin.APPLICANT


def _form(values: Values) -> bool:
    return values.get("kind") in (None, MaterialKind.FORM)


APPLICABILITY: Mapping[str, Rule] = MappingProxyType(
    {
        "fees[]": _fees,
        "visit_reason": _visit_reason,
        "online.depth": _online,
        "online.url": _online,
        "online.mobile_url": _online,
        "online.single_sign_on": _online,
        "online.app_single_sign_on": _online,
        "online.payment": _online,
        "entrusted_body": _entrusted,
        "effective_until": _until,
        "town_code": _town,
        "village_code": _village,
        "person_topics": _persons,
        "organisation_topics": _organisations,
        "materials[].necessity_condition": _condition,
        "materials[].licence_types": _issued,
        "materials[].source_note": _issuer_note,
        "materials[].blank_form_reference": _form,
    }
)
"""Target → whether it can apply. What is not listed always can.

The fields of 交换信息 apply where the dialect reads any of them: they are about the transport, not the item.
"""
EXCHANGE = "exchange."
DECISIVE = ("necessity", "source", "kind")
"""All that the rules for elements of a list look at: codes, each of a few values."""
