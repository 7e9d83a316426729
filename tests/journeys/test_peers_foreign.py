"""A peer that is another implementation, sharing no code with us: it takes cases and reports by itself."""

from pathlib import Path

import pytest

from tests.adapters.cities import simulated_city
from tests.gateways import running_gateway, settings_for
from tests.journeys.peer_world import application_to, case, free_port, kinds, state_is, until

OWN, PEER = "445200", "350600"
_PROFILE = """\
code: "350600"
name: 漳州市
provenance: {{default: fictitious}}
transport: peer_gateway
duplicates: idempotent
reports_back: true
peer_gateway: {{url: "{url}", keys: 350600.peer_keys}}
"""


@pytest.mark.parametrize(("outcome", "wanted"), [("granted", "DECIDED"), ("unknown", "ACCEPTED")])
async def test_another_implementation_reports_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str, wanted: str
) -> None:
    port = free_port()
    told = {"pace_s": 0.1, "callback_url": f"http://127.0.0.1:{port}", "outcome": outcome}
    async with simulated_city(PEER, tmp_path, config=told) as city:
        monkeypatch.setenv("TONGBAN_SECRET_350600_PEER_KEYS", city.secrets["350600.peer_keys"])
        profiles = tmp_path / "profiles"
        profiles.mkdir()
        (profiles / "350600.yaml").write_text(_PROFILE.format(url=city.url), "utf-8")
        settings = settings_for(
            tmp_path / "gateway", None, port=port, profiles_dir=profiles, keys_dir=tmp_path / "keys"
        )
        async with running_gateway(settings) as gateway:
            file = await gateway.upload(b"%PDF hello")
            answer = await gateway.submit(application_to(PEER, OWN, [file.body["file_id"]]))
            ref = str(answer.body["application_id"])
            await state_is(gateway, OWN, ref, wanted)

            async def all_here() -> bool:
                return {"FILE_STORED", "UNKNOWN"} & set(await kinds(gateway, OWN, ref)) != set()

            await until(all_here, what="the last report, with its file")
            found = await case(gateway, OWN, ref)
            assert found is not None
            assert (found["state"], found["needs_review"]) == (wanted, outcome == "unknown")
            assert [found["case_number"]] == city.bookings(ref)
            assert "PUSHED" in await kinds(gateway, OWN, ref)
