"""Who is let in, who is trusted, and how long anything may take; result files alone and in a zip."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.contract import AdapterContext
from adapters.profile import load_profile
from adapters.registry import build_adapter
from adapters.sftp_batch import SftpBatchAdapter
from adapters.sftp_operations import Login
from schemas.errors import PartnerProtocol, PartnerUnavailable
from schemas.message import RemoteFile
from tests.adapters.batch_city import CODE, booked_once, changed, delivered, folder, leave, some, successor
from tests.adapters.cities import SimulatedCity, profile_path, simulated_city
from tests.adapters.messages import message_to
from tests.adapters.test_exchange_database import NOW

NAMED = "潮州市 445100"


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[SimulatedCity]:
    async with simulated_city(CODE, tmp_path, config={"silent": True}, settings={"timeout_s": "10"}) as running:
        yield running


def operations(city: SimulatedCity) -> Any:
    assert city.profile.sftp_batch is not None
    return city.profile.sftp_batch


async def test_another_host_key_is_refused_and_the_city_is_named(city: SimulatedCity) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    async with successor(city, changed(city, host_keys=(other,))) as adapter:
        for refused in (adapter.probe(), adapter.deliver(*some(1)[0]), adapter.collect(None)):
            with pytest.raises(PartnerProtocol, match="host key") as caught:
                await refused
            assert NAMED in caught.value.detail
            assert NAMED in caught.value.detail_zh
    assert list(folder(city, "inbox").iterdir()) == []


async def test_a_key_of_known_hosts_may_be_pinned_and_several_while_it_changes(city: SimulatedCity) -> None:
    host_key = asyncssh.read_private_key(f"{city.books}.host_key").export_public_key().decode()
    algorithm, text, *_ = host_key.split()
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").get_fingerprint()
    async with successor(city, changed(city, host_keys=(other, f"{algorithm} {text}"))) as adapter:
        await adapter.probe()


async def test_a_login_that_is_refused(city: SimulatedCity) -> None:
    right = city.secrets["445100.sftp_key"]
    await city.adapter.probe()
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    city.secrets["445100.sftp_key"] = stranger  # noticed without a restart, in the open connection, too
    with pytest.raises(PartnerProtocol, match="credentials") as caught:
        await city.adapter.probe()
    assert NAMED in caught.value.detail
    city.secrets["445100.sftp_key"] = right
    await city.adapter.probe()


@pytest.mark.parametrize("secret", [None, "no key at all"])
async def test_a_secret_that_is_missing_or_no_key(city: SimulatedCity, secret: str | None) -> None:
    city.secrets.clear()
    if secret is not None:
        city.secrets["445100.sftp_key"] = secret
    with pytest.raises(PartnerUnavailable, match=r"445100\.sftp_key") as caught:
        await city.adapter.deliver(*some(1)[0])
    assert "no key at all" not in caught.value.detail


async def test_a_password_and_a_key_with_a_passphrase(tmp_path: Path) -> None:
    server = _Server(tmp_path, password="open sesame")
    async with server.running() as profile_changes:
        secrets = {"p": "open sesame", "k": "", "w": "words"}
        login = Login(user="us", password="p")
        async with server.adapter(secrets, **profile_changes, login=login) as adapter:
            await adapter.probe()
            secrets["p"] = "wrong"
            with pytest.raises(PartnerProtocol, match="credentials"):
                await adapter.probe()
        key = asyncssh.generate_private_key("ssh-ed25519")
        server.keys.append(key.export_public_key().decode())
        secrets["k"] = key.export_private_key("pkcs8-pem", passphrase="words").decode()
        login = Login(user="us", private_key="k", passphrase="w")
        async with server.adapter(secrets, **profile_changes, login=login) as adapter:
            await adapter.probe()


async def test_a_server_with_nothing_but_old_algorithms_is_refused(tmp_path: Path) -> None:
    old = {"encryption_algs": ["aes128-cbc"], "mac_algs": ["hmac-sha1"], "kex_algs": ["diffie-hellman-group14-sha1"]}
    server = _Server(tmp_path, password="x", **old)
    async with server.running() as profile_changes:
        login = Login(user="us", password="p")
        async with server.adapter({"p": "x"}, **profile_changes, login=login) as adapter:
            with pytest.raises(PartnerProtocol, match="algorithm"):
                await adapter.probe()


async def test_a_server_that_accepts_and_says_nothing(city: SimulatedCity) -> None:
    async def silence(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(5)
        finally:
            writer.close()

    listening = await asyncio.start_server(silence, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        async with successor(city, changed(city, port=port, answer_s=0.3)) as adapter:
            async with asyncio.timeout(3):
                for call in (adapter.probe(), adapter.deliver(*some(1)[0]), adapter.collect(None)):
                    with pytest.raises(PartnerUnavailable):
                        await call


async def test_a_folder_that_is_not_there(city: SimulatedCity) -> None:
    outgoing = operations(city).outgoing
    for missing in (
        {"outgoing": outgoing.model_copy(update={"folder": "nowhere"})},
        {"outgoing": outgoing.model_copy(update={"records": "nowhere"})},
        {"incoming": operations(city).incoming.model_copy(update={"folder": "nowhere"})},
    ):
        async with successor(city, changed(city, **missing)) as adapter:
            with pytest.raises(PartnerProtocol, match="folder"):
                await (adapter.collect(None) if "incoming" in missing else adapter.deliver(*some(1)[0]))
    incoming = operations(city).incoming.model_copy(update={"done": "nowhere"})
    leave(city, "A", {"A.csv": ("HZ", b"YSBLSH\r\n")})
    async with successor(city, changed(city, incoming=incoming)) as adapter:
        collected = await adapter.collect(None)
        with pytest.raises(PartnerProtocol, match="folder"):
            await adapter.acknowledge(collected)
    async with successor(city, changed(city, outgoing=outgoing.model_copy(update={"folder": "nowhere"}))) as adapter:
        with pytest.raises(PartnerProtocol, match="folder"):
            await adapter.probe()


async def test_a_connection_that_the_city_closed_is_made_anew(city: SimulatedCity) -> None:
    await city.adapter.probe()
    await city.control(down=True)
    await asyncio.sleep(0.2)
    with pytest.raises(PartnerUnavailable):
        await city.adapter.probe()
    await city.control(down=False)
    pairs = some(2)
    await delivered(city.adapter, pairs)
    await booked_once(city, pairs)


async def test_a_server_without_posix_rename(tmp_path: Path) -> None:
    server = _Server(tmp_path, password="x", factory=_OldRename)
    async with server.running() as profile_changes:
        login = Login(user="us", password="p")
        async with server.adapter({"p": "x"}, **profile_changes, login=login) as adapter:
            pair = message_to(CODE)
            first = await adapter.deliver(*pair)
            assert (tmp_path / "root" / "inbox" / f"{first.partner_reference}.json").is_file()
            for record in (tmp_path / "root" / "records").iterdir():
                record.unlink()
            again = await adapter.deliver(*pair)  # the names are taken: they are freed first
            assert again.partner_reference == first.partner_reference


async def test_a_server_that_does_not_let_us_write(tmp_path: Path) -> None:
    server = _Server(tmp_path, password="x", factory=_ReadOnly)
    async with server.running() as profile_changes:
        login = Login(user="us", password="p")
        async with server.adapter({"p": "x"}, **profile_changes, login=login) as adapter:
            with pytest.raises(PartnerProtocol, match="permit"):
                await adapter.deliver(*message_to(CODE))


# ---- result files


async def content(adapter: Any, reference: str) -> bytes:
    return b"".join([chunk async for chunk in adapter.fetch(RemoteFile(reference=reference, name="x"))])


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in files.items():
            archive.writestr(name, one)
    return packed.getvalue()


async def test_result_files_alone_and_in_a_zip_before_and_after_they_moved(city: SimulatedCity) -> None:
    big = bytes(range(256)) * 20_000
    files = {"结果.pdf": b"alone", "R.zip": zipped(a=b"in a zip", b=big)}
    for name, one in files.items():
        (folder(city, "outbox") / name).write_bytes(one)
    for moved in (False, True):
        for name in files if moved else ():
            (folder(city, "outbox") / name).rename(folder(city, "outbox/done") / name)
        assert await content(city.adapter, "结果.pdf") == b"alone"
        assert await content(city.adapter, "R.zip!a") == b"in a zip"
        assert await content(city.adapter, "R.zip!b") == big


async def test_result_files_that_cannot_be_had(city: SimulatedCity) -> None:
    spoilt = bytearray(zipped(a=bytes(100_000)))
    spoilt[60:80] = b"x" * 20
    for name, one in {"R.zip": zipped(a=b"x"), "S.zip": bytes(spoilt), "T.zip": b"no zip"}.items():
        (folder(city, "outbox") / name).write_bytes(one)
    for reference in ("nothing.pdf", "R.zip!b", "N.zip!a", "S.zip!a", "T.zip!a", "../../etc/passwd", ".hidden"):
        with pytest.raises(PartnerProtocol):
            await content(city.adapter, reference)
    small = city.profile.limits.model_copy(update={"max_file_bytes": 1024})
    (folder(city, "outbox") / "big.pdf").write_bytes(bytes(5000))
    (folder(city, "outbox") / "big.zip").write_bytes(zipped(a=bytes(5000)))
    async with successor(city, city.profile.model_copy(update={"limits": small})) as adapter:
        for reference in ("big.pdf", "big.zip!a"):
            with pytest.raises(PartnerProtocol, match="limit"):
                await content(adapter, reference)
    tiny = operations(city).window.model_copy(update={"max_bytes": 10})
    async with successor(city, changed(city, window=tiny)) as adapter:
        with pytest.raises(PartnerProtocol, match="limit"):
            await content(adapter, "big.zip!a")


async def test_a_fetch_that_is_given_up_halfway(city: SimulatedCity) -> None:
    (folder(city, "outbox") / "R.zip").write_bytes(zipped(a=bytes(range(256)) * 20_000))
    chunks = city.adapter.fetch(RemoteFile(reference="R.zip!a", name="x"))
    assert await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]
    await city.adapter.probe()


class _OldRename(asyncssh.SFTPServer):
    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("not here")

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        if Path(self.map_path(newpath).decode()).exists():
            raise asyncssh.SFTPFailure("the name is taken")
        super().rename(oldpath, newpath)


class _ReadOnly(asyncssh.SFTPServer):
    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        raise asyncssh.SFTPPermissionDenied("read only")


class _Gate(asyncssh.SSHServer):
    def __init__(self, password: str) -> None:
        self._password = password

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == self._password


class _Server:
    """A server of the test's own, for what the simulator does not do."""

    def __init__(self, tmp_path: Path, *, password: str, factory: Any = asyncssh.SFTPServer, **options: Any) -> None:
        self.root, self.keys = tmp_path / "root", list[str]()
        self._authorized = tmp_path / "authorized"
        self._password, self._factory, self._options = password, factory, options
        for name in ("inbox", "outbox/done", "records"):
            (self.root / name).mkdir(parents=True)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[dict[str, Any]]:
        """What the profile must say to reach it."""
        key = asyncssh.generate_private_key("ssh-ed25519")

        class Gate(_Gate):
            def public_key_auth_supported(gate) -> bool:  # noqa: N805
                return True

            def validate_public_key(gate, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: N805
                return any(asyncssh.import_public_key(one) == key for one in self.keys)

        listening = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: Gate(self._password),
            server_host_keys=[key],
            sftp_factory=lambda channel: self._factory(channel, chroot=str(self.root).encode()),
            **self._options,
        )
        async with listening:
            yield {"port": listening.get_port(), "host_keys": (key.get_fingerprint(),)}

    @asynccontextmanager
    async def adapter(self, secrets: dict[str, str], **changes: Any) -> AsyncIterator[SftpBatchAdapter]:
        profile = load_profile(profile_path(CODE), {"batch_s": "0.05", "timeout_s": "10"})
        assert profile.sftp_batch is not None
        profile = profile.model_copy(update={"sftp_batch": profile.sftp_batch.model_copy(update=changes)})
        made = build_adapter(profile, AdapterContext(lambda: NOW, lambda name: secrets[name], lambda: "n"))
        assert isinstance(made, SftpBatchAdapter)
        try:
            yield made
        finally:
            await made.close()
