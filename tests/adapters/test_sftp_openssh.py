"""The same adapter and profile against a real sshd; the city behind it is the simulator without a server of its own."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from adapters.sftp_operations import Login
from schemas.errors import PartnerProtocol, PartnerUnavailable
from schemas.message import Step
from tests.adapters.batch_city import (
    CODE,
    booked_once,
    changed,
    delivered,
    folder,
    names,
    outcomes,
    reports_of,
    some,
    soon,
    successor,
)
from tests.adapters.cities import SimulatedCity, simulated_city
from tests.adapters.openssh import Openssh, OpensshMissing, openssh


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Openssh]:
    """Absent: the tests are skipped, loudly; under CI that is a failure."""
    (tmp_path / "sftp").mkdir()
    try:
        with openssh(tmp_path / "sshd", tmp_path / "sftp") as running:
            yield running
    except OpensshMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have openssh-server: {missing}")
        pytest.skip(f"NO OPENSSH SERVER HERE, SFTP IS TESTED AGAINST ONE IMPLEMENTATION ONLY: {missing}")


@asynccontextmanager
async def behind(server: Openssh, tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    config = {"pace_s": 0.05}
    settings = {"timeout_s": "20", "batch_s": "0.2", "retry_s": "0.2", "in_flight": "64"}
    settings |= {"sftp_port": str(server.port), "host_key": server.host_key}
    async with simulated_city(CODE, tmp_path, config=config, settings=settings) as city:
        city.secrets["445100.sftp_key"] = server.key.export_private_key().decode()
        login = Login(user=server.user, private_key="445100.sftp_key")
        async with successor(city, changed(city, login=login)) as adapter:
            city.adapter = adapter
            yield city


async def test_from_delivery_to_result_file(server: Openssh, tmp_path: Path) -> None:
    async with behind(server, tmp_path) as city:
        pairs = some(20)
        numbers = {one.partner_reference for one in await delivered(city.adapter, pairs)}
        assert len(numbers) == 1
        await booked_once(city, pairs)
        assert all(one.duplicate for one in await delivered(city.adapter, pairs))
        reports = await reports_of(city, 60)
        assert [sum(one.step is step for one in reports) for step in (Step.ARRIVED, Step.DECIDED)] == [20, 20]
        for file in [file for one in reports for file in one.files]:
            content = b"".join([chunk async for chunk in city.adapter.fetch(file)])
            assert hashlib.new("sm3", content).hexdigest() == file.sm3
        assert names(folder(city, "outbox")) == []


async def test_a_server_that_dies_in_the_middle_of_an_upload(server: Openssh, tmp_path: Path) -> None:
    async with behind(server, tmp_path) as city:
        pairs = some(8, 20_000_000)
        sending = asyncio.create_task(outcomes(city.adapter, pairs))
        await soon(lambda: any(one.stat().st_size > 5_000_000 for one in folder(city, "inbox").glob("*.zip.part")))
        server.kill()
        assert {type(one) for one in await sending} == {PartnerUnavailable}
        with pytest.raises(PartnerUnavailable):
            await city.adapter.probe()
        (part,) = folder(city, "inbox").glob("*.zip.part")
        assert part.stat().st_size < 8 * 20_000_000
        reads = [files.reads for _, files in pairs]
        server.start()
        found = await delivered(city.adapter, pairs)
        assert {f"{one.partner_reference}.zip.part" for one in found} == {part.name}
        assert [files.reads for _, files in pairs] == reads
        await booked_once(city, pairs)


async def test_strangers_are_refused(server: Openssh, tmp_path: Path) -> None:
    async with behind(server, tmp_path) as city:
        await city.adapter.probe()
        other = asyncssh.generate_private_key("ssh-ed25519")
        login = Login(user=server.user, private_key="445100.sftp_key")
        async with successor(city, changed(city, login=login, host_keys=(other.get_fingerprint(),))) as adapter:
            with pytest.raises(PartnerProtocol, match="host key"):
                await adapter.probe()
        city.secrets["445100.sftp_key"] = other.export_private_key().decode()
        with pytest.raises(PartnerProtocol, match="credentials"):
            await city.adapter.probe()


async def test_a_folder_that_is_not_there(server: Openssh, tmp_path: Path) -> None:
    async with behind(server, tmp_path) as city:
        operations = city.adapter.profile.sftp_batch
        assert operations is not None
        outgoing = operations.outgoing.model_copy(update={"folder": "nowhere", "records": None})
        altered = operations.model_copy(update={"outgoing": outgoing})
        profile = city.adapter.profile.model_copy(update={"sftp_batch": altered})
        async with successor(city, profile) as adapter:
            with pytest.raises(PartnerProtocol, match="folder"):
                await adapter.deliver(*some(1)[0])
