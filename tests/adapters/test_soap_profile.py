"""SOAP profiles: what is refused with its line, and the WSDL beside them."""

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lxml import etree

from adapters.normalization.dialect_file import FOLDER, load_dialects
from adapters.profile import CityProfile, load_profile
from adapters.profile_check import check_examples
from adapters.soap import SoapAdapter
from adapters.soap_definition import SoapDefinition
from schemas.errors import SeedInvalid
from tests.adapters.cities import ROOT, SOAP12, profile_path, simulated_city
from tests.adapters.soap_answers import SHANTOU, changed

BROKEN = [
    ("no such operation", "operation: queryApply", "operation: query", "soap.query.operation", "no such operation"),
    ("no such parameter", "parameter: xmlParam", "parameter: xml", "soap.submit.operation", "no such operation"),
    ("no such file", "wsdl: 440500.wsdl", "wsdl: other.wsdl", "soap.wsdl", "not a WSDL"),
    ("no such version", 'version: "1.1"', 'version: "1.3"', "soap.version", "Input should be"),
    ("no such binding", 'version: "1.1"', 'version: "1.1"\n  binding: Soap', "soap.binding", "0 such bindings"),
    ("name", "SXBM: task_code", "1XBM: task_code", "soap.submit.package.PACKAGE.DATA.RECORD.1XBM", "no XML name"),
    ("expression", "SXBM: task_code", "SXBM: task_code.[", "soap.submit.package", "not a JMESPath"),
    ("two roots", "{PACKAGE: {PACKAGEHEAD: *head, DATA: {}}}", "{A: {}, B: {}}", "soap.ping.package", "one root"),
    ("encoding", "envelope: UTF-8", "envelope: UTF-7", "soap.xml.envelope", "Input should be"),
]


@pytest.mark.parametrize(("old", "new", "field", "part"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_broken_profiles_are_refused_with_their_line(old: str, new: str, field: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(SeedInvalid) as caught:
        load_profile(changed(SHANTOU, tmp_path, (old, new)))
    assert part in caught.value.detail
    assert str(caught.value.facts["field"]).startswith(field)
    assert caught.value.facts["line"] > 20


def refused(profile: CityProfile, **changes: Any) -> str:
    data = profile.model_dump(mode="json", exclude_unset=True)
    for name, value in changes.items():
        data[name] = value
    with pytest.raises(ValueError, match="/") as caught:
        CityProfile.model_validate(data)
    return str(caught.value)


def test_sections_must_fit_the_transport() -> None:
    profile = load_profile(profile_path(SHANTOU))
    assert "transport" in refused(profile, soap=None)
    assert "transport" in refused(profile, transport="none")
    assert "collection" in refused(profile, collection=None)
    assert "reports" in refused(profile, reports={})
    soap = profile.model_dump(mode="json", exclude_unset=True)["soap"]
    assert "query_first" in refused(profile, soap={**soap, "query": None})
    recipe = {
        "scheme": "recipe",
        "secret": "440500.key",
        "mac": "hmac_sm3",
        "canonical": "{timestamp}{nonce}{body_digest}",
        "headers": {"X-Sign": "{signature}", "X-Time": "{timestamp}", "X-Nonce": "{nonce}"},
    }
    assert "auth_header" in refused(profile, auth=recipe)
    assert "auth_header" in refused(profile, auth=None)


def test_a_wrong_example_is_told() -> None:
    profile = load_profile(profile_path(SHANTOU))
    (example,) = profile.examples.submit
    examples = profile.examples.model_copy(update={"submit": (example.model_copy(update={"expect": {"PACKAGE": {}}}),)})
    faults = check_examples(profile.model_copy(update={"examples": examples}))
    assert any("PACKAGE.DATA: not expected" in fault for fault in faults)
    assert "examples.submit: there is no example" in check_examples(load_profile(profile_path(SOAP12)))


WSDL = "<w:definitions xmlns:w='http://schemas.xmlsoap.org/wsdl/'>{}</w:definitions>"
SCHEMA = "<w:types><x:schema xmlns:x='http://www.w3.org/2001/XMLSchema'>{}</x:schema></w:types>"
HOSTILE_WSDL = [
    (WSDL.format(""), "soap.version"),
    ("no XML", "soap.wsdl"),
    ('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>', "soap.wsdl"),
    (WSDL.format("<w:import namespace='urn:x' location='http://127.0.0.1:9/x.wsdl'/>"), "soap.wsdl"),
    (WSDL.format("<w:import namespace='urn:x' location='../../../../../../etc/hostname'/>"), "soap.wsdl"),
    (WSDL.format(SCHEMA.format("<x:include schemaLocation='file:///etc/hostname'/>")), "soap.wsdl"),
    (WSDL.format(SCHEMA.format("<x:import namespace='urn:x' schemaLocation='/etc/hostname'/>")), "soap.wsdl"),
]


@pytest.mark.parametrize(("text", "field"), HOSTILE_WSDL)
def test_a_hostile_wsdl(text: str, field: str, tmp_path: Path) -> None:
    path = changed(SHANTOU, tmp_path)
    (tmp_path / "440500.wsdl").write_text(text)
    with pytest.raises(SeedInvalid) as caught:
        load_profile(path)
    assert caught.value.facts["field"] == field


async def test_the_wsdl_of_the_simulator_describes_the_same_service(tmp_path: Path) -> None:
    """Two hands wrote the two files; a profile works with either."""
    async with simulated_city(SHANTOU, tmp_path) as city:
        async with aiohttp.ClientSession() as session, session.get(f"{city.url}/services/kctb?wsdl") as response:
            served = await response.read()
        path = changed(SHANTOU, tmp_path)
        (tmp_path / "440500.wsdl").write_bytes(served)
        profile = load_profile(path, city.settings, bases=load_dialects(ROOT / "seeds" / FOLDER))
        assert profile.soap is not None
        for operation in ("uploadFile", "apply", "queryApply", "queryProgress", "downloadFile", "ping"):
            sent = SoapDefinition(profile.soap).envelope(operation, {"xmlParam": "x"})
            ours = SoapDefinition(city.profile.soap).envelope(operation, {"xmlParam": "x"})  # type: ignore[arg-type]
            assert etree.tostring(sent, method="c14n2") == etree.tostring(ours, method="c14n2")
        adapter = SoapAdapter(profile, city.context)
        await adapter.probe()
        await adapter.close()


def test_the_profile_in_the_guide_is_whole(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "adding-a-city" / "soap.md").read_text("utf-8")
    (text,) = [block for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if "\ntransport: soap\n" in block]
    path = changed(SHANTOU, tmp_path)
    path.write_text(text, "utf-8")
    assert load_profile(path).soap is not None
