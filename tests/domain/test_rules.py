"""Routing, completeness, back-off and access: who may send what where, and when again."""

import copy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.access import CaseScope, Principal, Role, require_decide, require_role, require_see, require_submit
from gateway.domain.backoff import DEFAULT_DELAYS_S, next_delay
from gateway.domain.completeness import completeness
from gateway.domain.routing import choose_route
from gateway.usecases.read_seeds import SeedData, read_seeds
from schemas.agreement import Agreement, Mode
from schemas.application import Application
from schemas.errors import (
    AgreementExpired,
    AgreementMissing,
    CrossCityError,
    Forbidden,
    ItemUnknown,
    ModeNotAvailable,
    NotFound,
)
from schemas.service_item import ItemStatus, ServiceItem

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
FILE = "0193a000-0000-7000-8000-000000000001"
CHECK = {"method": "card_reader", "by": "A01", "by_city": "445200", "at": "2026-03-02T09:59:00+08:00"}
COLLECT_ITEM = "002017900002"
ONLINE_ITEM = "002017900001"
JOINT_ITEM = "002017900006"


@pytest.fixture(scope="module")
def seeds() -> SeedData:
    return read_seeds(SEEDS)


def item_of(seeds: SeedData, city: str, code: str) -> ServiceItem:
    return next(item for item in seeds.items if (item.city, item.item_code) == (city, code))


def body(item: ServiceItem, mode: Mode = Mode.COLLECT) -> dict[str, Any]:
    return {
        "item_code": item.item_code,
        "mode": mode.value,
        "applicant_division": "445202",
        "collecting_city": "445200",
        "deciding_city": item.city,
        "applicant": {"name": "陈𠮷安", "document_number": "445202189901010014"},
        "identity_check": CHECK,
        "consent": {"at": "2026-03-02T09:58:00+08:00", "text_version": "v1"},
        "materials": [
            {"material_code": m.material_code, "files": [FILE]}
            for m in item.materials
            if m.necessity.value == "REQUIRED"
        ],
    }


def application(item: ServiceItem, mode: Mode = Mode.COLLECT, **changes: Any) -> Application:
    whole = copy.deepcopy(body(item, mode))
    whole["applicant"]["kind"] = "person"
    whole.update(changes)
    return Application.model_validate(whole)


def route(seeds: SeedData, one: Application, today: date = date(2026, 3, 2), **changes: Any) -> Any:
    items = {(item.city, item.item_code): item for item in seeds.items} | changes.get("items", {})
    return choose_route(
        one,
        own_city="445200",
        item=items.get((one.deciding_city, one.item_code)),
        agreements=seeds.agreements,
        today=today,
    )


def test_an_application_goes_out_under_its_agreement(seeds: SeedData) -> None:
    chosen = route(seeds, application(item_of(seeds, "441300", COLLECT_ITEM)))
    assert (chosen.direction, chosen.city) == ("outbound", "441300")
    assert chosen.agreement.collecting_city == "445200"
    assert chosen.item.city == "441300"


def test_our_own_city_decides_what_others_collect(seeds: SeedData) -> None:
    one = application(item_of(seeds, "445200", COLLECT_ITEM), collecting_city="441300")
    assert route(seeds, one).direction == "inbound"


def test_agreements_are_directed(seeds: SeedData) -> None:
    one = application(item_of(seeds, "440500", COLLECT_ITEM))
    assert route(seeds, one).city == "440500"
    back = application(item_of(seeds, "445200", COLLECT_ITEM), collecting_city="440500")
    with pytest.raises(AgreementMissing):
        route(seeds, back)


@pytest.mark.parametrize("mode", [Mode.DELEGATED, Mode.JOINT])
def test_modes_that_do_not_run_yet_are_refused(seeds: SeedData, mode: Mode) -> None:
    with pytest.raises(ModeNotAvailable) as refused:
        route(seeds, application(item_of(seeds, "441300", JOINT_ITEM), mode))
    assert refused.value.errors[0]["pointer"] == "/mode"


def test_unknown_and_suspended_items_are_refused(seeds: SeedData) -> None:
    known = item_of(seeds, "441300", COLLECT_ITEM)
    with pytest.raises(ItemUnknown):
        route(seeds, application(known, item_code="999999999999"))
    suspended = known.model_copy(update={"status": ItemStatus.SUSPENDED})
    with pytest.raises(ItemUnknown):
        route(seeds, application(known), items={("441300", COLLECT_ITEM): suspended})


def test_an_expired_agreement_says_so(seeds: SeedData) -> None:
    expired = next(a for a in seeds.agreements if a.valid_until is not None and a.valid_until < date(2026, 1, 1))
    one = application(item_of(seeds, expired.deciding_city, COLLECT_ITEM), collecting_city=expired.collecting_city)
    with pytest.raises(AgreementExpired) as refused:
        route(seeds, one)
    assert refused.value.facts == {"agreement_id": expired.agreement_id}
    assert expired.valid_until is not None
    assert route(seeds, one, today=expired.valid_until).agreement is expired


def test_an_agreement_refuses_nonsense() -> None:
    whole = {
        "agreement_id": "A",
        "collecting_city": "445200",
        "deciding_city": "445200",
        "items": [ONLINE_ITEM],
        "modes": ["ONLINE"],
        "valid_from": "2026-01-01",
        "provenance": {},
    }
    with pytest.raises(ValueError, match="equals deciding_city"):
        Agreement.model_validate(whole)
    with pytest.raises(ValueError, match="before valid_from"):
        Agreement.model_validate(whole | {"deciding_city": "441300", "valid_until": "2025-01-01"})


def codes(seeds: SeedData, one: Application, city: str = "441300", code: str = COLLECT_ITEM) -> list[str]:
    return [problem["code"] for problem in completeness(one, item_of(seeds, city, code), now=NOW)]


def test_a_complete_application_has_no_faults(seeds: SeedData) -> None:
    assert codes(seeds, application(item_of(seeds, "441300", COLLECT_ITEM))) == []


def test_what_is_missing_or_out_of_place_is_named(seeds: SeedData) -> None:
    item = item_of(seeds, "441300", COLLECT_ITEM)
    assert "identity_check_missing" in codes(seeds, application(item, identity_check=None))
    assert codes(seeds, application(item, Mode.ONLINE, identity_check=None)) == []
    elsewhere = body(item)["identity_check"] | {"by_city": "441300"}
    assert codes(seeds, application(item, identity_check=elsewhere)) == ["identity_check_elsewhere"]
    assert codes(seeds, application(item, Mode.ONLINE, identity_check=elsewhere)) == []
    future = body(item)["identity_check"] | {"at": "2026-03-03T09:59:00+08:00"}
    assert codes(seeds, application(item, identity_check=future)) == ["in_the_future"]
    assert "material_missing" in codes(seeds, application(item, materials=[]))
    twice = [*body(item)["materials"], body(item)["materials"][0]]
    assert codes(seeds, application(item, materials=twice)) == ["material_repeated"]
    odd = [*body(item)["materials"], {"material_code": "ODD", "files": [FILE]}]
    assert codes(seeds, application(item, materials=odd)) == ["material_unknown"]
    company = {"kind": "organisation", "name": "演示公司", "credit_code": "91445200MA0000001D"}
    assert codes(seeds, application(item, applicant=company)) == ["applicant_not_served"]


def test_a_licence_stands_in_only_where_the_item_lets_it(seeds: SeedData) -> None:
    item = item_of(seeds, "441300", COLLECT_ITEM)
    licence = "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U"
    replaceable = {m.material_code: bool(m.licence_types) for m in item.materials}
    for index, material in enumerate(body(item)["materials"]):
        materials = body(item)["materials"]
        materials[index] = {
            "material_code": material["material_code"],
            "source": "licence",
            "licence_identifier": licence,
        }
        expected = [] if replaceable[material["material_code"]] else ["licence_not_usable"]
        assert codes(seeds, application(item, materials=materials)) == expected


@given(st.integers(1, 20), st.floats(0, 0.999), st.none() | st.floats(0, 1e6))
def test_waits_grow_jitter_is_bounded_and_retry_after_is_clamped(
    tries: int, jitter: float, retry_after_s: float | None
) -> None:
    wait = next_delay(tries, jitter=jitter, retry_after_s=retry_after_s)
    if tries > len(DEFAULT_DELAYS_S):
        assert wait is None
        return
    assert wait is not None
    plain = DEFAULT_DELAYS_S[tries - 1]
    assert wait >= plain * 0.8
    assert wait <= max(plain * 1.2 * 2, 60.0)
    if retry_after_s is None:
        assert wait <= plain * 1.2


CLERK = Principal("c", Role.CLERK, "445200")
OFFICER = Principal("o", Role.OFFICER, "445200")
PARTNER = Principal("p", Role.PARTNER, "441300")
ADMIN = Principal("a", Role.ADMIN, "445200")
AUDITOR = Principal("u", Role.AUDITOR, "445200")
CASE = CaseScope("445200", "441500")


def test_only_the_collecting_city_submits() -> None:
    require_submit(CLERK, "445200")
    require_submit(PARTNER, "441300")
    for who, city in ((CLERK, "441300"), (PARTNER, "445200"), (ADMIN, "445200"), (AUDITOR, "445200")):
        with pytest.raises(Forbidden):
            require_submit(who, city)


def test_a_case_is_seen_by_its_two_cities_admins_and_auditors() -> None:
    for who in (CLERK, ADMIN, AUDITOR, Principal("x", Role.PARTNER, "441500")):
        require_see(who, CASE)
    with pytest.raises(NotFound):
        require_see(PARTNER, CASE)


def test_only_officers_of_the_deciding_city_work_its_queue() -> None:
    require_decide(OFFICER, "445200")
    require_decide(ADMIN, "445200")
    refusals: list[tuple[Principal, type[CrossCityError]]] = [
        (CLERK, Forbidden),
        (PARTNER, Forbidden),
        (Principal("x", Role.OFFICER, "441300"), NotFound),
    ]
    for who, error in refusals:
        with pytest.raises(error):
            require_decide(who, "445200")
    require_role(CLERK, Role.CLERK)


def test_a_check_a_little_in_the_future_is_a_clock_not_a_fraud(seeds: SeedData) -> None:
    item = item_of(seeds, "441300", COLLECT_ITEM)
    soon = (NOW + timedelta(minutes=5)).isoformat()
    assert codes(seeds, application(item, identity_check=body(item)["identity_check"] | {"at": soon})) == []
