"""SOAP answers: against a raw server that answers exactly what a test says, or breaks off."""

import pytest

from schemas.errors import CrossCityError, PartnerAmbiguous, PartnerProtocol, PartnerRefused, PartnerUnavailable
from schemas.message import RemoteFile
from tests.adapters.cities import SOAP12
from tests.adapters.messages import message_to
from tests.adapters.soap_answers import (
    BOOKED,
    ENVELOPES,
    SHANTOU,
    UPLOADED,
    deliver,
    envelope,
    fault,
    package,
    returned,
    speaking_to,
    told,
    xml,
)
from tests.adapters.test_faults import BREAK, TIMEOUT_S, Server, answer

FILE = RemoteFile(reference="R1", name="结果.pdf")
LAUGHS = '<!DOCTYPE a [<!ENTITY l0 "lol"><!ENTITY l1 "&l0;&l0;&l0;&l0;&l0;&l0;&l0;&l0;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
DEEP = "<a>" * 10_000 + "</a>" * 10_000
HUGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 52428800\r\n\r\n<a>"
SUBMISSIONS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("cut without an answer", [None], PartnerAmbiguous),
    ("cut in the body", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<", BREAK], PartnerAmbiguous),
    ("too slow", [TIMEOUT_S + 1.0, BOOKED], PartnerAmbiguous),
    ("no XML", [xml("ok")], PartnerAmbiguous),
    ("empty", [xml("")], PartnerAmbiguous),
    ("accepted without a word", [answer("202 Accepted")], PartnerAmbiguous),
    ("no envelope", [xml("<a/>")], PartnerAmbiguous),
    ("no body", [xml(f'<e:Envelope xmlns:e="{ENVELOPES[SHANTOU]}"/>')], PartnerAmbiguous),
    ("empty body", [xml(envelope(""))], PartnerAmbiguous),
    ("another version", [xml(returned(package("0"), code=SOAP12))], PartnerAmbiguous),
    ("another operation's answer", [xml(returned(package("0"), "ping"))], PartnerAmbiguous),
    ("no text in the answer", [xml(envelope('<m:applyResponse xmlns:m="urn:kctb:440500"/>'))], PartnerAmbiguous),
    ("text that is no XML", [xml(returned("成功"))], PartnerAmbiguous),
    ("another package", [xml(returned("<RESULT><CWDM>0</CWDM></RESULT>"))], PartnerAmbiguous),
    ("no code", [xml(returned("<PACKAGE><PACKAGEHEAD/></PACKAGE>"))], PartnerAmbiguous),
    ("case number is no text", [told("0", "<RECORD><SLBH><A>1</A></SLBH></RECORD>")], PartnerAmbiguous),
    ("laughs in the envelope", [xml(LAUGHS + returned(package("0")))], PartnerAmbiguous),
    ("laughs in the package", [xml(returned(LAUGHS + package("&l1;")))], PartnerAmbiguous),
    ("external entity in the package", [xml(returned(OUTSIDE + package("&e;")))], PartnerAmbiguous),
    ("10,000 levels", [xml(DEEP)], PartnerAmbiguous),
    ("10,000 levels in the package", [xml(returned(package("0", DEEP)))], PartnerAmbiguous),
    ("17 levels in the package", [xml(returned(package("0", "<a>" * 15 + "</a>" * 15)))], PartnerAmbiguous),
    ("50 MB announced", [HUGE], PartnerAmbiguous),
    ("wrong bytes", [answer("200 OK", "汉", "Content-Type: text/xml; charset=us-ascii7")], PartnerAmbiguous),
    ("Server fault", [fault("Server")], PartnerAmbiguous),
    ("Server fault with a part", [fault("Server.Busy")], PartnerAmbiguous),
    ("Server fault in a 200", [fault("Server", "200 OK")], PartnerAmbiguous),
    ("Client fault", [fault("Client")], PartnerProtocol),
    ("Client fault in a 200", [fault("Client.Authentication", "200 OK")], PartnerProtocol),
    ("MustUnderstand", [fault("MustUnderstand")], PartnerProtocol),
    ("VersionMismatch", [fault("VersionMismatch")], PartnerProtocol),
    ("a fault of the other version", [fault("Sender", "400 Bad Request", SOAP12)], PartnerProtocol),
    ("fault without a code", [xml(envelope("<e:Fault/>"))], PartnerProtocol),
    ("500", [answer("500 Internal Server Error", "<html>")], PartnerAmbiguous),
    ("500 with an answer", [xml(returned(package("0")), "500 Internal Server Error")], PartnerAmbiguous),
    ("504", [answer("504 Gateway Timeout")], PartnerAmbiguous),
    ("503", [answer("503 Service Unavailable")], PartnerUnavailable),
    ("later", [told("-98")], PartnerUnavailable),
    ("-50", [told("-50", "<RECORD><CWMS>张三证照不符</CWMS></RECORD>")], PartnerRefused),
    ("-901", [told("-901")], PartnerProtocol),
    ("absent", [told("-4")], PartnerProtocol),
    ("400", [answer("400 Bad Request", "张三")], PartnerProtocol),
    ("401", [answer("401 Unauthorized")], PartnerProtocol),
    ("redirect", [answer("307 Temporary Redirect", "", "Location: http://127.0.0.1:1/")], PartnerProtocol),
]


@pytest.mark.parametrize(("answers", "wanted"), [row[1:] for row in SUBMISSIONS], ids=[row[0] for row in SUBMISSIONS])
async def test_submission(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    with pytest.raises(CrossCityError) as caught:
        await deliver(*answers)
    assert type(caught.value) is wanted, caught.value
    assert "张三" not in caught.value.detail + caught.value.detail_zh + str(caught.value.facts)
    assert caught.value.detail_zh


async def test_booked() -> None:
    found = await deliver(BOOKED)
    assert (found.case_number, found.duplicate) == ("N1", False)
    found = await deliver(told("1", "<RECORD><SLBH>N1</SLBH></RECORD>", "apply", SOAP12), code=SOAP12)
    assert (found.case_number, found.duplicate) == ("N1", True)


@pytest.mark.parametrize("code", ["Receiver", "Sender"])
async def test_faults_of_soap_12(code: str) -> None:
    wanted = PartnerAmbiguous if code == "Receiver" else PartnerProtocol
    with pytest.raises(wanted):
        await deliver(fault(code, city=SOAP12), code=SOAP12)


async def test_a_city_whose_server_faults_mean_later() -> None:
    said = fault("Receiver", city=SOAP12).replace(b"\r\n\r\n", b"\r\nRetry-After: 7\r\n\r\n", 1)
    with pytest.raises(PartnerUnavailable) as caught:
        await deliver(said, code=SOAP12, server_fault="later")
    assert caught.value.retry_after_s == 7


UPLOADS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("cut without an answer", [None], PartnerUnavailable),
    ("Server fault", [fault("Server")], PartnerUnavailable),
    ("500", [answer("500 Internal Server Error")], PartnerUnavailable),
    (
        "spoilt on the way",
        [told("0", "<RECORD><WJBH>f</WJBH><SHA256>00</SHA256></RECORD>", "uploadFile")],
        PartnerUnavailable,
    ),
    ("no number", [told("0", "", "uploadFile")], PartnerProtocol),
    ("no XML", [xml("ok")], PartnerProtocol),
    ("Client fault", [fault("Client")], PartnerProtocol),
    ("refused", [told("-50", "", "uploadFile")], PartnerRefused),
    ("the application after it is cut", [UPLOADED, None], PartnerAmbiguous),
]


@pytest.mark.parametrize(("answers", "wanted"), [row[1:] for row in UPLOADS], ids=[row[0] for row in UPLOADS])
async def test_upload(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    with pytest.raises(CrossCityError) as caught:
        await deliver(*answers, files=True)
    assert type(caught.value) is wanted, caught.value


READS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("cut", [None], PartnerUnavailable),
    ("Server fault", [fault("Server")], PartnerUnavailable),
    ("no XML", [xml("ok")], PartnerProtocol),
    ("undescribed", [told("77")], PartnerProtocol),
]


@pytest.mark.parametrize(("answers", "wanted"), [row[1:] for row in READS], ids=[row[0] for row in READS])
async def test_reads_are_never_ambiguous(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    message, _ = message_to(SHANTOU)
    for ask in ("find", "collect", "probe"):
        async with Server(list(answers)).running() as server, speaking_to(server.url) as adapter:
            given = {"find": (message,), "collect": (None,), "probe": ()}[ask]
            with pytest.raises(CrossCityError) as caught:
                await getattr(adapter, ask)(*given)
            assert type(caught.value) is wanted, caught.value


async def test_a_query_that_finds_nothing_in_what_it_found() -> None:
    message, _ = message_to(SHANTOU)
    async with Server([told("0", "", "queryApply")]).running() as server, speaking_to(server.url) as adapter:
        with pytest.raises(PartnerProtocol):
            await adapter.find(message)


async def test_a_page_without_rows_and_one_without_a_cursor() -> None:
    answers: list[bytes | float | None] = [told("0", "<YB>YB7</YB>", "queryProgress"), told("0", "", "queryProgress")]
    async with Server(answers).running() as server, speaking_to(server.url) as adapter:
        collected = await adapter.collect("YB7")
        assert (collected.reports, collected.cursor, collected.more) == ((), "YB7", False)
        with pytest.raises(PartnerProtocol):
            await adapter.collect("YB7")


async def fetched(*answers: bytes | float | None, file: RemoteFile = FILE) -> bytes:
    async with Server(list(answers)).running() as server, speaking_to(server.url) as adapter:
        return b"".join([chunk async for chunk in adapter.fetch(file)])


def content(base64: str) -> bytes:
    return told("0", f"<RECORD><WJNR>{base64}</WJNR></RECORD>", "downloadFile")


async def test_a_result_file_in_parts() -> None:
    whole_part = "QUFB\n" * (1024**2 // 3) + "QQ=="
    assert await fetched(content(whole_part), content("QQ==")) == b"A" * (1024**2 + 1)
    assert await fetched(content(whole_part), content("")) == b"A" * 1024**2
    known = FILE.model_copy(update={"size_bytes": 1024**2})
    assert await fetched(content(whole_part), file=known) == b"A" * 1024**2


@pytest.mark.parametrize("said", [content("QQ"), content("@@@@"), content("<A>1</A>"), told("-4"), fault("Client")])
async def test_a_result_file_that_cannot_be_read(said: bytes) -> None:
    with pytest.raises(PartnerProtocol):
        await fetched(said)


async def test_a_result_file_without_end() -> None:
    whole_part = content("QUFB" * (1024**2 // 3) + "QQ==")
    with pytest.raises(PartnerProtocol, match="size limit"):
        await fetched(*[whole_part] * 40)


async def test_a_secret_that_is_not_configured() -> None:
    message, files = message_to(SHANTOU)
    for code in ENVELOPES:
        async with Server([]).running() as server, speaking_to(server.url, code, {}) as adapter:
            with pytest.raises(PartnerUnavailable, match=r"\.appsecret is not configured"):
                await adapter.deliver(message, files)
            assert server.heads == []


async def test_a_message_with_a_character_xml_does_not_have() -> None:
    message, files = message_to(SHANTOU, name="陈\ufffe")
    async with Server([]).running() as server, speaking_to(server.url) as adapter:
        with pytest.raises(PartnerProtocol, match="cannot express"):
            await adapter.deliver(message, files)
        assert server.heads == []
