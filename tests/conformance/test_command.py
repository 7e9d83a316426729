"""`tongban conformance` and `tongban simulate city` as processes, one against the other."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.cli.test_commands import ROOT, check_schema, document, tongban
from tests.conformance.kit_runs import ASKS, REFUSED, free_port

pytestmark = pytest.mark.slow

SECRET = {"TONGBAN_SECRET_441500_APPSECRET": "told-to-both", "TONGBAN_CITY_441500_SETTLE_S": "0.5"}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """汕尾's profile with the trials that its simulation knows."""
    path = tmp_path / "441500.yaml"
    text = (ROOT / "seeds" / "cities" / "441500.yaml").read_text("utf-8").split("\ncatalogue:")
    given = yaml.safe_dump(
        {"conformance": {"refused": {"task_code": REFUSED}, "asks": {"task_code": ASKS}, "within_s": 20}}
    )
    examples = text[1].split("\nexamples:")[1].split("\n  items:")[0]
    path.write_text(f"{text[0]}\n{given}\nexamples:{examples}\n", encoding="utf-8")
    return path


def conformance(profile: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return tongban(
        *("conformance", "--profile", str(profile), *words),
        folder=folder,
        TONGBAN_SECRET_441500_APPSECRET="told-to-both",
        TONGBAN_CITY_441500_SETTLE_S="0.5",
    )


@contextmanager
def simulated(profile: Path, *words: str) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "gateway", "simulate", "city", "--profile", str(profile), "--pace", "0.05", *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **SECRET}
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


def test_one_against_the_other(profile: Path, tmp_path: Path) -> None:
    junit = tmp_path / "report.xml"
    with simulated(profile, "--port", "0") as ready:
        assert ready["city"] == "441500"
        words = ("--set", f"transport.url={ready['url']}", "--level", "gold", "--json", "--junit", str(junit))
        found = document(conformance(profile, tmp_path, *words))
    check_schema("conformance", found)
    assert (found["level"], found["passed"]) == ("gold", True)
    statuses = {one["id"]: one["status"] for one in found["rules"]}
    assert {rule for rule, status in statuses.items() if status == "skipped"} == {
        "callback_signed",
        "callback_once",
        "later",
    }
    assert "441302" not in json.dumps(found)  # not even the invented applicant's number
    suite = ElementTree.fromstring(junit.read_bytes())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (str(len(statuses)), "0", "3")


def test_a_broken_city_and_what_a_person_reads(profile: Path, tmp_path: Path) -> None:
    junit = tmp_path / "report.xml"
    with simulated(profile, "--fault", "wrong_digest", "--fault", "duplicated") as ready:
        words = ("--set", f"url={ready['url']}", "--only", "accepted", "--only", "result_file", "--junit", str(junit))
        done = conformance(profile, tmp_path, *words)
    assert done.returncode == 1
    for text in ("不通过 fail", "result_file", "结果文件与公布的不符", "下一步 next", "不通过 failed: result_file"):
        assert text in done.stdout, text
    (failure,) = ElementTree.fromstring(junit.read_bytes()).iter("failure")
    assert "结果文件" in (failure.text or "")


def test_a_city_that_is_not_there(profile: Path, tmp_path: Path) -> None:
    words = ("--set", f"url=http://127.0.0.1:{free_port()}", "--json", "--wait", "2")
    done = conformance(profile, tmp_path, *words)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    check_schema("conformance", found)
    assert found["level"] == "none"
    by_id = {one["id"]: one for one in found["rules"]}
    assert by_id["reachable"]["status"] == "fail"
    assert by_id["accepted"]["status"] == "skipped"
    assert by_id["accepted"]["untested"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "nonsense"), "nonsense"),
        (("--listen", "here"), "--listen"),
        (("--set", "nowhere=1"), "nowhere"),
        (("--set", "url"), "--set"),
        (("--set", "rest.url=ftp://x"), "rest"),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    profile: Path, words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = conformance(profile, tmp_path, *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_usage_errors_and_profiles_without_an_interface(tmp_path: Path) -> None:
    assert tongban("conformance").returncode == 64
    assert tongban("conformance", "--profile", "x", "--level", "platinum").returncode == 64
    missing = tongban("conformance", "--profile", str(tmp_path / "no.yaml"))
    assert (missing.returncode, "no.yaml" in missing.stderr) == (1, True)
    by_hand = tongban("conformance", "--profile", str(ROOT / "seeds" / "cities" / "360700.yaml"), "--json")
    assert by_hand.returncode == 1
    assert "没有接口" in by_hand.stderr
    assert json.loads(by_hand.stdout)["rules"] == []


def test_interrupted_it_says_what_it_has_found(profile: Path, tmp_path: Path) -> None:
    with simulated(profile, "--fault", "silent") as ready:
        command = [sys.executable, "-m", "gateway", "conformance", "--profile", str(profile), "--json"]
        command += ["--set", f"url={ready['url']}", "--wait", "60"]
        environment = {**os.environ, **SECRET, "TONGBAN_DATA_DIR": str(tmp_path)}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            while "judging progress" not in (line := process.stderr.readline()):  # then it waits for what never comes
                assert line, "it has ended"
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = json.loads(out)
    check_schema("conformance", found)
    assert "accepted" in {one["id"] for one in found["rules"] if one["status"] == "pass"}
    assert not found["passed"]


def test_the_faults_are_listed_and_a_missing_secret_is_named(profile: Path, tmp_path: Path) -> None:
    listed = tongban("simulate", "city", "--profile", str(profile), "--fault", "help")
    assert listed.returncode == 0
    assert "double_booking" in listed.stdout
    refused = tongban("simulate", "city", "--profile", str(profile), "--fault", "unsigned_callback")
    assert (refused.returncode, "unsigned_callback" in refused.stderr) == (1, True)
    url = f"sqlite:///{tmp_path}/x.sqlite3"
    done = tongban("simulate", "city", "--profile", str(ROOT / "seeds" / "cities" / "441400.yaml"))
    assert done.returncode == 1
    assert "TONGBAN_SECRET_441400_DATABASE_URL" in done.stderr
    assert url.startswith("sqlite")


async def test_a_value_may_be_overridden(profile: Path) -> None:
    from gateway.cli.profile_settings import profile_with

    changed = await asyncio.to_thread(profile_with, profile, ["rest.url=http://127.0.0.1:9/x", "limits.timeout_s=3"])
    assert changed.rest is not None
    assert (changed.rest.url, changed.limits.timeout_s) == ("http://127.0.0.1:9/x", 3)
    assert changed.conformance is not None
