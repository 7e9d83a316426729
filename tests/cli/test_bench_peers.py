"""`bench peers`: one document that obeys its schema; two real gateways, nothing lost, nothing doubled."""

import pytest

from tests.cli.test_commands import check_schema, document, tongban


@pytest.mark.slow
def test_bench_peers_obeys_its_schema_and_loses_nothing() -> None:
    words = ("bench", "peers", "--json", "--rounds", "1", "--seconds", "0.5", "--clients", "8")
    found = document(tongban(*words, timeout_s=200))
    check_schema("bench_peers", found)
    assert (found["lost"], found["doubled"]) == (0, 0)
