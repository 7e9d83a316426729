"""`tongban cities`: from a sample file to a profile that passes its check, as a stranger would go."""

import json
from pathlib import Path

import pytest

from tests.adapters.normalization.test_golden import GOLDEN, ROOT, dialects, written
from tests.adapters.normalization.test_starter import confirmed
from tests.cli.test_commands import check_schema, document, tongban

CODE = "440600"


def checked(folder: Path) -> tuple[int, list[str]]:
    done = tongban("cities", "check", str(folder), "--json")
    found = json.loads(done.stdout)
    check_schema("cities_check", found)
    assert found["ok"] is (done.returncode == 0)
    return done.returncode, [fault for city in found["cities"] for fault in city["faults"]]


def test_from_a_sample_to_a_passing_profile(tmp_path: Path) -> None:
    sample = GOLDEN / "gbt_39046" / "raw.json"
    folder = tmp_path / "cities"
    folder.mkdir()
    path = folder / f"{CODE}.yaml"
    found = document(tongban("cities", "new", CODE, str(sample), "--out", str(path), "--json"))
    check_schema("cities_new", found)
    assert found["file"] == str(path)
    assert path.read_text("utf-8") == found["text"]
    assert "佛山市" in found["text"]  # from the division table

    code, faults = checked(folder)
    assert code == 1
    for guess in found["guesses"]:
        assert any(f".fields.{guess['field']}: 猜测" in fault for fault in faults)

    path.write_text(confirmed(found["text"]), "utf-8")
    assert checked(folder) == (0, [])
    done = tongban("normalize", str(sample), "--profile", str(path), "--json")
    assert json.loads(done.stdout)["counts"] == {"read": 3, "ok": 1, "quarantined": 2}


def test_the_profile_goes_to_stdout_and_never_over_a_file(tmp_path: Path) -> None:
    sample = written("360700", dialects()["360700"], tmp_path)
    done = tongban("cities", "new", CODE, str(sample), "--name", "演示市")
    assert done.returncode == 0, done.stderr
    assert 'name: "演示市"' in done.stdout
    out = tmp_path / "a.yaml"
    out.write_text("mine", "utf-8")
    done = tongban("cities", "new", CODE, str(sample), "--out", str(out))
    assert (done.returncode, out.read_text("utf-8")) == (1, "mine")
    assert "不予覆盖" in done.stderr


@pytest.mark.parametrize(
    ("code", "file", "part"), [("44060", "a.json", "行政区划代码"), (CODE, "a.json", "文件不存在")]
)
def test_what_cannot_be_begun(code: str, file: str, part: str, tmp_path: Path) -> None:
    done = tongban("cities", "new", code, str(tmp_path / file))
    assert done.returncode == 1
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_profiles_of_another_folder_extend_what_we_ship_and_what_stands_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "cities"
    folder.mkdir()
    (tmp_path / "dialects").mkdir()
    own = (ROOT / "seeds" / "dialects" / "gbt_39046.yaml").read_text("utf-8").replace("gbt_39046\n", "own_columns\n", 1)
    (tmp_path / "dialects" / "own_columns.yaml").write_text(own, "utf-8")
    for code, base in ((CODE, "own_columns"), ("440700", "plain_sheet")):
        head = f'code: "{code}"\nname: 演示市\nprovenance: {{}}\ntransport: none\n'
        text = f"{head}catalogue:\n  - {{dialect: drawn, extends: {base}}}\n"
        (folder / f"{code}.yaml").write_text(text, "utf-8")
    assert checked(folder) == (0, [])
