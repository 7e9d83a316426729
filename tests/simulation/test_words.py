"""Our words read out of what a profile makes of them, and the city's words made from what happened."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.dialect import message_words
from adapters.operations import Answers, OutcomeRule
from adapters.profile import CityProfile, load_profile
from adapters.profile_check import check_examples
from gateway.simulation.answers import AnswerWriter
from gateway.simulation.facts import Happened, ResultFile
from gateway.simulation.hearing import Hearer, PathPattern
from gateway.simulation.reports import ReportWriter, solver_of
from schemas.errors import Invalid
from schemas.message import Step
from tests.adapters.cities import ROOT
from tests.adapters.messages import message_to

CALLED = ("441300", "441500", "441400", "440500", "445100", "445200")
FILE = ResultFile("P.zip!结果.txt", "结果.txt", b"hello", "ab" * 32, "cd" * 32)


def profile_of(code: str) -> CityProfile:
    return load_profile(ROOT / "seeds" / "cities" / f"{code}.yaml")


@pytest.mark.parametrize("code", CALLED)
def test_every_step_of_a_profile_is_written_so_that_it_reads_back(code: str) -> None:
    profile = profile_of(code)
    writer, readers = ReportWriter(profile), profile.compiled_reports(profile.compiler())
    count = 0
    for via, report_map in profile.reports.items():
        for meaning in report_map.steps.values():
            if meaning.step is Step.UNKNOWN:
                continue
            file = FILE if meaning.licence_issued else None
            happened = Happened(
                str(uuid4()), "N-1", meaning.step, datetime.now(UTC), 3, meaning.outcome, reason="为何", file=file
            )
            written_via, body = writer.written(happened)
            report = readers[written_via].read(body)
            assert report is not None, (via, meaning)
            assert (report.step, report.outcome) == (meaning.step, meaning.outcome)
            assert str(report.application_id) == happened.application_id
            assert abs((report.occurred_at - happened.at).total_seconds()) < 1
            assert [one.reference for one in report.files] == ([] if file is None else [FILE.reference])
            count += 1
    assert count >= 6


@pytest.mark.parametrize("code", CALLED)
def test_two_reports_of_one_case_have_two_identities(code: str) -> None:
    profile = profile_of(code)
    writer, readers = ReportWriter(profile), profile.compiled_reports(profile.compiler())
    application_id, now = str(uuid4()), datetime.now(UTC)
    found = set()
    for number, step in enumerate((Step.ARRIVED, Step.ACCEPTED), 1):
        via, body = writer.written(Happened(application_id, "N-1", step, now, number))
        report = readers[via].read(body)
        assert report is not None
        found.add(report.report_id)
    assert len(found) == 2


def test_a_step_for_which_there_are_no_words_names_the_example_that_would_help() -> None:
    profile = profile_of("441500")
    happened = Happened(str(uuid4()), "N", Step.EXTENDED, datetime.now(UTC), 1)
    with pytest.raises(Invalid, match=r"examples\.reports"):
        ReportWriter(profile).written(happened)
    profile = profile.model_copy(
        update={
            "reports": {
                "progress": profile.reports["progress"].model_copy(update={"occurred_at": "length(time)"}),
            }
        }
    )
    with pytest.raises(Invalid, match="code 1"):
        ReportWriter(profile).written(Happened(str(uuid4()), "N", Step.ARRIVED, datetime.now(UTC), 1))


@pytest.mark.parametrize("code", ["441300", "441500"])
def test_an_application_is_heard_as_it_was_meant(code: str) -> None:
    profile = profile_of(code)
    assert profile.rest is not None
    assert check_examples(profile) == []
    message, _ = message_to(code, {"a.pdf": b"hello"})
    words = message_words(message)
    for material in words["materials"]:
        material["uploaded"] = "F1" if material["file"] else None
    said = profile.compiler().tree(profile.rest.submit.body, ())(words)
    heard = Hearer(solver_of(profile)).words(profile.rest.submit.body, said)
    assert heard["application_id"] == str(message.application_id)
    assert heard["task_code"] == message.task_code
    assert heard["application"]["mode"] == "COLLECT"
    assert [one.get("uploaded") for one in heard["materials"]] == ["F1", None]


def test_texts_of_xml_and_csv_may_be_numbers() -> None:
    hearer = Hearer(solver_of(profile_of("441500")))
    assert hearer.words(
        {"A": {"B?": "application_id", "C": {"when": "x", "then": "to_string(n)"}}}, {"A": {"C": "7"}}
    ) == {"n": 7}
    assert hearer.from_leaves({"since": "cursor", "gone": "other"}, {"since": "12"}) == {"cursor": "12"}


def test_paths_with_places() -> None:
    pattern = PathPattern("/file/{reference}/{file.name}")
    assert pattern.words("/file/R%2F1/a") == {"reference": "R/1", "file": {"name": "a"}}
    assert pattern.words("/file/R1") is None
    assert PathPattern("/ping").fixed


def writer_of(answers: Answers | None, outcomes: tuple[OutcomeRule, ...] = ()) -> AnswerWriter:
    profile = profile_of("441500")
    return AnswerWriter(answers, outcomes or None, profile.compiler(), solver_of(profile))


def test_answers_by_code() -> None:
    writer = writer_of(Answers(code="s.code", accepted=("00",), refused=("10",)))
    answer = writer.written("accepted", {"d.no": "N1", None: "x"})
    assert (answer.status, answer.body) == (200, {"s": {"code": "00"}, "d": {"no": "N1"}})
    assert writer.written("duplicate", {"d.no": "N1"}).body["s"] == {"code": "00"}
    assert writer.written("refused").body == {"s": {"code": "10"}}
    assert writer.written("absent").status == 404
    with pytest.raises(Invalid):
        writer.written("accepted", {"length(d)": "N1"})


def test_answers_by_rules() -> None:
    rules: list[dict[str, Any]] = [
        {"status": [201], "when": "id", "means": "accepted"},
        {"status": [409], "means": "duplicate"},
        {"status": ["4xx"], "when": "fault == 'busy'", "means": "later"},
    ]
    writer = writer_of(None, tuple(OutcomeRule.model_validate(one) for one in rules))
    assert writer.written("accepted", {"id": "N1"}).status == 201
    assert writer.written("duplicate").status == 409
    later = writer.written("later")
    assert (later.status, later.body) == (400, {"fault": "busy"})


def test_no_profile_of_the_seeds_is_forgotten_here() -> None:
    played = {"rest", "soap", "exchange_database", "sftp_batch"}
    found = {path.stem for path in Path(ROOT / "seeds" / "cities").glob("*.yaml")}
    assert {code for code in found if profile_of(code).transport.value in played} == set(CALLED) | _LATER


_LATER: set[str] = set()
