"""What a city behind a hub may say, which profiles can be hubs, and how `tongban cities check` says no."""

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from adapters.contract import AdapterContext, CallbackRequest
from adapters.profile import Duplicates, load_profile
from adapters.registry import build_adapters
from adapters.via import ViaAdapter
from adapters.via_rules import behind, served
from gateway.usecases.read_profiles import read_profiles
from schemas.errors import NotFound, PartnerProtocol, SeedInvalid
from schemas.message import ProgressReport, Step
from tests.adapters.hub_world import BEHIND, HUB, profiles_in

CITY = Path(__file__).with_name("hub_city.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return profiles_in(tmp_path / "cities")


def change(folder: Path, code: str, old: str, new: str) -> None:
    path = folder / f"{code}.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def refused(folder: Path, code: str, chinese: str) -> SeedInvalid:
    with pytest.raises(SeedInvalid) as caught:
        read_profiles(folder, {})
    assert caught.value.facts["file"] == f"{code}.yaml"
    assert chinese in caught.value.detail_zh
    return caught.value


def test_the_hub_and_the_cities_behind_it(folder: Path) -> None:
    profiles = read_profiles(folder, {})
    assert {code for code, profile in profiles.items() if profile.via == HUB} == set(BEHIND)
    assert served(profiles) == {HUB: frozenset({HUB, *BEHIND})} | {code: frozenset({code}) for code in BEHIND}


@pytest.mark.parametrize(
    ("code", "old", "new", "chinese"),
    [
        ("440500", 'via: "440000"', 'via: "450000"', "没有450000的配置"),
        ("440500", 'via: "440000"', 'via: "441400"', "441400本身也经由枢纽"),
        ("440500", "transport: via", "transport: via\nduplicates: query_first", "与枢纽的duplicates不符"),
    ],
)
def test_a_hub_that_cannot_serve_is_refused_with_its_line(
    folder: Path, code: str, old: str, new: str, chinese: str
) -> None:
    change(folder, code, old, new)
    error = refused(folder, code, chinese)
    line = (folder / f"{code}.yaml").read_text("utf-8").splitlines()[error.facts["line"] - 1]
    assert line.startswith("via: ")


def test_a_way_of_talking_that_cannot_serve_several_cities(folder: Path) -> None:
    (folder / f"{HUB}.yaml").write_text(
        'code: "440000"\nname: 演示\nprovenance: {default: fictitious}\ntransport: none\n', "utf-8"
    )
    refused(folder, "440500", "通信方式none不能作枢纽")


def test_a_hub_whose_reports_do_not_say_which_city(folder: Path) -> None:
    change(folder, HUB, "    deciding_city: area ", "    # deciding_city: area ")
    change(folder, HUB, '        deciding_city: "440500"\n        step: ACCEPTED', "        step: ACCEPTED")
    refused(folder, "440500", "reports缺少deciding_city")


@pytest.mark.parametrize(
    ("more", "chinese"),
    [
        ('via: "440500"', "枢纽不能经由自身"),
        ("", "须写via"),
        ('via: "440000"\nreports_back: true', "均由枢纽配置"),
        ('via: "440000"\ndialect: {tables: {mode: {ONLINE: "0"}}}', "均由枢纽配置"),
        ('via: "440000"\nlimits: {timeout_s: 3}', "只写limits.in_flight"),
        (
            'via: "440000"\ninbound: {callback: {scheme: tif, paasid: a, token: t}}',
            "由枢纽回调",
        ),
    ],
)
def test_what_a_city_behind_a_hub_cannot_say(tmp_path: Path, more: str, chinese: str) -> None:
    path = tmp_path / "440500.yaml"
    path.write_text(CITY.read_text("utf-8").replace('via: "440000"', more), "utf-8")
    with pytest.raises(SeedInvalid) as caught:
        load_profile(path, bases={})
    assert chinese in caught.value.detail_zh


def test_via_belongs_to_transport_via_alone(folder: Path) -> None:
    change(folder, HUB, "transport: rest", 'transport: rest\nvia: "441400"')
    refused(folder, HUB, "仅此时可写")


def test_what_a_city_behind_a_hub_gets_from_it(folder: Path) -> None:
    profiles = read_profiles(folder, {})
    hub, city = profiles[HUB], profiles["440500"]
    assert (city.duplicates, city.limits.in_flight, city.limits.timeout_s) == (Duplicates.IDEMPOTENT, 4, 15)
    assert behind(city, hub) == city
    change(folder, "440500", "transport: via", "transport: via\nduplicates: unsafe\nlimits: {in_flight: 7}")
    own = read_profiles(folder, {})["440500"]
    assert (own.duplicates, own.limits.in_flight) == (Duplicates.UNSAFE, 7)


def context() -> AdapterContext:
    return AdapterContext(lambda: datetime(2026, 11, 23, tzinfo=UTC), lambda _: "s", lambda: "n")


async def test_one_adapter_serves_them_all(folder: Path) -> None:
    profiles = read_profiles(folder, {})
    adapters = build_adapters(profiles, context(), called=lambda _: True)
    behind_it = [adapter for code in BEHIND if isinstance(adapter := adapters[code], ViaAdapter)]
    assert [adapter.hub for adapter in behind_it] == [adapters[HUB]] * 3
    without = build_adapters(profiles, context(), called=lambda profile: profile.code != HUB)
    assert without == {}
    for adapter in adapters.values():
        await adapter.close()


async def test_what_is_the_hubs_alone(folder: Path) -> None:
    profiles = read_profiles(folder, {})
    adapters = build_adapters(profiles, context(), called=lambda _: True)
    city = adapters["440500"]
    report = ProgressReport(
        report_id="r",
        application_id=UUID("019a0000-0000-7000-8000-0000000000a1"),
        deciding_city="445200",
        step=Step.ACCEPTED,
        occurred_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    for asked in (city.report(report), city.listing(date(2026, 11, 23)), city.collect(None)):
        with pytest.raises(PartnerProtocol):
            await asked
    with pytest.raises(NotFound):
        city.read_callback(CallbackRequest("POST", "/v1/callbacks/440500", {}, b"{}"))
    assert city.callback_reply() == {}
    await city.close()
    await adapters[HUB].close()
