"""SOAP requests: envelopes as they go out, files inside them, our own failures."""

import hashlib
import hmac
import re
import tracemalloc
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree

from adapters.contract import AdapterContext
from adapters.normalization.dialect_file import FOLDER, load_dialects
from adapters.profile import load_profile
from adapters.soap import SoapAdapter
from adapters.soap_body import Contents
from schemas.application import StoredFile
from schemas.errors import CrossCityError, FileUnknown, Internal, PartnerAmbiguous
from tests.adapters.cities import ROOT, SOAP12, profile_path, simulated_city
from tests.adapters.messages import MemoryFiles, message_to
from tests.adapters.soap_answers import BOOKED, ENVELOPES, SHANTOU, Recorder, changed, speaking_to, told, xml
from tests.adapters.test_faults import NOW, Server

OTHERS = ("uploadFile", "queryApply", "queryProgress", "downloadFile", "ping", "supplement", "withdraw", "queryDaily")


async def test_what_goes_out_in_soap_11() -> None:
    message, files = message_to(SHANTOU, name="𠮷㐂")
    async with Recorder([BOOKED]).running() as server, speaking_to(server.url) as adapter:
        await adapter.deliver(message, files)
        (head,), (body,) = server.heads, server.bodies  # type: ignore[attr-defined]
    assert "POST /services/kctb HTTP/1.1" in head
    assert "Content-Type: text/xml; charset=UTF-8" in head
    assert 'SOAPAction: "urn:kctb:440500#apply"' in head
    assert "gjgxjhpt" not in head
    root = etree.fromstring(body)
    header = {etree.QName(one).localname for one in root.iterfind("{*}Header/{urn:kctb:440500}tongtechheader/*")}
    assert header == {"gjgxjhpt_rid", "gjgxjhpt_sid", "gjgxjhpt_rtime", "gjgxjhpt_sign"}
    text = root.findtext("{*}Body/{urn:kctb:440500}apply/xmlParam") or ""
    assert text.startswith('<?xml version="1.0" encoding="GB18030"?><PACKAGE><PACKAGEHEAD><BBH>1.0</BBH>')
    assert "<SQR_XM>𠮷㐂</SQR_XM>" in text


async def test_what_goes_out_in_soap_12() -> None:
    message, files = message_to(SOAP12, {"a.pdf": b"hello"}, name="𠮷㐂")
    booked = told("0", "<RECORD><SLBH>N1</SLBH></RECORD>", "apply", SOAP12)
    async with Recorder([booked]).running() as server, speaking_to(server.url, SOAP12) as adapter:
        await adapter.deliver(message, files)
        (head,), (body,) = server.heads, server.bodies  # type: ignore[attr-defined]
    assert 'Content-Type: application/soap+xml; charset=GB18030; action="urn:kctb:440500#apply"' in head
    assert "SOAPAction" not in head
    assert "gjgxjhpt_sign: " in head
    assert f"Content-Length: {len(body)}" in head
    text = body.decode("gb18030")
    assert text.startswith('<?xml version="1.0" encoding="GB18030"?>')
    assert "𠮷㐂" in text
    assert "&lt;WJNR&gt;aGVsbG8=&lt;/WJNR&gt;" in text


async def test_an_operation_with_more_parameters_and_an_answer_with_more_parts(tmp_path: Path) -> None:
    path = changed(
        SHANTOU,
        tmp_path,
        ("    operation: apply\n", "    operation: apply\n    arguments: {sysId: task_code}\n"),
        ("  parameter: xmlParam\n", "  parameter: xmlParam\n  answer_parameter: return\n"),
        *[(f"    operation: {one}\n", f"    operation: {one}\n    arguments: {{sysId: \"'A'\"}}\n") for one in OTHERS],
    )
    wsdl = tmp_path / "440500.wsdl"
    text = wsdl.read_text("utf-8")
    for name in ("xmlParam", "return"):
        part = f'<xsd:element name="{name}" type="xsd:string"/>'
        assert part in text
        text = text.replace(part, part + part.replace(name, {"xmlParam": "sysId", "return": "code"}[name]))
    wsdl.write_text(text, "utf-8")
    profile = load_profile(path, {"timeout_s": "5"}, bases=load_dialects(ROOT / "seeds" / FOLDER))
    assert profile.soap is not None
    answers = [
        told("0", "<RECORD><SLBH>N1</SLBH></RECORD>").replace(b"</return>", b"</return><code>7</code>"),
        told("0").replace(b"<return>", b"<other>").replace(b"</return>", b"</other>"),
    ]
    for said, wanted in zip(answers, ("N1", None), strict=True):
        message, files = message_to(SHANTOU)
        said_whole = xml(said.partition(b"\r\n\r\n")[2].decode())
        async with Recorder([said_whole]).running() as server:
            soap = profile.soap.model_copy(update={"url": f"{server.url}/services/kctb"})
            context = AdapterContext(lambda: NOW, lambda _name: "s", lambda: "nonce")
            adapter = SoapAdapter(profile.model_copy(update={"soap": soap}), context)
            try:
                if wanted is None:
                    with pytest.raises(PartnerAmbiguous):
                        await adapter.deliver(message, files)
                else:
                    assert (await adapter.deliver(message, files)).case_number == wanted
            finally:
                await adapter.close()
            (body,) = server.bodies  # type: ignore[attr-defined]
        assert etree.fromstring(body).findtext(".//sysId") == message.task_code


async def test_a_signature_may_cover_the_body(tmp_path: Path) -> None:
    """Also where files are put into it while it is sent."""
    recipe = """auth:
  scheme: recipe
  secret: 999800.appsecret
  mac: hmac_sha256
  canonical: "{timestamp}{nonce}{body_digest}"
  headers: {X-Sign: "{signature}", X-Time: "{timestamp}", X-Nonce: "{nonce}"}
"""
    text = profile_path(SOAP12).read_text("utf-8").replace("../../seeds/cities/", "")
    path = changed(SOAP12, tmp_path)
    path.write_text(re.sub(r"auth:\n(  .*\n)+", lambda _: recipe, text, count=1), "utf-8")
    booked = told("0", "<RECORD><SLBH>N1</SLBH></RECORD>", "apply", SOAP12)
    context = AdapterContext(lambda: NOW, lambda _name: "s", lambda: "nonce")
    for contents in ({"a.pdf": bytes(700_000)}, None):
        message, files = message_to(SOAP12, contents)
        async with Recorder([booked]).running() as server:
            adapter = SoapAdapter(load_profile(path, {"url": server.url}), context)
            await adapter.deliver(message, files)
            await adapter.close()
        (head,), (body,) = server.heads, server.bodies  # type: ignore[attr-defined]
        signed = dict(line.split(": ", 1) for line in head.split("\r\n") if line.startswith("X-"))
        canonical = signed["X-Time"] + signed["X-Nonce"] + hashlib.sha256(body).hexdigest()
        assert signed["X-Sign"] == hmac.digest(b"s", canonical.encode(), "sha256").hex()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 256 * 1024 - 1, 256 * 1024, 700_001])
async def test_a_file_becomes_base64_while_it_is_sent(size: int) -> None:
    raw = bytes(range(256)) * (size // 256) + bytes(size % 256)
    message, files = message_to(SOAP12, {"a.pdf": raw})
    contents = Contents(files)
    mark = contents.mark(message.files[0].file)
    body = contents.body(f"<a>{mark}</a><b>{mark}</b>".encode())
    sent = b"".join([chunk async for chunk in body.chunks()])
    assert len(sent) == body.size_bytes
    for algorithm in ("sha256", "sm3"):
        assert (await body.digests())(algorithm) == hashlib.new(algorithm, sent).hexdigest()
    root = etree.fromstring(b"<r>" + sent + b"</r>", etree.XMLParser(huge_tree=True))
    for part in ("a", "b"):
        assert b64decode(root.findtext(part) or "") == raw


class Shrinking(MemoryFiles):
    """A store that gives fewer bytes than it said."""

    async def _chunks(self, content: bytes) -> AsyncIterator[bytes]:
        yield content[:-1]


class Missing(MemoryFiles):
    """A store that has lost the file."""

    async def _chunks(self, content: bytes) -> AsyncIterator[bytes]:
        if self.reads:
            raise FileUnknown("gone", "已丢失")
        yield content


@pytest.mark.parametrize("code", ENVELOPES)
@pytest.mark.parametrize(("store", "wanted"), [(Shrinking, Internal), (Missing, FileUnknown)])
async def test_our_own_failure_is_not_taken_for_the_citys(
    code: str, store: type[MemoryFiles], wanted: type[CrossCityError]
) -> None:
    message, files = message_to(code, {"a.pdf": bytes(600_000)})
    async with Server([None, None]).running() as server, speaking_to(server.url, code) as adapter:
        with pytest.raises(wanted):
            await adapter.deliver(message, store(files.contents))


class Stream(MemoryFiles):
    """30 MB that nobody holds."""

    def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        return self._zeros(file.size_bytes)

    async def _zeros(self, left: int) -> AsyncIterator[bytes]:
        while left:
            size = min(left, 256 * 1024)
            left -= size
            yield bytes(size)


@pytest.mark.parametrize("code", ENVELOPES)
async def test_thirty_megabytes_in_bounded_memory(code: str, tmp_path: Path) -> None:
    message, files = message_to(code, {"大.pdf": bytes(30 * 1024**2)})
    files.contents.clear()
    async with simulated_city(code, tmp_path, settings={"timeout_s": "30"}) as city:
        tracemalloc.start()
        try:
            await city.adapter.deliver(message, Stream())
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert city.rows("select size from files_in") == [(30 * 1024**2,)]
    assert peak_bytes < 8 * 1024**2
