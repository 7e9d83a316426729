"""Every OFD sample with a stated verdict gives it, with its trust folder, at its moment."""

from functools import cache
from typing import Any

import pytest

from gateway.trust.judging import Judging
from gateway.trust.policy import DEFAULT
from gateway.trust.snapshot import TrustSnapshot
from gateway.trust.verify import verify
from gateway.usecases.trust_folder import trust_folder
from tests.trust.samples import judged_entries, moment, samples

ENTRIES = judged_entries(".ofd")


@cache
def trust(name: str) -> TrustSnapshot:
    return trust_folder(samples() / name)


def test_the_samples_are_there() -> None:
    samples()
    assert len(ENTRIES) == 44


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_the_verdict(entry: dict[str, Any]) -> None:
    report = verify((samples() / entry["file"]).read_bytes(), Judging(trust(entry["trust"]), DEFAULT, moment(entry)))
    told = [
        f"{check.name} {check.sub_indication}" for check in report.checks if check.status not in ("pass", "skipped")
    ]
    assert (report.indication, report.sub_indication) == (entry["indication"], entry["sub_indication"]), told
    assert report.sha256 == entry["sha256"]
    assert report.message_zh
