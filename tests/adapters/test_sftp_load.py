"""10,000 cases in one batch: at most a minute, and memory that does not grow with the attachments."""

from pathlib import Path

import pytest

from tests.adapters.batch_load import measure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BUDGET_S = 60
MOST_MORE_MB = 100
"""10,000 waiting calls and their rows; the 200 MB of attachments are not among it."""


async def test_ten_thousand_cases_in_one_batch(tmp_path: Path) -> None:
    found = await measure(tmp_path, 10_000, 20_000)
    print(f"\n{found}")
    assert (found["cases"], found["batches"], found["files_in"], found["acknowledged_rows"]) == (
        10_000,
        1,
        10_000,
        10_000,
    )
    assert found["bytes_in"] == 10_000 * 20_000
    assert found["delivered_s"] <= BUDGET_S
    assert found["rss_more_mb"] <= MOST_MORE_MB
