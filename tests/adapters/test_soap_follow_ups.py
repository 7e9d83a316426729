"""Supplements, withdrawals and listings over SOAP, against a raw server: what each answer means."""

import re
from datetime import date
from typing import Any

import pytest

from adapters.operations import Answers
from schemas.errors import (
    CrossCityError,
    PartnerAmbiguous,
    PartnerProtocol,
    PartnerRefused,
    PartnerUnavailable,
)
from schemas.message import ListedCase, Step
from tests.adapters.cities import SOAP12
from tests.adapters.follow_ups import supplement_to, withdrawal_of
from tests.adapters.messages import message_to
from tests.adapters.soap_answers import SHANTOU, UPLOADED, Recorder, fault, speaking_to, told, xml
from tests.adapters.test_faults import Server, answer

TAKEN = "<RECORD><SLBH>N1</SLBH></RECORD>"
ID = "019a0000-0000-7000-8000-0000000000a5"
DAY = date(2026, 11, 23)


async def withdraw(*answers: bytes | float | None) -> Any:
    message, files = message_to(SHANTOU)
    async with Server(list(answers)).running() as server, speaking_to(server.url) as adapter:
        return await adapter.follow_up(withdrawal_of(message), files)


ANSWERS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("refused", [told("-50", "", "withdraw")], PartnerRefused),
    ("it has no such case", [told("-4", "", "withdraw")], PartnerProtocol),
    ("later", [told("-98", "", "withdraw")], PartnerUnavailable),
    ("a code in no table", [told("-777", "", "withdraw")], PartnerProtocol),
    ("a number that is a list", [told("0", "<RECORD><SLBH><A>1</A></SLBH></RECORD>", "withdraw")], PartnerAmbiguous),
    ("no answer", [None], PartnerAmbiguous),
    ("too late an answer", [3.0, told("0", TAKEN, "withdraw")], PartnerAmbiguous),
    ("half an answer", [xml("<e:Envelope")], PartnerAmbiguous),
    ("Server fault", [fault("Server")], PartnerAmbiguous),
    ("Client fault", [fault("Client")], PartnerProtocol),
    ("503", [answer("503 Service Unavailable")], PartnerUnavailable),
    ("401", [answer("401 Unauthorized")], PartnerProtocol),
]


@pytest.mark.parametrize(("answers", "wanted"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_answers_to_a_withdrawal(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    with pytest.raises(CrossCityError) as caught:
        await withdraw(*answers)
    assert type(caught.value) is wanted, caught.value


@pytest.mark.parametrize(("code", "duplicate"), [("0", False), ("1", True)])
async def test_a_withdrawal_that_was_taken(code: str, duplicate: bool) -> None:
    found = await withdraw(told(code, TAKEN, "withdraw"))
    assert (found.case_number, found.duplicate) == ("N1", duplicate)


@pytest.mark.parametrize(
    ("said", "wanted"), [([None], PartnerUnavailable), ([UPLOADED, None], PartnerAmbiguous)], ids=["file", "supplement"]
)
async def test_a_supplement_whose_files_go_first(said: list[bytes | None], wanted: type[CrossCityError]) -> None:
    """Before its own first byte nothing was booked, whatever becomes of the files."""
    message, _ = message_to(SHANTOU)
    supplement, files = supplement_to(message, {"a.pdf": b"hello"})
    async with Server(list(said)).running() as server, speaking_to(server.url) as adapter:
        with pytest.raises(wanted):
            await adapter.follow_up(supplement, files)


async def test_a_file_inside_the_record() -> None:
    message, _ = message_to(SOAP12)
    supplement, files = supplement_to(message, {"a.pdf": b"hello"}, "N1")
    said = told("0", TAKEN, "supplement", SOAP12)
    async with Recorder([said]).running() as server, speaking_to(server.url, SOAP12) as adapter:
        assert (await adapter.follow_up(supplement, files)).case_number == "N1"
    (body,) = server.bodies  # type: ignore[attr-defined]
    assert b"aGVsbG8=" in body
    assert str(supplement.message_id).encode() in body


async def test_operations_a_profile_does_not_have() -> None:
    message, files = message_to(SHANTOU)
    async with Server([]).running() as server, speaking_to(server.url) as adapter:
        assert adapter._soap is not None
        bare = adapter._soap.model_copy(update={"supplement": None, "withdraw": None, "listing": None})
        profile = adapter.profile.model_copy(update={"soap": bare})
        without = type(adapter)(profile, adapter._context)
        try:
            with pytest.raises(PartnerProtocol):
                await without.follow_up(withdrawal_of(message), files)
            with pytest.raises(PartnerProtocol):
                await without.listing(DAY)
        finally:
            await without.close()
    assert server.heads == []


# ---- listings


def row(number: int, code: str = "20") -> str:
    case = f"{ID[:-4]}{number:04d}"
    return f"<RECORD><YWLSH>{case}</YWLSH><SLBH>N{number}</SLBH><BLZT>{code}</BLZT></RECORD>"


def listed(rows: str, following: str = "<YB>9</YB>") -> bytes:
    return told("0", following + rows, "queryDaily", SOAP12)


async def listing(*answers: bytes | float | None) -> tuple[ListedCase, ...]:
    """Asked of 999800, whose pages have two rows."""
    async with Server(list(answers)).running() as server, speaking_to(server.url, SOAP12) as adapter:
        return await adapter.listing(DAY)


async def test_pages_are_asked_for_by_day_and_cursor() -> None:
    pages: list[bytes | float | None] = [
        listed(row(1) + row(2), "<YB>2</YB>"),
        listed(row(3, "60") + row(4, "77"), "<YB>4</YB>"),
        listed(""),
    ]
    async with Recorder(pages).running() as server, speaking_to(server.url, SOAP12) as adapter:
        cases = await adapter.listing(DAY)
    assert [case.step for case in cases] == [Step.ACCEPTED, Step.ACCEPTED, Step.WITHDRAWN, Step.UNKNOWN]
    assert [case.case_number for case in cases] == ["N1", "N2", "N3", "N4"]
    bodies = [body.decode("gb18030") for body in server.bodies]  # type: ignore[attr-defined]
    assert [re.findall("&lt;YB&gt;([^&]*)&lt;", body) for body in bodies] == [["0"], ["2"], ["4"]]
    assert all("&lt;RQ&gt;20261123&lt;" in body for body in bodies)


async def test_a_day_without_cases() -> None:
    assert await listing(listed("")) == ()


LISTINGS: list[tuple[str, list[bytes | float | None], type[CrossCityError]]] = [
    ("the same page for ever", [listed(row(1) + row(2), "<YB>0</YB>")], PartnerProtocol),
    ("a row without a case", [listed("<RECORD><BLZT>20</BLZT></RECORD>")], PartnerProtocol),
    ("a row with another kind of number", [listed(row(1).replace(ID[:8], "no"))], PartnerProtocol),
    ("rows that are none", [told("0", "text", "queryDaily", SOAP12)], PartnerProtocol),
    ("absent", [told("-4", "", "queryDaily", SOAP12)], PartnerProtocol),
    ("the second page is cut off", [listed(row(1) + row(2), "<YB>2</YB>"), None], PartnerUnavailable),
    ("no answer", [None], PartnerUnavailable),
]


@pytest.mark.parametrize(("answers", "wanted"), [one[1:] for one in LISTINGS], ids=[one[0] for one in LISTINGS])
async def test_listings_that_cannot_be_had(answers: list[bytes | float | None], wanted: type[CrossCityError]) -> None:
    with pytest.raises(CrossCityError) as caught:
        await listing(*answers)
    assert type(caught.value) is wanted, caught.value


async def test_a_listing_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.soap.MOST_ROWS", 3)
    with pytest.raises(PartnerProtocol):
        await listing(listed(row(1) + row(2), "<YB>2</YB>"), listed(row(3) + row(4), "<YB>4</YB>"))


async def test_a_listing_in_one_answer() -> None:
    server = Server([listed(row(1) + row(2) + row(3))])
    async with server.running(), speaking_to(server.url, SOAP12) as adapter:
        assert adapter._soap.listing is not None
        whole = adapter._soap.listing.model_copy(update={"next": None})
        soap = adapter._soap.model_copy(update={"listing": whole})
        other = type(adapter)(adapter.profile.model_copy(update={"soap": soap}), adapter._context)
        try:
            assert len(await other.listing(DAY)) == 3
        finally:
            await other.close()


async def test_an_operation_may_have_answers_of_its_own() -> None:
    """-50 means refused everywhere else; of a withdrawal, that it was taken before."""
    own = Answers(code="PACKAGE.PACKAGEHEAD.CWDM", accepted=("0",), duplicate=("-50",))
    message, files = message_to(SHANTOU)
    async with Server([told("-50", TAKEN, "withdraw")]).running() as server, speaking_to(server.url) as adapter:
        assert adapter._soap.withdraw is not None
        soap = adapter._soap.model_copy(update={"withdraw": adapter._soap.withdraw.model_copy(update={"answers": own})})
        other = type(adapter)(adapter.profile.model_copy(update={"soap": soap}), adapter._context)
        try:
            assert (await other.follow_up(withdrawal_of(message), files)).duplicate
        finally:
            await other.close()
