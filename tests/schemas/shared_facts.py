"""Facts collected outside the repository; a test that needs them is skipped, loudly, where they are absent."""

import csv
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "domain"


def shared_rows(name: str) -> list[dict[str, str]]:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"NOT CHECKED: {name} is not beside this checkout ({SHARED})")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
