"""tongban manual: the worklist at the command line, against a gateway that runs."""

import asyncio
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.days import BEIJING
from tests.cli.test_commands import document, tongban
from tests.gateways import Gateway
from tests.web.manual_desk import CITY, handed_in, open_desk

NUMBER = f"445200-{CITY}-000001"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with open_desk(tmp_path, None) as opened:
        yield opened


async def run(tmp_path: Path, *words: str) -> Any:
    return await asyncio.to_thread(tongban, "manual", *words, folder=tmp_path / "a")


async def test_a_case_by_hand(desk: Gateway, tmp_path: Path) -> None:
    packet = await handed_in(desk, files=(b"hello",))
    listed = document(await run(tmp_path, "list", "--json"))
    assert [one["packet"] for one in listed["data"]] == [NUMBER]
    assert NUMBER in (await run(tmp_path, "list", "--city", CITY)).stdout

    target = tmp_path / "out.zip"
    shown = document(await run(tmp_path, "packet", NUMBER, "--out", str(target), "--json"))
    assert (shown["message_id"], shown["file"]) == (packet["message_id"], str(target))
    assert zipfile.ZipFile(target).testzip() is None
    again = await run(tmp_path, "packet", NUMBER, "--out", str(target))
    assert again.returncode == 1
    assert "不予覆盖" in again.stderr

    words = ("register", NUMBER, "--step", "ARRIVED", "--case-number", "GZ1", "--parcel", "EE123456789CN")
    said = document(await run(tmp_path, *words, "--carrier", "EMS", "--json"))
    assert (said["state"], said["case_number"], said["taken_by"]) == ("ARRIVED", "GZ1", "cli")
    assert [(one["number"], one["direction"]) for one in said["parcels"]] == [("EE123456789CN", "to_deciding")]
    assert "ACCEPTED" in (await run(tmp_path, "register", NUMBER, "--step", "ACCEPTED")).stdout
    result = tmp_path / "结果.pdf"
    result.write_bytes(b"%PDF-1.4 result")
    words = ("register", NUMBER, "--step", "DECIDED", "--outcome", "GRANTED", "--file", str(result))
    said = document(await run(tmp_path, *words, "--parcel", "EE2222", "--carrier", "EMS", "--back", "--json"))
    assert said["state"] == "DECIDED"
    assert said["parcels"][-1]["direction"] == "to_collecting"


async def test_what_cannot_be_registered(desk: Gateway, tmp_path: Path) -> None:
    await handed_in(desk)
    for words, wanted in (
        (("--step", "PUSHED"), "该步骤不能登记"),
        ((), "/step"),
        (("--step", "REJECTED"), "/reason"),
        (("--step", "ARRIVED", "--at", "2999-01-01T00:00:00"), "/occurred_at"),
        (("--step", "DECIDED", "--outcome", "GRANTED"), "当前状态不允许该操作"),
    ):
        done = await run(tmp_path, "register", NUMBER, *words)
        assert done.returncode == 1
        assert wanted in done.stderr, words


async def test_a_time_without_offset_is_beijing_time(desk: Gateway, tmp_path: Path) -> None:
    packet = await handed_in(desk)
    received = (await desk.call("GET", f"/v1/applications/{packet['application_id']}")).body["received_at"]
    local = datetime.fromisoformat(received).astimezone(BEIJING).replace(tzinfo=None).isoformat(timespec="seconds")
    said = document(await run(tmp_path, "register", NUMBER, "--step", "ARRIVED", "--at", local, "--json"))
    assert said["state"] == "ARRIVED"
    (report,) = (await desk.call("GET", f"/v1/applications/{packet['application_id']}/progress")).body["data"]
    assert datetime.fromisoformat(report["occurred_at"]) == datetime.fromisoformat(f"{local}+08:00")
