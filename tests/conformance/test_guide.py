"""docs/adding-a-city/conformance.md: its commands run as they stand, its section of a profile is one."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from adapters.trial import Trials
from gateway.simulation.faults import FAULTS
from tests.adapters.cities import ROOT
from tests.conformance.kit_runs import RULES

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs" / "adding-a-city" / "conformance.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_first_commands_reach_the_level_they_ask_for(tmp_path: Path) -> None:
    script = blocks("bash")[0].replace("./run", f"{sys.executable} -m gateway")
    script = script.replace("conformance.xml", str(tmp_path / "conformance.xml"))
    environment = {**os.environ, "TONGBAN_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", f"set -e; {script}\nwait"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "级别 level: gold; 达到 reached: gold" in done.stdout, done.stderr
    suite = ElementTree.fromstring((tmp_path / "conformance.xml").read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == (str(len(RULES)), "0")


def test_the_section_of_a_profile_is_one() -> None:
    section = yaml.safe_load(blocks("yaml")[0])["conformance"]
    trials = Trials.model_validate(section)
    assert trials.refused is not None
    assert trials.asks is not None


def test_every_fault_it_names_is_one() -> None:
    named = re.search(r"lists them \((.*?), …\)", GUIDE, re.DOTALL)
    assert named is not None
    assert set(named[1].replace("\n", " ").split(", ")) <= set(FAULTS)
