"""What a SOAP city says, written by hand, and an adapter that speaks to a raw server saying it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from adapters.contract import AdapterContext
from adapters.profile import load_profile
from adapters.soap import SoapAdapter
from tests.adapters.cities import ROOT, SOAP12, profile_path
from tests.adapters.messages import message_to
from tests.adapters.test_faults import NOW, TIMEOUT_S, Server, answer, read_request

ENVELOPES = {
    "440500": "http://schemas.xmlsoap.org/soap/envelope/",
    SOAP12: "http://www.w3.org/2003/05/soap-envelope",
}
SHANTOU = "440500"


def envelope(body: str, code: str = SHANTOU) -> str:
    return f'<e:Envelope xmlns:e="{ENVELOPES[code]}"><e:Body>{body}</e:Body></e:Envelope>'


def returned(xml: str, operation: str = "apply", code: str = SHANTOU) -> str:
    inner = f'<m:{operation}Response xmlns:m="urn:kctb:440500"><return>{escape(xml)}</return></m:{operation}Response>'
    return envelope(inner, code)


def package(code: str, data: str = "") -> str:
    return f"<PACKAGE><PACKAGEHEAD><CWDM>{code}</CWDM></PACKAGEHEAD><DATA>{data}</DATA></PACKAGE>"


def told(code: str, data: str = "", operation: str = "apply", city: str = SHANTOU, *headers: str) -> bytes:
    return xml(returned(package(code, data), operation, city), "200 OK", *headers)


def xml(text: str, status: str = "200 OK", *headers: str) -> bytes:
    return answer(status, text, "Content-Type: text/xml; charset=utf-8", *headers)


def fault(code: str, status: str = "500 Internal Server Error", city: str = SHANTOU) -> bytes:
    if city == SHANTOU:
        return xml(envelope(f"<e:Fault><faultcode>e:{code}</faultcode></e:Fault>"), status)
    return xml(envelope(f"<e:Fault><e:Code><e:Value>e:{code}</e:Value></e:Code></e:Fault>", city), status)


BOOKED = told("0", "<RECORD><SLBH>N1</SLBH></RECORD>")
UPLOADED = told("0", "<RECORD><WJBH>f-1</WJBH></RECORD>", "uploadFile")


@asynccontextmanager
async def speaking_to(
    url: str, code: str = SHANTOU, secrets: dict[str, str] | None = None, /, **settings: str
) -> AsyncIterator[SoapAdapter]:
    known = {"440500.appsecret": "s", f"{SOAP12}.appsecret": "s"} if secrets is None else secrets
    context = AdapterContext(lambda: NOW, lambda name: known[name], lambda: "nonce")
    filled = {"url": url, "timeout_s": str(TIMEOUT_S), **settings}
    adapter = SoapAdapter(load_profile(profile_path(code), filled), context)
    try:
        yield adapter
    finally:
        await adapter.close()


async def deliver(*answers: bytes | float | None, code: str = SHANTOU, files: bool = False, **settings: str) -> Any:
    message, memory = message_to(code, {"a.pdf": b"hello"} if files else None)
    async with Server(list(answers)).running() as server, speaking_to(server.url, code, None, **settings) as adapter:
        return await adapter.deliver(message, memory)


class Recorder(Server):
    """Keeps the bodies too."""

    bodies: list[bytes]

    async def _serve(self, reader: Any, writer: Any) -> None:
        self.bodies = getattr(self, "bodies", [])
        for said in self.answers:
            head, body = await read_request(reader)
            self.heads.append(head)
            self.bodies.append(body)
            writer.write(said)
        writer.close()


def changed(code: str, tmp_path: Path, *replacements: tuple[str, str]) -> Path:
    text = profile_path(code).read_text("utf-8")
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / f"{code}.yaml"
    path.write_text(text, "utf-8")
    (tmp_path / "440500.wsdl").write_bytes((ROOT / "seeds" / "cities" / "440500.wsdl").read_bytes())
    return path
