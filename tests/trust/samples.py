"""Licences collected outside the repository, with the verdicts they must get."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "licences"


def samples() -> Path:
    """The folder; the test is skipped, loudly, where it is absent."""
    if not (_FOLDER / "MANIFEST.json").is_file():
        pytest.skip(f"NOT CHECKED: the sample licences are not beside this checkout ({_FOLDER})")
    return _FOLDER


def judged_entries(suffix: str) -> list[dict[str, Any]]:
    """The samples with a stated verdict; empty where the folder is absent."""
    if not (_FOLDER / "MANIFEST.json").is_file():
        return []
    listed = json.loads((_FOLDER / "MANIFEST.json").read_text(encoding="utf-8"))
    return [one for one in listed if "indication" in one and one["file"].endswith(suffix)]


def moment(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])
