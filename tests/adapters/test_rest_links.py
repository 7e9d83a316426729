"""Result files by link: which addresses are followed, and what is shown on the way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.links import GuardedResolver, Links, LinkSession, is_inner
from adapters.rest_operations import RestOperations
from schemas.errors import PartnerProtocol, PartnerUnavailable
from schemas.message import RemoteFile
from tests.adapters.rest_city import RestServer, Seen, example, rest_city


def links(url: str, *hosts: str) -> Links:
    return Links(operations(url, *hosts))


def operations(url: str, *hosts: str) -> RestOperations:
    answers = {"code": "code", "accepted": ["0"]}
    submit = {"path": "/apply", "body": {"outer": "application_id"}}
    return RestOperations.model_validate({"url": url, "answers": answers, "submit": submit, "links": hosts})


@pytest.mark.parametrize(
    "reference",
    [
        "https://city.example.cn/a?b=1",
        "https://city.example.cn:443/a",
        "HTTPS://City.Example.CN/a",
        "https://files.example.cn/a",
        "https://other.example.cn:8443/a#part",
    ],
)
def test_addresses_that_are_followed(reference: str) -> None:
    url = links("https://city.example.cn/api", "Files.example.cn", "other.example.cn:8443").leads_to(reference)
    assert url is not None
    assert url.fragment == ""


@pytest.mark.parametrize(
    "reference",
    [
        "http://city.example.cn/a",
        "https://city.example.cn:8443/a",
        "https://files.example.cn:8443/a",
        "https://other.example.cn/a",
        "https://city.example.cn.evil.example/a",
        "https://user@city.example.cn/a",
        "https://city.example.cn@evil.example/a",
        "https://evil.example/https://city.example.cn/a",
        "https:///a",
        "https://[::1]/a",
        "https://city.example.cn:99999/a",
    ],
)
def test_addresses_that_are_not_followed(reference: str) -> None:
    with pytest.raises(PartnerProtocol):
        links("https://city.example.cn/api", "files.example.cn", "other.example.cn:8443").leads_to(reference)


def test_a_number_is_no_address() -> None:
    assert links("https://city.example.cn").leads_to("R1") is None
    silent = operations("https://city.example.cn").model_copy(update={"links": None})
    assert Links(silent).leads_to("https://city.example.cn/a") is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "ff02::1"),
    ],
)
def test_inner_addresses(host: str) -> None:
    assert is_inner(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "a.example"])
def test_outer_addresses(host: str) -> None:
    assert not is_inner(host)


async def test_a_city_outside_does_not_lead_inside() -> None:
    outside = LinkSession(operations("https://8.8.8.8", "127.0.0.1", "localhost"))
    resolver = GuardedResolver("8.8.8.8")
    try:
        url = links("http://8.8.8.8", "127.0.0.1:9").leads_to("http://127.0.0.1:9/a")
        assert url is not None
        for host in ("127.0.0.1", "::1", "10.0.0.1"):
            with pytest.raises(PartnerProtocol):
                await outside.session_for(url.with_host(host))
        with pytest.raises(PartnerProtocol):
            await resolver.resolve("localhost", 9)
    finally:
        await outside.close()
        await resolver.close()


async def test_the_guard_stands_before_the_connection() -> None:
    session = LinkSession(operations("https://8.8.8.8", "localhost:9"))
    url = links("http://8.8.8.8", "localhost:9").leads_to("http://localhost:9/a")
    assert url is not None
    opened = await session.session_for(url)
    try:
        with pytest.raises(PartnerProtocol):
            await opened.get(url)
    finally:
        await session.close()


async def test_a_city_inside_may_lead_inside() -> None:
    assert await GuardedResolver("127.0.0.1").home_is_inner()
    assert await GuardedResolver("localhost").home_is_inner()
    assert await GuardedResolver("localhost").resolve("localhost", 80)


@asynccontextmanager
async def two_servers(tmp_path: Path, answer: Any) -> AsyncIterator[tuple[RestServer, RestServer, Any]]:
    def own(seen: Seen) -> web.Response:
        return web.Response(body=f"own {seen.path}".encode())

    async with RestServer(lambda _seen: answer).running() as elsewhere:
        host = elsewhere.url.removeprefix("http://")
        async with rest_city(example("links"), tmp_path, own, files=host) as (home, adapter):
            yield home, elsewhere, adapter


async def fetched(adapter: Any, reference: str) -> bytes:
    return b"".join([chunk async for chunk in adapter.fetch(RemoteFile(reference=reference, name="结果.pdf"))])


async def test_a_link_shows_nothing_of_ours_elsewhere(tmp_path: Path) -> None:
    async with two_servers(tmp_path, web.Response(body=b"there")) as (home, elsewhere, adapter):
        assert await fetched(adapter, f"{elsewhere.url}/a%2Fb?sign=x%3D#top") == b"there"
        assert await fetched(adapter, f"{home.url}/own.pdf") == b"own /own.pdf"
        assert await fetched(adapter, "R1") == b"own /results/R1"
    (there,) = elsewhere.seen
    assert (there.method, there.query) == ("GET", {"sign": "x="})
    assert not [name for name in there.headers if name.lower() not in ("host", "accept-encoding")]
    assert all("gjgxjhpt_sign" in one.headers for one in home.seen)


async def test_a_redirection_is_not_followed(tmp_path: Path) -> None:
    answer = web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})
    async with two_servers(tmp_path, answer) as (_, elsewhere, adapter):
        with pytest.raises(PartnerProtocol):
            await fetched(adapter, f"{elsewhere.url}/a")
    assert len(elsewhere.seen) == 1


async def test_a_link_to_another_host_is_not_followed(tmp_path: Path) -> None:
    async with two_servers(tmp_path, web.Response()) as (home, elsewhere, adapter):
        for reference in ("http://127.0.0.1:1/a", "http://evil.example/a"):
            with pytest.raises(PartnerProtocol, match="address"):
                await fetched(adapter, reference)
        await elsewhere_gone(adapter, elsewhere)
    assert home.seen == []


async def elsewhere_gone(adapter: Any, elsewhere: RestServer) -> None:
    elsewhere.reply = lambda _seen: web.Response(status=503)
    with pytest.raises(PartnerUnavailable):
        await fetched(adapter, f"{elsewhere.url}/a")
