"""汕头's simulator as a process: what it answers to envelopes written by hand, what it writes in its books."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, unescape

import aiohttp
import pytest

from tests.simulators.test_simulators import control, exchange_headers, rows, simulator, until

ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
FILE = b"%PDF-1.4 an application"
SHA = hashlib.sha256(FILE).hexdigest()
HEAD = "<BBH>1.0</BBH><FSDW_SJGSDWDM>445200</FSDW_SJGSDWDM><YWXTBH>KCTB</YWXTBH><FSSJ>20261124T093000</FSSJ>"
RECORD = {
    "YWLSH": "ref-1", "SXBM": "11440500MB2D06811W4440111010001", "SXMC": "居住证", "BJLX": "2",
    "SQSJ": "20261124T093000", "TBMS": "1", "SQR_XM": "张𠮷", "SQR_LX": "1", "SQR_ZJLX": "111",
    "SQR_ZJHM": "441302189902280026", "SQR_XZQHDM": "445200", "LXR_XM": "张𠮷", "LXR_LXDH": "",
    "SLDW_XZQHDM": "445200", "QRD_XZQHDM": "440500",
    "BDNR": "{}",
}  # fmt: skip
OPTIONS = ("--sid", "tongban", "--appsecret", "secret")


class Shantou:
    def __init__(self, session: aiohttp.ClientSession, url: str, version: str) -> None:
        self.session, self.url, self.version = session, f"{url}/services/kctb", version

    async def call(
        self, operation: str, data: str, head: str = HEAD, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        xml = f'<?xml version="1.0" encoding="GB18030"?><PACKAGE><PACKAGEHEAD>{head}</PACKAGEHEAD>{data}</PACKAGE>'
        body = f'<m:{operation} xmlns:m="urn:kctb:440500"><xmlParam>{escape(xml)}</xmlParam></m:{operation}>'
        text = f'<e:Envelope xmlns:e="{ENVELOPES[self.version]}"><e:Body>{body}</e:Body></e:Envelope>'
        action = f'"urn:kctb:440500#{operation}"'
        kind = {"Content-Type": "text/xml; charset=gb18030", "SOAPAction": action}
        if self.version == "1.2":
            kind = {"Content-Type": f"application/soap+xml; charset=gb18030; action={action}"}
        signed = exchange_headers() if headers is None else headers
        async with self.session.post(self.url, data=text.encode("gb18030"), headers=kind | signed) as answer:
            return answer.status, unescape((await answer.read()).decode(answer.charset or "utf-8"))

    async def apply(self, materials: str = "", **changes: str) -> tuple[str, str]:
        record = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in (RECORD | changes).items())
        _, answer = await self.call("apply", f"<DATA><RECORD>{record}{materials}</RECORD></DATA>")
        return part(answer, "CWDM"), part(answer, "SLBH")


def part(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1] if found else ""


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("version", ENVELOPES)
async def test_shantou_books_every_message_and_is_polled(
    session: aiohttp.ClientSession, version: str, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    async with simulator("shantou", books, *OPTIONS) as url:
        city = Shantou(session, url, version)
        assert (await city.call("ping", "<DATA/>"))[0] == 200
        content = base64.b64encode(FILE).decode()
        described = f"<WJM>a.pdf</WJM><WJDX>{len(FILE)}</WJDX><SHA256>{SHA}</SHA256>"
        file = f"<YWLSH>ref-1</YWLSH>{described}<WJNR>{content}</WJNR>"
        _, stored = await city.call("uploadFile", f"<DATA><RECORD>{file}</RECORD></DATA>")
        number = part(stored, "WJBH")
        assert part(stored, "SHA256") == SHA
        common = "<CLXX><CLBH></CLBH><CLMC>身份证</CLMC><CLLX>2</CLLX><FS>1</FS>"
        by_number = f"{common}{described}<WJBH>{number}</WJBH></CLXX>"
        in_record = f"{common}{described}<WJNR>{content}</WJNR></CLXX>"
        first, second = await city.apply(by_number), await city.apply(in_record)
        assert (first[0], second[0]) == ("0", "0")
        assert [one[1][-6:] for one in (first, second)] == ["000001", "000002"]
        _, found = await city.call("queryApply", "<DATA><RECORD><YWLSH>ref-1</YWLSH></RECORD></DATA>")
        assert re.findall(r"<SLBH>(.*?)</SLBH>", found) == [first[1], second[1]]
        await until(lambda: rows(books, "select count(*) from steps") == [(6,)])
        _, page = await city.call("queryProgress", "<DATA><RECORD><YB>YB0</YB><TS>4</TS></RECORD></DATA>")
        more = f"<DATA><RECORD><YB>{part(page, 'YB')}</YB><TS>100</TS></RECORD></DATA>"
        _, last = await city.call("queryProgress", more)
        assert sorted(re.findall(r"<BLZT>(.*?)</BLZT>", page + last)) == ["10", "10", "20", "20", "40", "40"]
        result = part((page + last).split("<FJXX>")[1], "WJBH")
        _, half = await city.call("downloadFile", f"<DATA><RECORD><WJBH>{result}</WJBH></RECORD></DATA>")
        assert base64.b64decode(part(half, "WJNR")).startswith(b"%PDF-1.4")
    assert rows(books, "select count(*), sum(delivered) from steps") == [(6, 6)]
    assert rows(books, "select distinct name, sha256 from files_in") == [("a.pdf", SHA)]
    assert rows(books, "select distinct mode from bookings") == [("1",)]


@pytest.mark.parametrize("version", ENVELOPES)
async def test_shantou_refuses_and_fails(session: aiohttp.ClientSession, version: str, tmp_path: Path) -> None:
    async with simulator("shantou", tmp_path / "books", *OPTIONS, "--idempotent", "--pace", "silent") as url:
        city = Shantou(session, url, version)
        assert (await city.call("ping", "<DATA/>", headers=exchange_headers(b"wrong")))[0] == 401
        status, fault = await city.call("nonsense", "<DATA/>")
        assert (status, "Client" in fault or "Sender" in fault) == ({"1.1": 500, "1.2": 400}[version], True)
        assert "-901" in (await city.call("ping", "<DATA/>", head="<BBH>1.0</BBH>"))[1]
        wanted: dict[str, Any] = {"SQR_XM": "-902", "SQR_ZJHM": "-903", "QRD_XZQHDM": "-905"}
        for name, code in wanted.items():
            assert (await city.apply(**{name: ""}))[0] == code
        assert (await city.apply(BJLX="9"))[0] == ""
        await control(session, url, refuse_count=1, later_count=1)
        assert [(await city.apply())[0] for _ in range(2)] == ["-98", "-50"]
        await control(session, url, fail_count=1, fail_status=500)
        assert (await city.apply())[0] == ""
        await control(session, url, cut_count=1, cut_after_booking=True)
        with pytest.raises(aiohttp.ClientConnectionError):
            await city.apply()
        assert (await city.apply())[0] == "1"
    assert rows(tmp_path / "books", "select count(*) from bookings") == [(1,)]
