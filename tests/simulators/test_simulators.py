"""The simulators as processes: what they answer, what they write in their books, one fault each."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import sqlite3
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import Engine, MetaData, create_engine, insert, select

ROOT = Path(__file__).parents[2]
TASK = "11441300MB2D06811W4440111010001"
FILE = b"%PDF-1.4 an application"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@asynccontextmanager
async def simulator(city: str, books: Path, *options: str) -> AsyncIterator[str]:
    """A running simulator's address; its process must end cleanly."""
    command = ("-m", f"tests.simulators.{city}", "--books", str(books), "--pace", "0.01", *options)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            ready = json.loads(await process.stdout.readline())
        assert ready["ready"] is True
        yield ready["url"]
    finally:
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0


def rows(books: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(books)) as connection:
        return connection.execute(sql).fetchall()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not holds():
            await asyncio.sleep(0.02)


async def control(session: aiohttp.ClientSession, url: str, **settings: object) -> dict[str, Any]:
    async with session.post(f"{url}/_control", json=settings) as answer:
        assert answer.status == 200, await answer.text()
        settings_now: dict[str, Any] = await answer.json()
        return settings_now


# ---- 惠州


def tif(token: str, nonce: str | None = None, late_s: int = 0) -> dict[str, str]:
    at, nonce = str(time.time_ns() // 10**9 - late_s), nonce or uuid.uuid4().hex
    signature = sha(f"{at}{token}{nonce}{at}".encode()).upper()
    return {
        "x-tif-paasid": "tongban",
        "x-tif-timestamp": at,
        "x-tif-nonce": nonce,
        "x-tif-signature": signature,
    }


def huizhou_message(our_ref: str, file_id: str) -> dict[str, Any]:
    material = {"CLBH": "M1", "CLMC": "身份证", "CLLX": "2", "FS": 1, "WJBS": file_id, "WJM": "a.pdf"}
    return {
        "SJBBH": "1.0", "YSBLSH": our_ref, "SXBM": TASK, "SXMC": "居住证", "BJLX": "2", "SBSJ": time.time_ns() // 10**6,
        "TBMS": "0", "SQRMC": "张三", "SQRLX": "1", "SQRZJLX": "111", "SQRZJHM": "440000199001010011", "LXRXM": "张三",
        "LXRSJ": "", "SQRXZQHDM": "445200", "XZQHDM": "445200", "GXDXZQHDM": "441300", "HYFS": "4", "BDNR": {},
        "SBCLQD": [material | {"WJDX": len(FILE), "SHA256": sha(FILE)}],
    }  # fmt: skip


class Huizhou:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url, self.base = session, url, f"{url}/ebus/tongban/kctb"

    async def message(self, our_ref: str) -> dict[str, Any]:
        query = {"YSBLSH": our_ref, "WJM": "a.pdf"}
        async with self.session.post(f"{self.base}/file", params=query, data=FILE, headers=tif("out")) as answer:
            body = await answer.json()
        assert (body["code"], body["data"]["SHA256"]) == ("00", sha(FILE))
        return huizhou_message(our_ref, body["data"]["WJBS"])

    async def apply(self, message: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, Any]:
        async with self.session.post(f"{self.base}/apply", json=message, headers=headers or tif("out")) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def callbacks() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A gateway that refuses the very first callback, and the callbacks it has taken."""
    taken: list[dict[str, Any]] = []
    nonces: list[str] = []

    async def take(request: web.Request) -> web.Response:
        at, nonce = request.headers["x-tif-timestamp"], request.headers["x-tif-nonce"]
        signature = sha(f"{at}in{nonce}{at}".encode()).upper()
        nonces.append(nonce)
        assert len(nonces) == len(set(nonces))
        if request.headers["x-tif-signature"] != signature or len(nonces) == 1:
            return web.json_response({"code": "401"}, status=401)
        taken.append(await request.json())
        return web.json_response({"code": "00", "message": "成功"})

    app = web.Application()
    app.add_routes([web.post("/v1/callbacks/441300", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", taken
    await runner.cleanup()


def huizhou_options(callback_url: str) -> tuple[str, ...]:
    return ("--token", "out", "--inbound-token", "in", "--paasid", "tongban", "--callback-url", callback_url)


async def test_huizhou_books_once_and_calls_back(
    session: aiohttp.ClientSession, callbacks: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    books, (gateway, taken) = tmp_path / "books", callbacks
    async with simulator("huizhou", books, *huizhou_options(gateway)) as url:
        city = Huizhou(session, url)
        message = await city.message("ref-1")
        status, first = await city.apply(message)
        assert (status, first["code"]) == (200, "00")
        assert re.fullmatch(TASK + r"\d{8}0001", first["data"]["SBLSH"])
        _, again = await city.apply(message)
        assert (again["code"], again["data"]["SBLSH"]) == ("01", first["data"]["SBLSH"])
        await until(lambda: len(taken) == 3)
        assert [(one["BWLX"], one["XH"]) for one in taken] == [("1", 1), ("2", 2), ("4", 3)]
        (file,) = taken[2]["BJJGFJ"]
        async with session.get(f"{city.base}/file/{file['WJBS']}", headers=tif("out")) as answer:
            content = await answer.read()
        assert (len(content), sha(content)) == (file["WJDX"], file["SHA256"])
        assert content.startswith(b"%PDF-1.4")
        await until(lambda: rows(books, "select sum(delivered) from steps") == [(3,)])
    assert rows(books, "select our_ref, mode, task_code from bookings") == [("ref-1", "0", TASK)]
    assert rows(books, "select count(*) from deliveries") == [(2,)]
    assert rows(books, "select name, size, sha256 from files_in") == [("a.pdf", len(FILE), sha(FILE))]
    assert rows(books, "select size, sha256 from files_out") == [(len(content), sha(content))]


async def test_huizhou_checks_signatures_and_has_faults(
    session: aiohttp.ClientSession, callbacks: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    books, (gateway, taken) = tmp_path / "books", callbacks
    async with simulator("huizhou", books, *huizhou_options(gateway), "--config", '{"reorder": true}') as url:
        city = Huizhou(session, url)
        message = await city.message("ref-1")
        for bad in (tif("wrong"), tif("out", late_s=190), tif("out") | {"x-tif-paasid": "x"}):
            assert (await city.apply(message, bad))[0] == 401
        used = tif("out")
        await control(session, url, later_count=1)
        assert (await city.apply(message, used))[1]["code"] == "98"
        assert (await city.apply(message, used))[0] == 401
        assert (await city.apply(message | {"SBSJ": 1}))[0] == 400
        assert (await city.apply(message | {"SBCLQD": [message["SBCLQD"][0] | {"WJBS": "x"}]}))[1]["code"] == "10"
        await control(session, url, fail_status=500, fail_count=1, refuse_count=1, bad_signature=2, repeat=1)
        assert (await city.apply(message))[0] == 500
        assert (await city.apply(message))[1]["code"] == "10"
        await control(session, url, cut_count=1, cut_after_booking=True)
        with pytest.raises(aiohttp.ClientConnectionError):
            await city.apply(message)
        assert (await city.apply(message))[1]["code"] == "01"
        await until(lambda: len(taken) == 6)
        numbers = [one["XH"] for one in taken]
        assert numbers != sorted(numbers)
        assert sorted(taken, key=lambda one: one["SJ"]) == sorted(taken, key=lambda one: one["XH"])
        assert (await control(session, url))["bad_signature"] == 0
        await control(session, url, down=True)
        with pytest.raises(aiohttp.ClientConnectionError):
            await city.apply(message)
        async with session.post(f"{url}/_control", json={"nonsense": 1}) as answer:
            assert answer.status == 400
    assert rows(books, "select count(*) from bookings") == [(1,)]


async def test_huizhou_continues_its_books(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    options = (*huizhou_options(""), "--config", '{"silent": true}')
    numbers = []
    for our_ref in ("ref-1", "ref-2"):
        async with simulator("huizhou", tmp_path / "books", *options) as url:
            city = Huizhou(session, url)
            numbers.append((await city.apply(await city.message(our_ref)))[1]["data"]["SBLSH"][-4:])
    assert numbers == ["0001", "0002"]


# ---- 汕尾


def exchange_headers(secret: bytes = b"secret") -> dict[str, str]:
    at = str(time.time_ns() // 10**6)
    mac = hmac.digest(secret, f"tongbankctb{at}".encode(), hashlib.sha256)
    head = {"gjgxjhpt_rid": "kctb", "gjgxjhpt_sid": "tongban", "gjgxjhpt_rtime": at}
    return head | {"gjgxjhpt_sign": base64.b64encode(mac).decode()}


def shanwei_message(our_ref: str, file_id: str) -> dict[str, Any]:
    return {
        "outerNo": our_ref, "taskCode": TASK, "taskName": "居住证", "projectType": "1", "applyDate": "20261124T093000",
        "tbMode": "1", "applyer": {"name": "张三", "type": "1", "cardType": "111", "cardNo": "440000199001010011"},
        "contact": {"name": "张三", "mobile": ""}, "area": {"apply": "445200", "accept": "445200", "finish": "441500"},
        "form": {}, "materials": [{"no": "", "name": "身份证", "getType": "2", "copies": 1, "fileId": file_id,
                                   "fileName": "a.pdf", "sha256": sha(FILE)}],
    }  # fmt: skip


async def ask(session: aiohttp.ClientSession, url: str, path: str, **options: Any) -> Any:
    method = "GET" if not options.keys() & {"json", "data"} else "POST"
    async with session.request(method, f"{url}/share/kctb{path}", headers=exchange_headers(), **options) as answer:
        return await answer.json()


async def test_shanwei_books_every_message_and_is_polled(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    books = tmp_path / "books"
    async with simulator("shanwei", books, "--sid", "tongban", "--appsecret", "secret") as url:
        async with session.get(f"{url}/share/kctb/ping", headers=exchange_headers(b"wrong")) as answer:
            assert answer.status == 401
        stored = await ask(session, url, "/files?outerNo=ref-1&name=a.pdf", data=FILE)
        message = shanwei_message("ref-1", stored["data"]["fileId"])
        assert (await ask(session, url, "/query?outerNo=ref-1"))["STATUS"]["CODE"] == "04"
        await control(session, url, fail_count=1, fail_after_booking=True)
        await ask(session, url, "/apply", json=message)
        again = await ask(session, url, "/apply", json=message)
        found = await ask(session, url, "/query?outerNo=ref-1")
        numbers = [one["projectNo"] for one in found["data"]]
        assert [number[-6:] for number in numbers] == ["000001", "000002"]
        assert again["data"]["projectNo"] == numbers[1]
        await until(lambda: rows(books, "select count(*) from steps") == [(6,)])
        page = (await ask(session, url, "/progress?since=0&limit=4"))["data"]
        rest = (await ask(session, url, f"/progress?since={page['next']}&limit=100"))["data"]
        progress = page["rows"] + rest["rows"]
        assert [row["seq"] for row in progress] == [1, 2, 3, 4, 5, 6]
        assert [row["state"] for row in progress if row["projectNo"] == numbers[0]] == ["1", "2", "3"]
        file = next(row["files"][0] for row in progress if row["state"] == "3")
        async with session.get(f"{url}/share/kctb/files/{file['fileId']}", headers=exchange_headers()) as answer:
            assert sha(await answer.read()) == file["sha256"]
    assert rows(books, "select count(*), sum(delivered) from steps") == [(6, 6)]
    assert rows(books, "select count(*) from files_in") == [(2,)]


async def test_shanwei_shuffles_but_tells_the_true_time(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    options = ("--sid", "tongban", "--appsecret", "secret", "--config", '{"reorder": true, "outcome": "rejected"}')
    async with simulator("shanwei", tmp_path / "books", *options) as url:
        message = shanwei_message("ref-1", "") | {"materials": []}
        await ask(session, url, "/apply", json=message)
        await until(lambda: rows(tmp_path / "books", "select count(*) from steps") == [(2,)])
        progress = (await ask(session, url, "/progress?since=0&limit=10"))["data"]["rows"]
    assert [row["state"] for row in progress] == ["47", "1"]
    assert progress[0]["time"] > progress[1]["time"]


# ---- 梅州


def exchange_rows(our_ref: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head = {
        "row_guid": str(uuid.uuid4()), "cd_operation": "I", "cd_time": "20261124T093000", "cd_batch": "20261124090001",
        "data_source": "445200", "outer_no": our_ref,
    }  # fmt: skip
    accept = head | {
        "catalog_code": "", "task_code": TASK, "task_name": "居住证", "project_name": "居住证", "project_type": "2",
        "apply_date": "20261124T093000", "apply_type": "2", "applyer_name": "张三", "applyer_type": "1",
        "applyer_page_type": "111", "applyer_page_code": "440000199001010011", "contact_name": "张三",
        "contact_mobile": "", "apply_area": "445200", "accept_area": "445200", "finish_area": "441400",
        "identity_method": None, "form_json": "{}", "material_count": 1,
    }  # fmt: skip
    material = head | {
        "row_guid": str(uuid.uuid4()), "material_code": "", "material_name": "身份证", "get_type": "2", "get_num": 1,
        "attach_name": "a.pdf", "attach_size": len(FILE), "attach_sha256": sha(FILE), "attach": FILE,
    }  # fmt: skip
    return accept, material


@pytest.fixture
def exchange(tmp_path: Path) -> Any:
    engine = create_engine(f"sqlite:///{tmp_path}/exchange.db", connect_args={"timeout": 30})
    yield engine
    engine.dispose()


class Meizhou:
    """Our side of the exchange database, by reflection."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.tables = engine, MetaData()
        self.tables.reflect(engine)

    def send(self, our_ref: str) -> None:
        accept, material = exchange_rows(our_ref)
        with self.engine.begin() as connection:
            connection.execute(insert(self.tables.tables["up_pro_accept"]).values(accept))
            connection.execute(insert(self.tables.tables["up_pro_material"]).values(material))

    def read(self, table: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(self.tables.tables[f"up_pro_{table}"])))

    def acknowledge(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(self.tables.tables["up_pro_accept"].update().values(cd_operation="A"))
            for table in ("up_pro_process", "up_pro_result"):
                connection.execute(self.tables.tables[table].update().values(ack_time="20261124T100000"))


async def test_meizhou_speaks_through_the_database(exchange: Engine, tmp_path: Path) -> None:
    books = tmp_path / "books"
    async with simulator("meizhou", books, "--database", str(exchange.url), "--poll", "0.02"):
        city = Meizhou(exchange)
        city.send("ref-1")
        await until(lambda: city.read("result_file"))
        city.send("ref-1")
        await until(lambda: len(accepts := city.read("accept")) == 2 and all(row.ack_time for row in accepts))
        first, second = city.read("accept")
        assert (first.ack_code, second.ack_code, first.project_no) == ("00", "00", second.project_no)
        assert [(row.process_no, row.event_code) for row in city.read("process")] == [(1, "03")]
        (result,), (file,) = city.read("result"), city.read("result_file")
        assert (result.result_type, result.row_guid, result.file_count) == ("0", file.result_guid, 1)
        assert sha(file.attach) == file.attach_sha256
        city.acknowledge()
        await until(lambda: rows(books, "select sum(delivered) from steps") == [(3,)])
    assert [step for (step,) in rows(books, "select step from steps")] == ["ARRIVED", "ACCEPTED", "DECIDED"]
    assert rows(books, "select case_number, mode from bookings") == [(first.project_no, "2")]
    assert rows(books, "select count(*) from deliveries") == [(2,)]
    assert rows(books, "select name, sha256 from files_in") == [("a.pdf", sha(FILE))]


async def test_meizhou_refuses_is_down_and_is_silent(
    session: aiohttp.ClientSession, exchange: Engine, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    async with simulator("meizhou", books, "--database", str(exchange.url), "--poll", "0.02") as url:
        city = Meizhou(exchange)
        await control(session, url, refuse_count=1)
        city.send("ref-1")
        await until(lambda: city.read("accept")[0].ack_code == "10")
        await control(session, url, down=True)
        await asyncio.sleep(0.1)
        city.send("ref-2")
        await asyncio.sleep(0.1)
        assert rows(books, "select count(*) from deliveries") == [(1,)]
        await control(session, url, down=False, silent=True)
        await until(lambda: rows(books, "select our_ref from bookings") == [("ref-2",)])
        assert [row.ack_code for row in city.read("accept")] == ["10", None]
        await control(session, url, silent=False)
        await until(lambda: city.read("result"))
        async with session.post(f"{url}/_control", json={"cut_count": 1}) as answer:
            assert answer.status == 400
            assert "cut_count" in await answer.text()
