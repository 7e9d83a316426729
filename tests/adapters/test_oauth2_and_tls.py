"""Access tokens and client certificates, against a real token endpoint and a real TLS server on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from adapters.contract import AdapterContext
from adapters.profile import CityProfile, load_profile
from adapters.rest import RestAdapter
from schemas.errors import PartnerAmbiguous, PartnerProtocol, PartnerUnavailable
from tests.adapters.cities import profile_path
from tests.adapters.messages import message_to

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass
class City:
    """Books whatever comes with a good token; `answers` overrides the token endpoint."""

    public_key: Any
    life_s: int = 100
    answers: list[web.Response] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    booked: list[str] = field(default_factory=list)
    wait_s: float = 0
    url: str = ""

    async def token(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.wait_s)
        form = await request.post()
        assertion = str(form["client_assertion"])
        claims = jwt.decode(
            assertion,
            self.public_key,
            algorithms=["ES256"],
            audience=f"{self.url}/token",
            options={"verify_exp": False},
        )
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert (claims["iss"], claims["sub"]) == ("tongban", "tongban")
        assert jwt.get_unverified_header(assertion)["kid"] == "k1"
        if self.answers:
            return self.answers.pop(0)
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return web.json_response({"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": self.life_s})

    async def apply(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token not in self.tokens or token in self.revoked:
            return web.Response(status=401)
        self.booked.append(token)
        return web.json_response({"code": "00", "data": {"SBLSH": "N1"}})


@asynccontextmanager
async def serving(app: web.Application, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    scheme = "http" if context is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def profile(url: str, **rest: Any) -> CityProfile:
    """惠州's profile with another way of proving who we are."""
    loaded = load_profile(profile_path("441300"), {"url": url})
    auth = {
        "scheme": "oauth2",
        "token_url": f"{url}/token",
        "client_id": "tongban",
        "private_key": "key",
        "key_id": "k1",
        "timeout_s": 2,
    }
    whole = loaded.model_dump(mode="json", by_alias=True)
    whole["rest"] |= {"url": url, "submit": whole["rest"]["submit"] | {"path": "/apply"}} | rest
    return CityProfile.model_validate(whole | {"auth": auth, "catalogue": []})


@pytest.fixture
async def city() -> AsyncIterator[City]:
    running = City(None)
    app = web.Application()
    app.router.add_post("/token", running.token)
    app.router.add_post("/apply", running.apply)
    async with serving(app) as running.url:
        yield running


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def adapter(city: City, clock: Clock, secrets: dict[str, str], **rest: Any) -> AsyncIterator[RestAdapter]:
    context = AdapterContext(now=clock, secret=secrets.__getitem__, nonce=lambda: "n0nce")
    made = RestAdapter(profile(city.url, **rest), context)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def secrets(city: City) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    city.public_key = key.public_key()
    return {"key": pem(key)}


async def deliver(to: RestAdapter) -> str | None:
    message, files = message_to("441300")
    return (await to.deliver(message, files)).case_number


async def test_one_token_serves_until_nearly_over(city: City, secrets: dict[str, str]) -> None:
    clock = Clock()
    async with adapter(city, clock, secrets) as made:
        assert await deliver(made) == "N1"
        clock.now += timedelta(seconds=89)
        await deliver(made)
        assert city.tokens == ["token-1"]
        clock.now += timedelta(seconds=2)
        await deliver(made)
    assert city.booked == ["token-1", "token-1", "token-2"]


async def test_one_refresh_at_a_time(city: City, secrets: dict[str, str]) -> None:
    city.wait_s = 0.2
    async with adapter(city, Clock(), secrets) as made, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(deliver(made))
    assert city.tokens == ["token-1"]
    assert len(city.booked) == 8


async def test_a_revoked_token_is_fetched_anew(city: City, secrets: dict[str, str]) -> None:
    clock = Clock()
    async with adapter(city, clock, secrets) as made:
        await deliver(made)
        city.revoked.add("token-1")
        clock.now += timedelta(seconds=30)
        with pytest.raises(PartnerUnavailable, match="access token"):
            await deliver(made)
        assert await deliver(made) == "N1"
        city.revoked.add("token-2")  # refused while fresh: the city does not want us
        with pytest.raises(PartnerProtocol, match="credentials"):
            await deliver(made)
    assert city.booked == ["token-1", "token-2"]


async def test_a_rotated_key_needs_no_restart(city: City, secrets: dict[str, str]) -> None:
    async with adapter(city, Clock(), secrets) as made:
        await deliver(made)
        key = ec.generate_private_key(ec.SECP256R1())
        city.public_key, secrets["key"] = key.public_key(), pem(key)
        await deliver(made)
    assert city.booked == ["token-1", "token-2"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b""), PartnerUnavailable),
        ((401, b""), PartnerUnavailable),
        ((302, b""), PartnerUnavailable),
        ((200, b"no json"), PartnerProtocol),
        ((200, b"[]"), PartnerProtocol),
        ((200, b'{"access_token":"t","token_type":"mac"}'), PartnerProtocol),
        ((200, b'{"access_token":"a\\nb","token_type":"bearer"}'), PartnerProtocol),
        ((200, b'{"access_token":"t","token_type":"bearer","expires_in":"soon"}'), PartnerProtocol),
    ],
)
async def test_bad_answers_of_the_token_endpoint(
    city: City, secrets: dict[str, str], answer: tuple[int, bytes], error: type[Exception]
) -> None:
    city.answers.append(web.Response(status=answer[0], body=answer[1]))
    async with adapter(city, Clock(), secrets) as made:
        with pytest.raises(error):
            await deliver(made)
        assert city.booked == []
        assert await deliver(made) == "N1"


@pytest.mark.parametrize(("secrets_held", "named"), [({}, "key"), ({"key": "not a key"}, "key")])
async def test_a_key_that_is_missing_or_none(city: City, secrets_held: dict[str, str], named: str) -> None:
    async with adapter(city, Clock(), secrets_held) as made:
        with pytest.raises(PartnerUnavailable, match=named):
            await deliver(made)


# --- client certificates


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def certificate(self, name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool = False) -> str:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(issuer if ca else subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        return built.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


async def test_client_certificates(secrets: dict[str, str], tmp_path: Path) -> None:
    authority, server_key, client_key = Authority(), *(ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = authority.certificate("root", authority.key, ca=True)
    server = tmp_path / "server.pem"
    server.write_text(pem(server_key) + authority.certificate("server", server_key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=root)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(server)
    names: list[str] = []

    async def apply(request: web.Request) -> web.Response:
        assert request.transport is not None
        certificate = request.transport.get_extra_info("peercert")
        names.append(dict(pair[0] for pair in certificate["subject"])["commonName"])
        return web.json_response({"code": "00", "data": {"SBLSH": "N1"}})

    async def token(_request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "token_type": "bearer", "expires_in": 60})

    app = web.Application()
    app.router.add_post("/apply", apply)
    app.router.add_post("/token", token)
    tls = {"certificate": "cert", "key": "cert_key", "authority": "root"}
    async with serving(app, context) as url:
        held = secrets | {"cert": authority.certificate("one", client_key), "cert_key": pem(client_key), "root": root}
        async with adapter(City(None, url=url), Clock(), held, tls=tls) as made:
            await deliver(made)
            held["cert"] = authority.certificate("two", client_key)  # rotated without a restart
            await deliver(made)
            assert names == ["one", "two"]
            held["cert_key"] = pem(server_key)
            with pytest.raises(PartnerUnavailable, match="certificate"):
                await deliver(made)
            del held["cert_key"]
            with pytest.raises(PartnerUnavailable, match="cert_key"):
                await deliver(made)
        stranger = Authority()
        held = held | {"cert": stranger.certificate("x", client_key), "cert_key": pem(client_key)}
        async with adapter(City(None, url=url), Clock(), held, tls=tls) as made:
            with pytest.raises((PartnerUnavailable, PartnerAmbiguous)):
                await deliver(made)
    assert names == ["one", "two"]
