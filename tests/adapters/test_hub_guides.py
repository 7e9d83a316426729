"""The profiles printed in the pages on hubs and on the back office pass the check, as a reader would run it."""

import re
from pathlib import Path

import pytest

from adapters.profile_check import check_examples
from gateway.usecases.read_profiles import read_profiles

PAGES = Path(__file__).resolve().parents[2] / "docs" / "adding-a-city"


@pytest.mark.parametrize(
    ("page", "codes"), [("hub.md", {"440000", "440500"}), ("back_office.md", {"445200"})], ids=["hub", "back_office"]
)
def test_the_printed_profiles_hold(tmp_path: Path, page: str, codes: set[str]) -> None:
    folder = tmp_path / "cities"
    folder.mkdir()
    for block in re.findall(r"```yaml\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL):
        code = re.match(r'code: "(\d{6})"', block)
        assert code is not None
        (folder / f"{code[1]}.yaml").write_text(block, "utf-8")
    profiles = read_profiles(folder, {})
    assert profiles.keys() == codes
    assert {code: faults for code, profile in profiles.items() if (faults := check_examples(profile))} == {}
