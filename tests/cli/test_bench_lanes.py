"""`bench lanes`: one document that obeys its schema; every healthy city's cases arrive, whatever the two others do."""

import pytest

from tests.cli.test_commands import check_schema, document, tongban


@pytest.mark.slow
def test_bench_lanes_obeys_its_schema() -> None:
    words = ("bench", "lanes", "--json", "--cities", "6", "--rounds", "1", "--seconds", "2", "--rate", "30")
    found = document(tongban(*words, "--backlog", "30", timeout_s=200))
    check_schema("bench_lanes", found)
    (pair,) = found["each"]
    assert pair["alone"]["count"] == pair["with_bad"]["count"] == 40, "four of the six are healthy: 20 a second"
    assert pair["alone"]["open_breakers"] == 0
    assert pair["with_bad"]["open_breakers"] >= 1, "the one that answers 500 is left alone"
