"""Cities played from their profiles alone, judged by the kit. They share our mapping code and are no witnesses."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.contract import AdapterContext
from adapters.profile import CityProfile, load_profile
from gateway.conformance.report import Report
from gateway.conformance.rules import Level
from gateway.conformance.strangers import _fresh_key
from gateway.simulation.faults import FAULTS, faults_of
from gateway.simulation.serving import Place
from schemas.errors import Invalid
from tests.adapters.cities import ROOT, profile_path
from tests.conformance.kit_runs import TRIALS, failed, free_port, judged, statuses
from tests.simulation.playing import PACE_S, playing

pytestmark = pytest.mark.slow

SEEDS = ("441300", "441500", "441400", "440500", "445100", "445200")
HERE = Path(__file__).parent


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Played:
    """A running simulated city, as its partner sees it."""

    profile: CityProfile
    context: AdapterContext
    callback_port: int

    async def judged(self, only: list[str] | None = None, wait_s: float | None = None) -> Report:
        return await judged(self.profile, self.context, self.callback_port, only, wait_s)


def settings_for(path: Path, port: int) -> dict[str, str]:
    common = {"url": f"http://127.0.0.1:{port}", "settle_s": "0.5", "timeout_s": "30", "sftp_port": str(port)}
    if path.stem == "440500":
        common["url"] += "/services/kctb"
    return common | {"batch_s": "0.3", "in_flight": "64"}


@asynccontextmanager
async def played(
    path: Path, tmp_path: Path, *faults: str, trials: bool = True, pace_s: float = PACE_S
) -> AsyncIterator[Played]:
    key, hidden = asyncssh.generate_private_key("ssh-ed25519"), dict[str, str]()

    client_key = _fresh_key("ES256")

    def secret(name: str) -> str:
        if name.endswith("client_key"):
            return client_key
        if name.endswith((".database_url", ".db")):
            return f"sqlite:///{tmp_path}/exchange.sqlite3"
        if name.endswith("sftp_key"):
            return key.export_private_key().decode()
        return hidden.setdefault(name, secrets.token_hex(8))

    port, callback_port = free_port(), free_port()
    given = settings_for(path, port)

    def profile(more: Mapping[str, str]) -> CityProfile:
        loaded = load_profile(path, {**given, **more})
        return loaded.model_copy(update={"conformance": TRIALS}) if trials else loaded

    context = AdapterContext(now, secret, lambda: secrets.token_hex(16))
    place = Place(port=port, callback_url=f"http://127.0.0.1:{callback_port}", folder=tmp_path / "sftp")
    async with playing(profile({}), context, *faults, place=place, pace_s=pace_s) as ready:
        yield Played(
            profile({"host_key": str(ready.get("host_key", ""))} if "host_key" in ready else {}), context, callback_port
        )


@pytest.mark.parametrize("code", SEEDS)
async def test_every_profile_of_the_seeds_can_be_played(code: str, tmp_path: Path) -> None:
    async with played(profile_path(code), tmp_path) as city:
        report = await city.judged()
    assert failed(report) == set(), [one.verdict for one in report.results if one.rule.id in failed(report)]
    assert report.level is Level.GOLD


async def test_a_rest_city_nobody_has_seen(tmp_path: Path) -> None:
    async with played(HERE / "fresh_rest.yaml", tmp_path, trials=False) as city:
        report = await city.judged()
    assert failed(report) == set(), [one.verdict for one in report.results if one.rule.id in failed(report)]
    assert report.level is Level.GOLD
    found = statuses(report)
    assert {found[rule] for rule in ("absent", "cursor", "supplement", "withdrawal", "listing", "case_number")} == {
        "pass"
    }


async def test_a_rest_city_of_tokens_steps_and_forms(tmp_path: Path) -> None:
    async with played(HERE / "fresh_forms.yaml", tmp_path, trials=False) as city:
        report = await city.judged()
        wrong = city.profile.model_copy(update={"auth": city.profile.auth.model_copy(update={"client_id": "other"})})  # type: ignore[union-attr]
        refused = await judged(wrong, city.context, free_port(), ["accepted"], 1)
    assert failed(report) == set(), [one.verdict for one in report.results if one.rule.id in failed(report)]
    assert report.level is Level.GOLD
    found = statuses(report)
    assert {found[rule] for rule in ("credentials_refused", "same_once", "refusal", "file_whole")} == {"pass"}
    assert failed(refused) == {"accepted"}


async def test_an_exchange_database_nobody_has_seen(tmp_path: Path) -> None:
    """It has neither supplements nor a listing; its tables are made by the simulation."""
    async with played(HERE / "fresh_exchange.yaml", tmp_path, trials=False) as city:
        report = await city.judged()
    assert failed(report) == set(), [one.verdict for one in report.results if one.rule.id in failed(report)]
    assert report.level is Level.GOLD
    found = statuses(report)
    assert {found[rule] for rule in ("supplement", "withdrawal", "listing", "cursor")} == {"skipped"}
    assert {found[rule] for rule in ("refusal", "result_file", "same_once", "large_file")} == {"pass"}


BROKEN: tuple[tuple[str, str, str], ...] = (
    ("441500", "silent", "progress"),
    ("441500", "reordered", "progress"),
    ("441500", "truncated", "clear_answers"),
    ("441500", "wrong_charset", "readable"),
    ("440500", "wrong_charset", "readable"),
    ("440500", "truncated", "clear_answers"),
    ("445100", "truncated", "progress"),
    ("445100", "wrong_charset", "known_codes"),
    ("441300", "skewed_clock", "credentials"),
    ("441400", "skewed_clock", "times"),
    ("441300", "storm_5xx", "reachable"),
    ("440500", "storm_5xx", "reachable"),
    ("441300", "wrong_digest", "result_file"),
    ("440500", "wrong_digest", "result_file"),
    ("441300", "double_booking", "same_once"),
    ("445100", "double_booking", "same_once"),
    ("441500", "lost_file", "result_file"),
    ("441400", "lost_file", "result_file"),
    ("445100", "lost_file", "result_file"),
    ("441300", "unsigned_callback", "callback_signed"),
    ("441400", "unknown_code", "known_codes"),
    ("441300", "swapped_codes", "order"),
    ("440500", "cursor_skips", "cursor"),
    ("441500", "future_times", "times"),
    ("441400", "foreign_report", "own_cases"),
    ("441500", "changing_reports", "stable_reports"),
    ("441500", "open_door", "credentials_refused"),
    ("441400", "same_number", "case_number"),
    ("440500", "ignored_supplement", "supplement"),
    ("441300", "unlisted", "listing"),
)


@pytest.mark.parametrize(("code", "fault", "rule"), BROKEN)
async def test_a_broken_city_fails_the_rule_that_is_about_it(code: str, fault: str, rule: str, tmp_path: Path) -> None:
    slow = fault in ("cursor_skips", "reordered")  # seen only by who looks in between
    async with played(profile_path(code), tmp_path, fault, pace_s=0.6 if slow else PACE_S) as city:
        report = await city.judged(["accepted", "file_whole", rule], wait_s=8 if slow else 3)
    if fault == "reordered":  # late is not wrong: what comes in another order is put right by its times
        assert failed(report) == set()
    else:
        assert rule in failed(report), [(one.rule.id, one.verdict) for one in report.results]


async def test_reports_that_come_twice_or_late_are_no_fault(tmp_path: Path) -> None:
    async with played(profile_path("441300"), tmp_path, "duplicated") as city:
        report = await city.judged(["accepted", "progress", "order", "stable_reports", "callback_once"])
    assert set(statuses(report).values()) == {"pass"}


def test_every_fault_is_tried_or_is_none() -> None:
    assert {fault for _, fault, _ in BROKEN} | {"duplicated", "late"} == set(FAULTS)


@pytest.mark.parametrize(
    ("code", "fault"),
    [("441300", "nonsense"), ("441400", "storm_5xx"), ("441500", "unsigned_callback"), ("441300", "cursor_skips")],
)
def test_a_fault_the_city_cannot_show_is_refused(code: str, fault: str) -> None:
    with pytest.raises(Invalid, match="fault"):
        faults_of([fault], load_profile(profile_path(code)))


async def test_a_city_that_calls_back_must_be_told_whom(tmp_path: Path) -> None:
    profile = load_profile(profile_path("441300"))
    context = AdapterContext(now, lambda name: "x", lambda: "n")
    with pytest.raises(Invalid, match="callback-url"):
        async with playing(profile, context):
            raise AssertionError("it has started")


async def test_what_cannot_be_played_says_so() -> None:
    profile: Any = load_profile(ROOT / "seeds" / "cities" / "441500.yaml")
    rest = profile.rest.model_copy(update={"submit": profile.rest.submit.model_copy(update={"body": {"x": "'1'"}})})
    profile = profile.model_copy(update={"rest": rest, "conformance": TRIALS})
    context = AdapterContext(now, lambda name: "x", lambda: secrets.token_hex(8))
    with pytest.raises(Invalid, match="application_id"):
        async with playing(profile, context):
            raise AssertionError("it has started")
