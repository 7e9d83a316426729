"""tongban items: differences and duty sheets through the API, matching in the database, exports safe to open."""

import asyncio
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from gateway.cli.export import write_csv, write_xlsx
from tests.cli.test_commands import check_schema, document, run, tongban
from tests.gateways import running_gateway, settings_for

CODE = "002017900007"
OTHER = "002017900002"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the seeds; loaded once."""
    folder = tmp_path_factory.mktemp("seeded")
    assert document(tongban("seed", "--json", folder=folder))["changed"]
    return folder


@pytest.fixture
def folder(seeded: Path, tmp_path: Path) -> Path:
    """A copy of its own."""
    return Path(shutil.copytree(seeded, tmp_path / "data"))


def test_diff_and_duty_print_what_the_api_says(folder: Path) -> None:
    found = document(tongban("items", "diff", CODE, "--cities", "445200,441500", "--json", folder=folder))
    check_schema("differences", found)
    assert [row["field"] for row in found["rows"] if row["severity"] == "warning"] == ["materials[M90]"]
    table = tongban("items", "diff", CODE, "--cities", "445200,441500", folder=folder)
    assert "贷款合同复印件" in table.stdout
    words = ("items", "duty", CODE, "--city", "441500", "--mode", "COLLECT")
    sheet = document(tongban(*words, "--json", folder=folder))
    check_schema("duty_sheet", sheet)
    assert sheet["collecting_city"] == "445200"
    shown = tongban(*words, folder=folder).stdout
    for text in ("必须做", "不得做", "形式审查", "0660-0000000"):
        assert text in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("items", "diff", CODE, "--cities", "445200"), "2 到 10 个城市"),
        (("items", "diff", "000000000000", "--cities", "445200,441300"), "没有该事项"),
        (("items", "duty", CODE, "--city", "441500", "--mode", "JOINT"), "协议"),
        (("items", "match", "445200", "110000"), "没有在用事项"),
        (("items", "confirm", "445200", CODE, "445200", OTHER, "--by", "演示"), "同一城市"),
        (("items", "confirm", "445200", CODE, "441300", "000000000000", "--by", "演示"), "没有在用事项"),
        (("items", "confirm", "445200", CODE, "441300", CODE, "--by", " "), "by"),
        (("items", "confirm", "445200", CODE, "441300", CODE, "--by", "演示", "--note", "长" * 2001), "2000"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, words: tuple[str, ...], said: str) -> None:
    done = tongban(*words, folder=folder)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_errors_exit_64() -> None:
    assert tongban("items", "diff", CODE).returncode == 64
    assert tongban("items", "duty", CODE, "--city", "441500", "--mode", "NOWHERE").returncode == 64
    assert tongban("items", "confirm", "445200", CODE, "441300", CODE).returncode == 64


async def test_candidates_are_confirmed_by_a_person_and_exported(folder: Path) -> None:
    def command(*words: str) -> Any:
        return document(tongban("items", *words, "--json", folder=folder))

    async with running_gateway(settings_for(folder, None, lanes=False), seeded=False) as gateway:

        async def beside(*words: str) -> Any:
            return await asyncio.to_thread(command, *words)

        found = await beside("match", "445200", "441300")
        check_schema("items_match", found)
        assert len(found["candidates"]) == 8
        assert {one["rule"] for one in found["candidates"]} == {"same_code"}
        first = await beside("confirm", "445200", CODE, "441300", CODE, "--by", "窗口 A01", "--note", "=1+1")
        check_schema("items_confirm", first)
        assert (first["left_city"], first["right_city"], first["decision"]) == ("441300", "445200", "same")
        await beside("confirm", "445200", OTHER, "441300", CODE, "--by", "窗口 A01", "--different")
        left = (await beside("match", "445200", "441300"))["candidates"]
        assert {one["left"]["item_code"] for one in left} == {f"00201790000{n}" for n in (1, 2, 3, 4, 5, 6, 8)}
        again = await beside("confirm", "441300", CODE, "445200", CODE, "--by", "窗口 B02", "--different")
        assert again["at"] > first["at"]
        assert (await gateway.call("GET", "/livez")).status == 200
    decided = command("matches")
    check_schema("items_matches", decided)
    assert [one["decision"] for one in decided["matches"]] == ["different", "different"]
    assert len(command("matches", "--history")["matches"]) == 3
    sheet, text = folder / "匹配.xlsx", folder / "匹配.csv"
    done = await run("items", "matches", "--history", "--xlsx", str(sheet), "--csv", str(text), folder=folder)
    assert (done.returncode, done.stdout) == (0, "")
    cells = [list(row) for row in openpyxl.load_workbook(sheet).active.iter_rows(values_only=True)]
    assert len(cells) == 4
    assert "=1+1" in {cell for row in cells for cell in row}
    with text.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {9}
    assert "'=1+1" in {cell for row in rows for cell in row}
    assert "窗口 B02" in (await run("items", "matches", folder=folder)).stdout


def test_exports_never_hold_a_formula(tmp_path: Path) -> None:
    rows = [("=1+1", "+1", None), ("@x", "\tx", "http://localhost"), ("-1", "\rx", "正常")]
    write_xlsx(tmp_path / "a.xlsx", "表", ("甲", "乙", "丙"), rows)
    write_csv(tmp_path / "a.csv", ("甲", "乙", "丙"), rows)
    page = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert all(cell.data_type in {"s", "n"} and cell.hyperlink is None for row in page.iter_rows() for cell in row)
    assert page["A2"].data_type == "s"
    assert page["A2"].value == "=1+1"
    assert page.freeze_panes == "A2"
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in list(csv.reader(file))[1:] for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    assert json.dumps(cells[2]) == '""'
