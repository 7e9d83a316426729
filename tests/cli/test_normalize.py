"""`tongban normalize` and `bench normalize`: one document that obeys its schema, exit codes, errors with a place."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import ROOT, check_schema, tongban
from tests.simulators import catalogues

CITIES = ROOT / "seeds" / "cities"


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    catalogues.write(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("file", "unknown"), [("440500.xml", "ASSORT"), ("360700.xlsx", "通办范围")])
def test_a_catalogue_with_one_unknown_code(samples: Path, file: str, unknown: str) -> None:
    done = tongban("normalize", str(samples / file), "--profile", str(CITIES / f"{file[:6]}.yaml"), "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    check_schema("normalize", found)
    assert found["counts"] == {"read": 2, "ok": 1, "quarantined": 1}
    assert [item["item_code"] for item in found["items"]] == ["002017900002"]
    (error,) = [one for one in found["findings"] if one["severity"] == "error"]
    assert error["rule"] == "unknown_code"
    assert error["source_path"].endswith(unknown)
    assert set(found["coverage"]["by_item"]) == {"002017900002", "002017900006"}
    assert found["dialect"]["version"] == 1


def test_a_good_catalogue_exits_0_and_a_table_names_what_waits(samples: Path) -> None:
    whole = [item for item in catalogues.XML_ITEMS if item["ASSORT"] == "1"]
    (samples / "good.xml").write_bytes(
        ('<?xml version="1.0" encoding="GB18030"?><PACKAGE><DATA>'
         + "".join(catalogues.element("RECORD", item) for item in whole)
         + "</DATA></PACKAGE>").encode("gb18030")
    )  # fmt: skip
    done = tongban("normalize", str(samples / "good.xml"), "--profile", str(CITIES / "440500.yaml"))
    assert done.returncode == 0, done.stderr
    assert "覆盖率" in done.stdout
    done = tongban("normalize", str(samples / "440500.xml"), "--profile", str(CITIES / "440500.yaml"))
    assert done.returncode == 1
    assert "002017900006" in done.stderr
    assert "unknown_code" in done.stdout


def test_a_dialect_file_instead_of_a_profile(samples: Path) -> None:
    record = {"item_code": "002017900002", "nonsense": 1}
    (samples / "own.json").write_text(json.dumps([record]), encoding="utf-8")
    done = tongban("normalize", str(samples / "own.json"), "--profile", "seeds/dialects/service_item.yaml", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    check_schema("normalize", found)
    assert found["source_fields"]["unmapped"] == ["nonsense"]
    assert {one["field"] for one in found["findings"] if one["rule"] == "missing"} >= {"task_code", "name"}


def test_faults_are_named_with_their_place(samples: Path) -> None:
    (samples / "broken.xml").write_bytes((samples / "440500.xml").read_bytes()[:-20])
    profile = str(CITIES / "440500.yaml")
    done = tongban("normalize", str(samples / "broken.xml"), "--profile", profile)
    assert done.returncode == 1
    assert "broken.xml" in done.stderr
    assert "Traceback" not in done.stderr
    done = tongban("normalize", str(samples / "absent.xml"), "--profile", profile)
    assert (done.returncode, "absent.xml" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    done = tongban("normalize", str(samples / "440500.xml"), "--profile", str(CITIES / "445200.yaml"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert tongban("normalize", str(samples / "440500.xml")).returncode == 64


@pytest.mark.slow
def test_bench_normalize_obeys_its_schema() -> None:
    done = tongban(
        *("bench", "normalize", "--items", "20", "--rounds", "1", "--rows", "120", "--searches", "12", "--json"),
        timeout_s=280,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    check_schema("bench_normalize", found)
    assert found["search"]["rows"] == 240
