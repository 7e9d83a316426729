"""手工办理: the rules of the contract suite where they make sense for a city that no wire reaches."""

import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.contract import CallbackRequest
from gateway.storage.database import Database
from schemas.application import StoredFile
from schemas.errors import Internal, NotFound, PartnerProtocol, PartnerRefused
from schemas.message import OutboundMessage, RemoteFile
from tests.adapters.manual_city import CITY, ManualCity, follow_up_to, manual_city
from tests.adapters.messages import message_to


@pytest.fixture
async def city(db: Database, tmp_path: Path) -> AsyncIterator[ManualCity]:
    async with manual_city(db, tmp_path) as opened:
        yield opened


async def test_one_delivery_is_one_packet_that_waits(city: ManualCity) -> None:
    message, files = message_to(CITY, {"a.pdf": b"hello"})
    acknowledgement = await city.adapter.deliver(message, files)
    assert (acknowledgement.case_number, acknowledgement.duplicate) == (None, False)
    (left,) = await city.left()
    assert (left.application_id, left.kind, left.number) == (str(message.application_id), "SUBMIT", 1)
    assert (left.taken_by, left.packet_bytes) == (None, len((await city.packet(message.message_id)).content))


async def test_the_same_message_twice_is_one_packet(city: ManualCity) -> None:
    message, files = message_to(CITY, {"a.pdf": b"hello"})
    await city.adapter.deliver(message, files)
    first = (await city.packet(message.message_id)).content
    again = await city.adapter.deliver(message, files)
    assert again.duplicate
    assert len(await city.left()) == 1
    assert (await city.packet(message.message_id)).content == first


async def test_asked_about_a_message(city: ManualCity) -> None:
    message, files = message_to(CITY)
    assert await city.adapter.find(message) is None
    await city.adapter.deliver(message, files)
    found = await city.adapter.find(message)
    assert found is not None
    assert found.duplicate


async def test_files_arrive_whole_under_their_names(city: ManualCity) -> None:
    contents = {"身份证 𠮷㐂&=?.pdf": b"hello", "b.pdf": bytes(range(256)) * 4000, "空.pdf": b""}
    message, files = message_to(CITY, contents)
    await city.adapter.deliver(message, files)
    packet = await city.packet(message.message_id)
    listed = {one["name"]: one for one in packet.manifest["files"]}
    assert listed.keys() == contents.keys()
    for name, content in contents.items():
        entry = listed[name]["entry"]
        assert packet.read(entry) == content
        assert listed[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert listed[name]["sm3"] == hashlib.new("sm3", content).hexdigest()
        assert not set('\\:*?"<>|') & set(entry)  # a name Windows takes
    assert len({one["entry"] for one in packet.manifest["files"]}) == 3


async def test_rare_characters_and_large_forms_survive(city: ManualCity) -> None:
    form: dict[str, object] = {f"field_{number}": "𠮷㐂\n\t\"'<&😀" * 20 for number in range(50)} | {"n": 10**30}
    message, files = message_to(CITY, name="𠮷㐂·买买提", form=form)
    await city.adapter.deliver(message, files)
    packet = await city.packet(message.message_id)
    assert "申请人姓名（名称）：𠮷㐂·买买提" in packet.text
    assert packet.text.count("𠮷㐂") >= 1000
    assert str(10**30) in packet.text


async def test_a_file_larger_than_the_city_takes(city: ManualCity) -> None:
    message, files = message_to(CITY, {"a.pdf": b"hello"})
    (outbound,) = message.files
    large = outbound.file.model_copy(update={"size_bytes": 31457281})
    grown = message.model_copy(update={"files": (outbound.model_copy(update={"file": large}),)})
    with pytest.raises(PartnerRefused):
        await city.adapter.deliver(grown, files)
    assert await city.left() == []


class Zeros:
    """A file that is not in memory; `cut` bytes of it are missing."""

    def __init__(self, cut: int = 0) -> None:
        self._cut = cut

    async def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        left = file.size_bytes - self._cut
        while left > 0:
            yield bytes(min(left, 256 * 1024))
            left -= 256 * 1024


def large_message(size: int = 30 * 1024**2) -> tuple[OutboundMessage, StoredFile]:
    message, _ = message_to(CITY, {"大.pdf": b"x"})
    (outbound,) = message.files
    digest = hashlib.sha256(bytes(size)).hexdigest()
    file = outbound.file.model_copy(update={"size_bytes": size, "sha256": digest})
    return message.model_copy(update={"files": (outbound.model_copy(update={"file": file}),)}), file


async def test_a_large_file_is_streamed(city: ManualCity) -> None:
    await city.adapter.deliver(*message_to(CITY))  # the font, the drawing library
    message, file = large_message()
    tracemalloc.start()
    try:
        await city.adapter.deliver(message, Zeros())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024**2
    packet = await city.packet(message.message_id)
    (listed,) = packet.manifest["files"]
    assert hashlib.sha256(packet.read(listed["entry"])).hexdigest() == file.sha256


async def test_a_stored_file_that_is_cut_leaves_nothing(city: ManualCity) -> None:
    message, _ = large_message(1024**2)
    with pytest.raises(Internal):
        await city.adapter.deliver(message, Zeros(cut=1))
    assert await city.left() == []
    await city.adapter.deliver(message, Zeros())
    (left,) = await city.left()
    assert left.number == 1  # the number that was reserved for it


async def test_follow_ups_are_packets_of_their_own(city: ManualCity) -> None:
    message, files = message_to(CITY)
    await city.adapter.deliver(message, files)
    for number, kind in enumerate(("SUPPLEMENT", "WITHDRAW"), 2):
        follow_up = follow_up_to(kind, message.application_id)
        assert not (await city.adapter.follow_up(follow_up, files)).duplicate
        assert (await city.adapter.follow_up(follow_up, files)).duplicate
        left = (await city.left())[-1]
        assert (left.kind, left.number, left.application_id) == (kind, number, str(message.application_id))


async def test_what_such_a_city_cannot_do(city: ManualCity) -> None:
    message, _ = message_to(CITY)
    adapter = city.adapter
    await adapter.probe()
    assert adapter.callback_reply() == {}
    with pytest.raises(PartnerProtocol):
        await adapter.collect(None)
    with pytest.raises(PartnerProtocol):
        await adapter.listing(message.received_at.date())
    with pytest.raises(PartnerProtocol):
        await adapter.report(None)  # type: ignore[arg-type]
    with pytest.raises(PartnerProtocol):
        adapter.fetch(RemoteFile(reference="x", name="x"))
    with pytest.raises(NotFound):
        adapter.read_callback(CallbackRequest("POST", "/", {}, b"{}"))
