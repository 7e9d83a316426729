"""The parts of the kit by themselves: levels, files, messages, strangers, the file of rules."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.contract import AdapterContext, Callback
from adapters.operations import OAuth2Auth
from adapters.profile import CityProfile, Duplicates, load_profile
from adapters.trial import Trial, Trials
from gateway.conformance.applications import TrialMessages, Wish
from gateway.conformance.contents import Content, TrialFiles, is_ours, new_id
from gateway.conformance.judging_progress import times
from gateway.conformance.report import Judged, Report
from gateway.conformance.rules import Level, Rule, load_rules
from gateway.conformance.sending import Sender, Told, say
from gateway.conformance.strangers import _fresh_key, _spoilt, stranger
from gateway.conformance.verdict import Verdict, failed, not_applicable, passed, untested
from gateway.conformance.watching import Watch
from schemas.errors import Internal, Invalid, PartnerAmbiguous, PartnerRefused, PartnerUnavailable, SeedInvalid
from schemas.message import Acknowledgement, MessageKind, ProgressReport, Step
from tests.adapters.cities import ROOT, UNSAFE, profile_path
from tests.conformance.kit_runs import RULES

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
GOOD, BAD, NOT_MINE, OPEN = passed("", ""), failed("", "", "x"), not_applicable("x"), untested("x")


def profile_of(code: str) -> CityProfile:
    return load_profile(profile_path(code))


def report_of(verdicts: Mapping[Level, Verdict], asked: Level = Level.SILVER, *, whole: bool = True) -> Report:
    report = Report("441500", asked, whole)
    for level, verdict in verdicts.items():
        rule = next(one for one in RULES if one.level is level)
        report.results.append(Judged(rule, verdict))
    return report


@pytest.mark.parametrize(
    ("bronze", "silver", "gold", "level"),
    [
        (GOOD, GOOD, GOOD, Level.GOLD),
        (GOOD, NOT_MINE, GOOD, Level.GOLD),
        (GOOD, GOOD, BAD, Level.SILVER),
        (GOOD, OPEN, GOOD, Level.BRONZE),
        (BAD, GOOD, GOOD, Level.NONE),
    ],
)
def test_a_level_needs_everything_below_it(bronze: Verdict, silver: Verdict, gold: Verdict, level: Level) -> None:
    report = report_of({Level.BRONZE: bronze, Level.SILVER: silver, Level.GOLD: gold})
    assert report.level is level
    assert report.passed is (level in (Level.SILVER, Level.GOLD))


def test_of_a_choice_of_rules_no_level_is_said() -> None:
    assert report_of({Level.BRONZE: GOOD}, whole=False).passed
    assert report_of({Level.BRONZE: GOOD}, whole=False).level is Level.NONE
    assert not report_of({Level.BRONZE: OPEN}, whole=False).passed
    assert not Report("441500", Level.NONE, whole=False).passed


def test_junit_takes_any_text() -> None:
    written = report_of({Level.BRONZE: failed("\x00<&", "\x1b", "原因 ]]>")}).as_junit()
    assert "原因" in written.decode()
    assert b"\x00" not in written


@given(st.integers(0, 1_000_000))
async def test_a_file_is_what_its_digests_say(size_bytes: int) -> None:
    files = TrialFiles()
    file = files.add("a.pdf", size_bytes)
    content = b"".join([chunk async for chunk in files.open(file)])
    assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)
    assert hashlib.new("sm3", content).hexdigest() == file.sm3


async def test_a_broken_file_breaks_off_in_the_middle() -> None:
    files = TrialFiles()
    file = files.add("a.pdf", 2_000_000)
    files.broken, read = True, 0
    with pytest.raises(Internal):
        async for chunk in files.open(file):
            read += len(chunk)
    assert 0 < read < 2_000_000
    assert Content(b"x", 0).pieces() == []


def test_ids_are_known_again() -> None:
    assert all(is_ours(new_id()) for _ in range(20))
    assert {new_id().version for _ in range(20)} == {8}
    assert not is_ours(uuid4())


def test_messages_are_as_the_trial_says_and_otherwise_as_the_example() -> None:
    profile = profile_of("441300")
    given_form = Trial(item_code="002017900009", form={"x": "1"})
    messages = TrialMessages(profile.model_copy(update={"conformance": Trials(ordinary=given_form)}), "445200")
    file = TrialFiles().add("a.pdf", 10)
    made = messages.application(Wish(given_form, [file, file]), NOW)
    assert (made.application.item_code, made.application.form) == ("002017900009", {"x": "1"})
    assert made.task_code == profile.examples.submit[0].message["task_code"]
    assert [one.material_code for one in made.files] == ["M01", "M02"]
    assert made.application.applicant.name == "林试办"
    withdrawal = messages.follow_up(MessageKind.WITHDRAW, made, "N1", NOW, ())
    assert (withdrawal.case_number, withdrawal.materials, bool(withdrawal.reason)) == ("N1", (), True)


def test_our_own_office_is_sent_what_another_city_collects() -> None:
    made = TrialMessages(profile_of("445200"), "445200").application(Wish(Trial()), NOW)
    assert (made.application.collecting_city, made.application.deciding_city) == ("441300", "445200")


def test_without_an_example_the_trial_must_name_the_item() -> None:
    profile = profile_of(UNSAFE)
    with pytest.raises(Invalid, match="item_code"):
        TrialMessages(profile, "445200")
    ordinary = Trial(item_code="002017900002", task_code="12441500DEMY0005883002017900002")
    made = TrialMessages(profile.model_copy(update={"conformance": Trials(ordinary=ordinary)}), "445200")
    assert made.application(Wish(ordinary), NOW).application.mode == "ONLINE"


def test_the_trials_of_a_profile_are_checked() -> None:
    with pytest.raises(ValidationError, match="正则"):
        Trials(case_number="[")
    with pytest.raises(ValidationError):
        Trials.model_validate({"ordinary": {"nonsense": 1}})


def context(secret: str = "right", url: str = "sqlite:///x") -> AdapterContext:
    return AdapterContext(lambda: NOW, lambda name: url if "database" in name else secret, lambda: "n")


async def test_strangers_have_other_credentials_of_the_same_kind() -> None:
    assert stranger(profile_of("441400"), context()) is None
    for code, given_context in (
        ("441300", context()),
        ("441400", context(url="postgresql+pg8000://u:p@127.0.0.1:1/x")),
    ):
        other = stranger(profile_of(code), given_context)
        assert other is not None
        await other.close()
    assert _spoilt(profile_of("441300"), "441300.tif_token", "right") != "right"
    spoilt = _spoilt(profile_of("441400"), "441400.database_url", "postgresql://u:p@h/x")
    assert spoilt.startswith("postgresql://u:")
    assert ":p@" not in spoilt
    assert "OPENSSH" in _spoilt(profile_of("445100"), "445100.sftp_key", "-----BEGIN OPENSSH PRIVATE KEY-----")


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256", "PS256"])
def test_a_fresh_key_for_every_algorithm(algorithm: str) -> None:
    assert serialization.load_pem_private_key(_fresh_key(algorithm).encode(), None).public_key() is not None
    profile = profile_of("441300")
    auth = OAuth2Auth(
        scheme="oauth2", token_url="https://x/t", client_id="c", private_key="441300.key", algorithm="ES256"
    )
    assert "BEGIN PRIVATE" in _spoilt(profile.model_copy(update={"auth": auth}), "441300.key", "old")


class Answering:
    """An adapter of which only the answers matter."""

    def __init__(self, duplicates: str, *answers: object) -> None:
        base = profile_of("441300")
        limits = base.limits.model_copy(update={"settle_s": 0.0, "timeout_s": 1.0})
        self.profile = base.model_copy(update={"duplicates": Duplicates(duplicates), "limits": limits})
        self._answers, self.sent = list(answers), 0
        self.found: Acknowledgement | None = None

    async def deliver(self, message: object, files: object) -> object:
        self.sent += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find(self, message: object) -> object:
        return self.found


LATER = PartnerUnavailable("later", "稍后", retry_after_s=0.01)
LOST = PartnerAmbiguous("lost", "不明")


@pytest.mark.parametrize(
    ("duplicates", "answers", "ends", "sent"),
    [
        ("idempotent", (LOST, "yes"), "yes", 2),
        ("idempotent", (LOST, LOST, LOST), PartnerAmbiguous, 3),
        ("query_first", (LOST, "yes"), "yes", 2),
        ("unsafe", (LOST,), PartnerAmbiguous, 1),
        ("unsafe", (LATER, "yes"), "yes", 2),
        ("idempotent", (LATER, LATER, LATER), PartnerUnavailable, 3),
        ("idempotent", (PartnerRefused("no", "否"),), PartnerRefused, 1),
        ("idempotent", (PartnerUnavailable("later", "稍后", retry_after_s=999),), PartnerUnavailable, 1),
    ],
)
async def test_the_kit_sends_as_the_gateway_does(
    duplicates: str, answers: tuple[object, ...], ends: object, sent: int
) -> None:
    adapter = Answering(duplicates, *answers)
    sender = Sender(adapter, Told())  # type: ignore[arg-type]
    message = TrialMessages(profile_of("441300"), "445200").application(Wish(Trial()), NOW)
    if isinstance(ends, type):
        with pytest.raises(ends):
            await sender.deliver(message, TrialFiles())
    else:
        assert await sender.deliver(message, TrialFiles()) == ends
    assert adapter.sent == sent


async def test_what_was_booked_all_the_same_is_not_sent_again() -> None:
    adapter = Answering("query_first", LOST)
    adapter.found = Acknowledgement(case_number="N1")
    message = TrialMessages(profile_of("441300"), "445200").application(Wish(Trial()), NOW)
    assert await Sender(adapter, Told()).deliver(message, TrialFiles()) == adapter.found  # type: ignore[arg-type]
    assert adapter.sent == 1


def test_an_error_is_told_with_its_facts() -> None:
    assert "status=401" in say(PartnerUnavailable("x", "甲", status=401))


async def test_a_time_that_is_a_zone_off_says_so() -> None:
    sent = NOW
    report = ProgressReport(
        report_id="r",
        application_id=new_id(),
        deciding_city="441500",
        step=Step.ARRIVED,
        occurred_at=sent.replace(hour=(sent.hour + 8) % 24),
    )
    adapter: Any = SimpleNamespace(profile=profile_of("441500"))
    watch = Watch(adapter, lambda: sent, 1)
    watch.take(Callback("n", sent, (report,)))
    watch.known.add(report.application_id)
    message = SimpleNamespace(application_id=report.application_id)
    case = SimpleNamespace(error="not waited for", message=message, sent_at=sent)

    async def ordinary() -> object:
        return case

    run: Any = SimpleNamespace(watch=watch, cases={"ordinary": case}, ordinary=ordinary)
    verdict = await times(run)
    assert verdict.status == "fail"
    assert "时区" in verdict.reason


@pytest.mark.parametrize("text", ["rules: []", "rules: [{id: x}]", "{", "rules: 1"])
def test_a_file_of_rules_that_is_wrong(text: str, tmp_path: Path) -> None:
    (tmp_path / "conformance.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SeedInvalid):
        load_rules(tmp_path)


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    text = (ROOT / "seeds" / "conformance.yaml").read_text("utf-8")
    (tmp_path / "conformance.yaml").write_text(text.replace("id: reachable", "id: examples"), encoding="utf-8")
    with pytest.raises(SeedInvalid, match="one id"):
        load_rules(tmp_path)
    assert Rule.model_fields.keys() >= {"purpose_zh", "next_zh"}
