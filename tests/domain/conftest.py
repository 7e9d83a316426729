"""The seeds' items for the tests of rules."""

from pathlib import Path

import pytest

from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Agreement
from schemas.service_item import ServiceItem

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


@pytest.fixture(scope="session")
def seeds_by_code() -> dict[str, dict[str, ServiceItem]]:
    """Item code → city → item."""
    found: dict[str, dict[str, ServiceItem]] = {}
    for item in read_seeds(SEEDS).items:
        found.setdefault(item.item_code, {})[item.city] = item
    return found


@pytest.fixture(scope="session")
def seed_agreements() -> tuple[Agreement, ...]:
    """Every agreement of the seeds."""
    return read_seeds(SEEDS).agreements
