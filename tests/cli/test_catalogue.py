"""tongban catalogue: a file in, a draft, published, mended, seen by a gateway that runs meanwhile."""

import asyncio
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.cli.test_commands import check_schema, document, run, tongban
from tests.gateways import running_gateway, settings_for
from tests.usecases.test_fetch_catalogue import make_view, row

CITY = "441300"


def record(number: int, **changes: Any) -> dict[str, Any]:
    """A record in the national columns."""
    code = f"0020170{number:05d}"
    return {
        "catalog_code": code,
        "task_code": f"12441300DEMY00013X3{code}",
        "task_name": f"演示事项{number}",
        "task_version": "1",
        "task_state": "在用",
        "task_type": "20",
        "use_level": "3",
        "dept_name": "演示管理中心",
        "project_type": "2",
        "server_type": "1",
    } | changes


def file(folder: Path, *records: dict[str, Any], name: str = "catalogue.json") -> str:
    path = folder / name
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return str(path)


def imported(folder: Path, *records: dict[str, Any], words: tuple[str, ...] = ()) -> Any:
    given = ("catalogue", "import", CITY, file(folder, *records), "--dialect", "gbt_39046", "--by", "演示管理员")
    found = document(tongban(*given, *words, "--json", folder=folder))
    check_schema("catalogue_import", found)
    return found


def published(folder: Path, *words: str) -> Any:
    found = document(tongban("catalogue", "publish", *words, "--json", folder=folder))
    check_schema("catalogue_publish", found)
    return found["results"]


def test_import_publish_change_and_remove(tmp_path: Path) -> None:
    first = imported(tmp_path, record(1), record(2))
    assert (first["counts"]["new"], first["imported_by"], first["complete"]) == (2, "演示管理员", True)
    assert 0 < first["coverage"]["catalogue"] < 1
    [result] = published(tmp_path)
    assert [one["item_code"] for one in result["new"]] == ["002017000001", "002017000002"]
    [again] = published(tmp_path, CITY)
    assert set(again["counts"].values()) == {0}
    imported(tmp_path, record(1, task_name="新名称"))
    [result] = published(tmp_path)
    assert [(one["item_code"], one["fields"]) for one in result["changed"]] == [("002017000001", ["name"])]
    assert [one["item_code"] for one in result["would_remove"]] == ["002017000002"]
    [result] = published(tmp_path, CITY, "--remove")
    assert [one["item_code"] for one in result["removed"]] == ["002017000002"]
    part = imported(tmp_path, record(3), words=("--partial",))
    assert (part["complete"], part["counts"]["new"]) == (False, 1)
    listed = document(tongban("catalogue", "imports", "--json", folder=tmp_path))
    check_schema("catalogue_imports", listed)
    assert [one["state"] for one in listed["data"]] == ["draft", "published", "superseded"]
    table = tongban("catalogue", "publish", folder=tmp_path)
    assert (table.returncode, "发布" in table.stdout) == (0, True)


def test_what_must_be_mended_comes_as_json_and_as_a_safe_sheet(tmp_path: Path) -> None:
    bad = record(2, project_type="=1+1", task_name="@演示")
    found = imported(tmp_path, record(1), bad, record(3), record(3, task_name="重复"))
    assert (found["counts"]["ok"], found["counts"]["quarantined"]) == (1, 3)
    sheet = tmp_path / "待改.xlsx"
    listed = document(tongban("catalogue", "quarantine", CITY, "--xlsx", str(sheet), "--json", folder=tmp_path))
    check_schema("catalogue_quarantine", listed)
    rules = {row["item_code"]: {one["rule"] for one in row["findings"]} for row in listed["data"]}
    assert "unknown_code" in rules["002017000002"]
    assert "duplicate_item" in rules["002017000003"]
    page = openpyxl.load_workbook(sheet).active
    assert page is not None
    rows = list(page.iter_rows())
    assert [cell.value for cell in rows[0]][:2] == ["位置", "事项编码"]
    assert len(rows) == 1 + sum(len(row["findings"]) for row in listed["data"])
    assert {cell.data_type for row in rows for cell in row if cell.value is not None} == {"s"}
    assert "=1+1" in {cell.value for row in rows for cell in row}
    assert page.freeze_panes == "A2"
    assert "待改清单" in tongban("catalogue", "quarantine", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("import", CITY, "nothing.json", "--dialect", "gbt_39046"), 1, "nothing.json"),
        (("import", "999999", "nothing.json"), 1, "999999"),
        (("import", CITY, "nothing.json", "--dialect", "nothing"), 1, "nothing"),
        (("publish", CITY), 1, "catalogue import"),
        (("publish", "--import", "1"), 64, "--import"),
        (("quarantine", CITY), 1, CITY),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: tuple[str, ...], status: int, said: str) -> None:
    done = tongban("catalogue", *words, folder=tmp_path)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_breaks_off_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    whole = json.dumps([record(number) for number in range(3)], ensure_ascii=False)
    path.write_text(whole[: len(whole) // 2], encoding="utf-8")
    done = tongban("catalogue", "import", CITY, str(path), "--dialect", "gbt_39046", folder=tmp_path)
    assert done.returncode == 1
    assert "broken.json" in done.stderr
    assert tongban("catalogue", "publish", CITY, folder=tmp_path).returncode == 1


async def test_a_gateway_that_runs_takes_up_what_is_published(tmp_path: Path) -> None:
    async with running_gateway(settings_for(tmp_path, None, lanes=False)) as gateway:
        path = f"/v1/items/002017000001?city={CITY}"
        assert (await gateway.call("GET", path)).status == 404
        words = ("catalogue", "import", CITY, file(tmp_path, record(1)), "--dialect", "gbt_39046", "--partial")
        assert (await run(*words, folder=tmp_path)).returncode == 0
        generation = gateway.services.catalogue.generation
        done = await run("catalogue", "publish", CITY, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        async with asyncio.timeout(10):
            while gateway.services.catalogue.generation == generation:
                await asyncio.sleep(0.1)
        answer = await gateway.call("GET", path)
        assert (answer.status, answer.body["data"][0]["dialect"]) == (200, "gbt_39046")


def test_a_catalogue_from_the_citys_own_view(tmp_path: Path) -> None:
    rows = [row(number, "12441400DEMY00063N", project_type="2") for number in range(3)]
    secret = {"TONGBAN_SECRET_441400_DATABASE_URL": make_view(tmp_path / "view.sqlite3", rows)}
    done = tongban("catalogue", "import", "441400", "--json", folder=tmp_path, timeout_s=120, **secret)
    found = document(done)
    check_schema("catalogue_import", found)
    assert found["counts"]["read"] == 3
    missing = tongban("catalogue", "import", "441400", folder=tmp_path)
    assert missing.returncode == 1
    assert "441400.database_url" in missing.stderr
    no_file = tongban("catalogue", "import", "360700", folder=tmp_path)
    assert (no_file.returncode, "Traceback" in no_file.stderr) == (1, False)
