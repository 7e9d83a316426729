"""What simulated cities answer to calls that are no calls of their profile."""

from pathlib import Path

import aiohttp
import pytest

from tests.adapters.cities import profile_path
from tests.simulation.test_cities_from_profiles import Played, played

pytestmark = pytest.mark.slow

ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
    "<e:Body><x:{0} xmlns:x='urn:kctb:440500'><xmlParam/></x:{0}></e:Body></e:Envelope>"
)


async def posted(url: str, body: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    kind = {"Content-Type": "text/xml; charset=utf-8", **(headers or {})}
    async with aiohttp.ClientSession() as session, session.post(url, data=body.encode(), headers=kind) as answer:
        return answer.status, await answer.text()


def address(city: Played) -> str:
    section = city.profile.rest or city.profile.soap
    assert section is not None
    return section.url


async def test_soap_without_a_signature_with_nonsense_and_with_another_operation(tmp_path: Path) -> None:
    async with played(profile_path("440500"), tmp_path) as city:
        assert (await posted(address(city), ENVELOPE.format("ping")))[0] == 401
    async with played(profile_path("440500"), tmp_path, "open_door") as city:
        status, text = await posted(address(city), "<nonsense")
        assert (status, "faultcode" in text, "cannot be read" in text) == (500, True, True)
        status, text = await posted(address(city), ENVELOPE.format("format"))
        assert (status, "Client" in text) == (500, True)
        status, text = await posted(
            address(city), ENVELOPE.format("ping").replace("<xmlParam/>", "<xmlParam>&lt;a/&gt;</xmlParam>")
        )
        assert (status, "pingResponse" in text) == (200, True)


async def test_rest_without_a_signature_and_at_another_address(tmp_path: Path) -> None:
    async with played(profile_path("441500"), tmp_path) as city:
        assert (await posted(f"{address(city)}/share/kctb/apply", "{}"))[0] == 401
    async with played(profile_path("441500"), tmp_path, "open_door") as city:
        assert (await posted(f"{address(city)}/nowhere", "{}"))[0] == 404
        assert (await posted(f"{address(city)}/share/kctb/apply", "{"))[0] == 400
        status, text = await posted(f"{address(city)}/share/kctb/apply", '{"taskCode": "x"}')
        assert (status, "application_id" in text) == (500, True)
