"""What goes wrong on the wire, against a raw server that answers exactly what a test says, or breaks off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import AdapterContext
from adapters.faults import retry_after_s
from adapters.profile import load_profile
from adapters.rest import RestAdapter
from schemas.application import StoredFile
from schemas.errors import (
    CrossCityError,
    FileUnknown,
    Internal,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
)
from schemas.message import RemoteFile
from tests.adapters.cities import profile_path
from tests.adapters.messages import MemoryFiles, message_to

BREAK = -1.0
NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
SECRETS = {"441300.tif_token": "t", "441500.appsecret": "s"}
TIMEOUT_S = 0.5
FILE = RemoteFile(reference="R/1?", name="结果.pdf")


def answer(status: str, body: str = "", *headers: str) -> bytes:
    content = body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def good(body: str) -> bytes:
    return answer("200 OK", body)


UPLOADED = good('{"code":"00","data":{"WJBS":"f-1"}}')
BOOKED = good('{"code":"00","data":{"SBLSH":"N1"}}')


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(
        (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
    )
    return head, await reader.readexactly(length)


class Server:
    """Answers one after another; None = read and break off; a number = wait so long first; BREAK = break off now."""

    def __init__(self, answers: list[bytes | float | None]) -> None:
        self.answers = list(answers)
        self.heads: list[str] = []
        self.url = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while self.answers:
                head, _ = await read_request(reader)
                self.heads.append(head)
                if not await self._answer(writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> bool:
        said = self.answers.pop(0)
        if isinstance(said, float):
            await asyncio.sleep(said)
            said = self.answers.pop(0)
        if not isinstance(said, bytes):
            return False
        writer.write(said)
        await writer.drain()
        return self.answers[:1] != [BREAK]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()


@asynccontextmanager
async def speaking_to(
    url: str, code: str = "441300", secrets: dict[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> AsyncIterator[RestAdapter]:
    known = SECRETS if secrets is None else secrets
    context = AdapterContext(lambda: NOW, lambda name: known[name], lambda: "nonce")
    adapter = RestAdapter(load_profile(profile_path(code), {"url": url, "timeout_s": str(timeout_s)}), context)
    try:
        yield adapter
    finally:
        await adapter.close()


async def deliver(*answers: bytes | float | None, files: bool = False) -> Any:
    message, memory = message_to("441300", {"a.pdf": b"hello"} if files else None)
    async with Server(list(answers)).running() as server, speaking_to(server.url) as adapter:
        return await adapter.deliver(message, memory)


async def test_booked() -> None:
    assert (await deliver(BOOKED)).case_number == "N1"


async def test_booked_before() -> None:
    found = await deliver(good('{"code":"01","data":{"SBLSH":"N1"}}'))
    assert (found.case_number, found.duplicate) == ("N1", True)


SUBMISSIONS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("cut without an answer", [None], PartnerAmbiguous),
    ("cut in the head", [b"HTTP/1.1 200 OK\r\nContent-Le", BREAK], PartnerAmbiguous),
    ("cut in the body", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", BREAK], PartnerAmbiguous),
    ("not HTTP", [b"SSH-2.0-OpenSSH_9.2\r\n", BREAK], PartnerAmbiguous),
    ("too slow", [TIMEOUT_S + 1.0, BOOKED], PartnerAmbiguous),
    ("body is no JSON", [good("<html>ok</html>")], PartnerAmbiguous),
    ("body is empty", [good("")], PartnerAmbiguous),
    ("body without a code", [good("{}")], PartnerAmbiguous),
    ("body is a list", [good("[1]")], PartnerAmbiguous),
    ("body of 100 GB announced", [b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n{"], PartnerAmbiguous),
    ("case number is no text", [good('{"code":"00","data":{"SBLSH":{"a":1}}}')], PartnerAmbiguous),
    ("500", [answer("500 Internal Server Error")], PartnerAmbiguous),
    ("504", [answer("504 Gateway Timeout")], PartnerAmbiguous),
    ("503", [answer("503 Service Unavailable")], PartnerUnavailable),
    ("429", [answer("429 Too Many Requests", "", "Retry-After: 7")], PartnerUnavailable),
    ("later", [good('{"code":"98","message":"忙"}')], PartnerUnavailable),
    ("refused", [good('{"code":"10","message":"张三不符合条件"}')], PartnerRefused),
    ("undescribed code", [good('{"code":"55","message":"?"}')], PartnerProtocol),
    ("400", [answer("400 Bad Request", "张三")], PartnerProtocol),
    ("404", [answer("404 Not Found")], PartnerProtocol),
    ("401", [answer("401 Unauthorized")], PartnerProtocol),
    ("403", [answer("403 Forbidden")], PartnerProtocol),
    ("redirect", [answer("307 Temporary Redirect", "", "Location: http://127.0.0.1:1/")], PartnerProtocol),
]


@pytest.mark.parametrize(("answers", "wanted"), [row[1:] for row in SUBMISSIONS], ids=[row[0] for row in SUBMISSIONS])
async def test_submission(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    with pytest.raises(CrossCityError) as caught:
        await deliver(*answers)
    assert type(caught.value) is wanted, caught.value
    assert "张三" not in caught.value.detail + caught.value.detail_zh + str(caught.value.facts)
    assert caught.value.detail_zh


def chunked(*parts: bytes) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


async def test_an_answer_in_chunks() -> None:
    found = await deliver(chunked(b'{"code":"00",', b'"data":{"SBLSH":"N1"}}'))
    assert found.case_number == "N1"


async def test_an_answer_without_end() -> None:
    with pytest.raises(PartnerAmbiguous):
        await deliver(chunked(*[bytes(1024**2)] * 20))


async def test_retry_after_is_kept() -> None:
    with pytest.raises(PartnerUnavailable) as caught:
        await deliver(answer("429 Too Many Requests", "", "Retry-After: 7"))
    assert caught.value.retry_after_s == 7
    with pytest.raises(PartnerUnavailable) as caught:
        await deliver(answer("200 OK", '{"code":"98"}', "Retry-After: 3"))
    assert caught.value.retry_after_s == 3


async def test_credentials_refused_is_said_in_our_words() -> None:
    with pytest.raises(PartnerProtocol, match="credentials"):
        await deliver(answer("401 Unauthorized", "no"))


UPLOADS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("cut without an answer", [None], PartnerUnavailable),
    ("too slow", [TIMEOUT_S + 1.0, UPLOADED], PartnerUnavailable),
    ("500", [answer("500 Internal Server Error")], PartnerUnavailable),
    ("spoilt on the way", [good('{"code":"00","data":{"WJBS":"f","SHA256":"00"}}')], PartnerUnavailable),
    ("no number", [good('{"code":"00","data":{}}')], PartnerProtocol),
    ("no JSON", [good("ok")], PartnerProtocol),
    ("401", [answer("401 Unauthorized")], PartnerProtocol),
    ("refused", [good('{"code":"10"}')], PartnerRefused),
    ("the application after it is cut", [UPLOADED, None], PartnerAmbiguous),
    ("the application after it is slow", [UPLOADED, TIMEOUT_S + 1.0, BOOKED], PartnerAmbiguous),
]


@pytest.mark.parametrize(("answers", "wanted"), [row[1:] for row in UPLOADS], ids=[row[0] for row in UPLOADS])
async def test_upload(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    with pytest.raises(CrossCityError) as caught:
        await deliver(*answers, files=True)
    assert type(caught.value) is wanted, caught.value


async def test_no_connection_at_all() -> None:
    message, files = message_to("441300")
    for url in ("http://127.0.0.1:1", "http://no-such-host.invalid", "https://127.0.0.1:1"):
        async with speaking_to(url) as adapter:
            with pytest.raises(PartnerUnavailable):
                await adapter.deliver(message, files)
            with pytest.raises(PartnerUnavailable):
                await adapter.probe()


async def test_a_server_that_is_no_tls_server() -> None:
    async with Server([None]).running() as server, speaking_to(server.url.replace("http:", "https:")) as adapter:
        with pytest.raises(PartnerUnavailable):
            await adapter.probe()


READS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("cut", [None], PartnerUnavailable),
    ("too slow", [TIMEOUT_S + 1.0, BOOKED], PartnerUnavailable),
    ("500", [answer("500 Internal Server Error")], PartnerUnavailable),
    ("no JSON", [good("ok")], PartnerProtocol),
    ("undescribed", [good('{"STATUS":{"CODE":"77"}}')], PartnerProtocol),
    ("404", [answer("404 Not Found")], PartnerProtocol),
    ("nothing in it", [good('{"STATUS":{"CODE":"00"},"data":[]}')], PartnerProtocol),
]


@pytest.mark.parametrize(("answers", "wanted"), [row[1:] for row in READS], ids=[row[0] for row in READS])
async def test_reads_are_never_ambiguous(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    message, _ = message_to("441500")
    async with Server(answers).running() as server, speaking_to(server.url, "441500") as adapter:
        with pytest.raises(CrossCityError) as caught:
            await adapter.find(message)
        assert type(caught.value) is wanted, caught.value
    async with Server(answers).running() as server, speaking_to(server.url, "441500") as adapter:
        with pytest.raises(CrossCityError) as caught:
            await adapter.collect(None)
        assert type(caught.value) is wanted, caught.value


async def fetched(*answers: bytes | float | None) -> tuple[bytes, Server]:
    async with Server(list(answers)).running() as server, speaking_to(server.url) as adapter:
        return b"".join([chunk async for chunk in adapter.fetch(FILE)]), server


async def test_fetch_quotes_the_reference() -> None:
    content, server = await fetched(good("hello"))
    assert content == b"hello"
    assert server.heads[0].startswith("GET /ebus/tongban-445200/kctb/file/R%2F1%3F HTTP/1.1")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (answer("404 Not Found"), PartnerProtocol),
        (answer("500 Oops"), PartnerUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", PartnerUnavailable),
        (None, PartnerUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 41943040\r\n\r\n" + bytes(41_943_040), PartnerProtocol),
    ],
    ids=["404", "500", "cut", "no answer", "too large"],
)
async def test_fetch_that_fails(said: bytes | None, wanted: type[CrossCityError]) -> None:
    answers: list[bytes | float | None] = [said] if said is None else [said, BREAK]
    async with Server(answers).running() as server, speaking_to(server.url) as adapter:
        with pytest.raises(CrossCityError) as caught:
            async for _ in adapter.fetch(FILE):
                pass
    assert type(caught.value) is wanted, caught.value


class _BrokenFiles(MemoryFiles):
    def __init__(self, failure: Exception | None) -> None:
        super().__init__()
        self.failure = failure

    async def _stop(self) -> AsyncIterator[bytes]:
        yield b"he"
        if self.failure is not None:
            raise self.failure

    def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        return self._stop()


@pytest.mark.parametrize(
    ("failure", "wanted"),
    [(OSError("disc"), Internal), (FileUnknown("gone", "没有"), FileUnknown), (None, Internal)],
    ids=["disc", "unknown", "short"],
)
async def test_a_failure_of_our_own_disc_is_not_the_partners(
    failure: Exception | None, wanted: type[CrossCityError]
) -> None:
    message, _ = message_to("441300", {"a.pdf": b"hello"})
    async with Server([UPLOADED, BOOKED]).running() as server, speaking_to(server.url) as adapter:
        with pytest.raises(CrossCityError) as caught:
            await adapter.deliver(message, _BrokenFiles(failure))
    assert type(caught.value) is wanted


async def test_a_file_that_is_too_large_is_refused_before_anything_is_sent() -> None:
    message, files = message_to("441300", {"a.pdf": b"x"})
    big = message.files[0].model_copy(update={"file": message.files[0].file.model_copy(update={"size_bytes": 10**9})})
    async with speaking_to("http://127.0.0.1:1") as adapter:
        with pytest.raises(PartnerRefused, match="larger"):
            await adapter.deliver(message.model_copy(update={"files": (big,)}), files)


async def test_a_secret_that_is_not_configured() -> None:
    message, files = message_to("441300")
    async with speaking_to("http://127.0.0.1:1", secrets={}) as adapter:
        with pytest.raises(PartnerUnavailable, match=r"441300\.tif_token"):
            await adapter.deliver(message, files)


async def test_a_value_the_profile_has_no_code_for() -> None:
    message, files = message_to("441300")
    async with speaking_to("http://127.0.0.1:1") as adapter:
        with pytest.raises(PartnerProtocol, match="project_type"):
            await adapter.deliver(message.model_copy(update={"project_type": "OTHER"}), files)


async def test_headers_are_only_those_we_mean() -> None:
    message, files = message_to("441300", {"名字 &.pdf": b"hello"})
    async with Server([UPLOADED, BOOKED]).running() as server, speaking_to(server.url) as adapter:
        await adapter.deliver(message, files)
    upload, submit = server.heads
    assert "WJM=%E5%90%8D%E5%AD%97%20%26.pdf" in upload
    assert "Content-Length: 5\r\n" in upload
    assert "Content-Type: application/json\r\n" in submit
    for head in server.heads:
        assert "chunked" not in head
        assert not {"user-agent", "accept", "cookie", "accept-encoding"} & {
            line.split(":")[0].lower() for line in head.split("\r\n")
        }


async def test_being_cancelled_is_not_an_error_of_the_partner() -> None:
    message, files = message_to("441300")
    async with Server([5.0, BOOKED]).running() as server, speaking_to(server.url, timeout_s=5) as adapter:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await adapter.deliver(message, files)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("3", 3),
        ("0.5", 0.5),
        ("-1", 0),
        ("Mon, 23 Nov 2026 01:03:03 GMT", 60),
        ("Mon, 23 Nov 2026 01:00:00 GMT", 0),
        ("soon", None),
        ("nan", None),
        ("1e99", None),
    ],
)
def test_retry_after(text: str, wanted: float | None) -> None:
    assert retry_after_s({"Retry-After": text} if text else {}, NOW) == wanted
