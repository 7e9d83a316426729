"""The commands as a person or program meets them: real processes, one JSON document on stdout, clear errors."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import jwt
import pytest

from gateway.cli.processes import BY_HAND, PARTNERS
from gateway.domain.access import Role
from tests.gateways import Gateway, running_gateway, settings_for
from tests.web.conftest import body

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas" / "json"


def tongban(
    *words: str, folder: Path | None = None, timeout_s: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    if folder is not None:
        variables["TONGBAN_DATA_DIR"] = str(folder)
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """Stdout as exactly one JSON document."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_schema(name: str, value: object) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())


def test_demo_carries_every_case_and_obeys_its_schema() -> None:
    found = document(tongban("demo", "--json", timeout_s=100))
    check_schema("demo", found)
    assert found["ok"]
    outbound = {(j["deciding_city"], j["mode"]) for j in found["journeys"] if j["direction"] == "outbound"}
    assert outbound == {(city, mode) for city in PARTNERS | BY_HAND for mode in ("ONLINE", "COLLECT")}
    assert {j["direction"] for j in found["journeys"]} == {"outbound", "inbound"}
    for imported in found["catalogues"]:  # of two forms, each with one item that has to be mended first
        assert (imported["read"], imported["ok"], imported["quarantined"], imported["published"]) == (2, 1, 1, 1)
        assert 0.2 < imported["coverage"] < 0.5
    assert {"440500", "360700"} == {imported["city"] for imported in found["catalogues"]}
    assert "汕头缴存满6个月" in str(found["differences"]["rows"])  # as imported a moment ago
    for journey in found["journeys"]:
        assert (journey["state"], journey["files_sent"], journey["files_matched"]) == ("DECIDED", 1, 2)
        assert journey["case_number"]


@pytest.mark.slow
def test_bench_intake_obeys_its_schema_and_loses_nothing() -> None:
    words = ("bench", "intake", "--json", "--rounds", "1", "--seconds", "0.5", "--cases", "0", "--database", "sqlite")
    found = document(tongban(*words, timeout_s=150))
    check_schema("bench_intake", found)
    assert [(row["lost"], row["doubled"]) for row in found["results"]] == [(0, 0)]


def test_seed_is_idempotent_and_refuses_with_file_and_line(tmp_path: Path) -> None:
    assert document(tongban("seed", "--json", folder=tmp_path))["changed"] is True
    again = document(tongban("seed", "--json", folder=tmp_path))
    assert again["changed"] is False
    assert again["counts"]["items"] == 64
    import shutil

    broken = tmp_path / "seeds"
    shutil.copytree(ROOT / "seeds", broken)
    divisions = broken / "divisions.csv"
    divisions.write_text(divisions.read_text(encoding="utf-8").replace("110000,", "11000,", 1), encoding="utf-8")
    done = tongban("seed", str(broken), folder=tmp_path / "other")
    assert done.returncode == 1
    assert "divisions.csv" in done.stderr
    assert "2" in done.stderr
    assert not (tmp_path / "other" / "tongban.sqlite3").exists()


def test_keys_and_tokens(tmp_path: Path) -> None:
    none_yet = tongban("token", "issue", "--role", "clerk", "--city", "445200", folder=tmp_path)
    assert none_yet.returncode == 1
    assert "keys init" in none_yet.stderr
    assert tongban("keys", "init", folder=tmp_path).returncode == 0
    again = tongban("keys", "init", folder=tmp_path)
    assert again.returncode == 1
    assert "keys rotate" in again.stderr
    token = tongban("token", "issue", "--role", "clerk", "--city", "445200", folder=tmp_path).stdout.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["role"], claims["city"], claims["sub"]) == ("clerk", "445200", "clerk@445200")
    assert tongban("token", "issue", "--role", "clerk", "--city", "44520", folder=tmp_path).returncode == 64
    assert tongban("keys", "rotate", folder=tmp_path).returncode == 0
    assert len(list((tmp_path / "keys").glob("*.public.pem"))) == 2


@pytest.mark.parametrize(
    "words", [("nonsense",), ("token", "issue", "--role", "king", "--city", "445200"), ("demo", "--colour")]
)
def test_usage_errors_exit_64(words: tuple[str, ...]) -> None:
    assert tongban(*words).returncode == 64


def test_cities_check_runs_every_example(tmp_path: Path) -> None:
    found = document(tongban("cities", "check", "--json"))
    assert found["ok"]
    assert {city["code"] for city in found["cities"]} == {path.stem for path in ROOT.glob("seeds/cities/*.yaml")}
    (tmp_path / "441300.yaml").write_text("code: '441300'\ncode: '441300'\n", encoding="utf-8")
    done = tongban("cities", "check", str(tmp_path))
    assert done.returncode == 1
    assert "441300.yaml" in done.stderr


async def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(lambda: tongban(*words, folder=folder))


async def inbound_case(gateway: Gateway) -> str:
    whole = body(gateway, city="445200") | {"collecting_city": "441300"}
    whole["identity_check"]["by_city"] = "441300"
    return str((await gateway.submit(whole, role=Role.PARTNER, city="441300")).body["application_id"])


async def test_inbound_and_outbox_through_the_running_gateway_and_without_one(tmp_path: Path) -> None:
    async with running_gateway(settings_for(tmp_path, None, lanes=False)) as gateway:
        first, second = await inbound_case(gateway), await inbound_case(gateway)
        await gateway.submit(body(gateway))
        listed = document(await run("inbound", "list", "--json", folder=tmp_path))
        assert [case["application_id"] for case in listed["data"]] == [first, second]
        assert document(await run("inbound", "accept", first, "--json", folder=tmp_path))["state"] == "ACCEPTED"
        wrong = await run("inbound", "decide", second, "--outcome", "GRANTED", folder=tmp_path)
        assert wrong.returncode == 1
        assert "当前状态" in wrong.stderr
    # the gateway has stopped: the same commands open one just for themselves
    result = tmp_path / "结果.pdf"
    result.write_bytes(b"%PDF result")
    words = ("inbound", "decide", first, "--outcome", "GRANTED", "--file", str(result), "--json")
    assert document(await run(*words, folder=tmp_path))["state"] == "DECIDED"
    outbox = document(await run("outbox", "list", "--json", folder=tmp_path))
    assert [(entry["city"], entry["state"]) for entry in outbox["data"]] == [("441300", "ready")]
    message_id = outbox["data"][0]["message_id"]
    assert document(await run("outbox", "replay", message_id, "--json", folder=tmp_path))["state"] == "ready"
    assert (await run("outbox", "settle", message_id, folder=tmp_path)).returncode == 1
    table = await run("inbound", "list", folder=tmp_path)
    assert "对方来件" in table.stdout
