"""What follows an application has substance: a withdrawal its reason, a supplement something in it."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.message import FollowUp

WHOLE: dict[str, Any] = {
    "message_id": "0193a000-0000-7000-8000-000000000001",
    "application_id": "0193a000-0000-7000-8000-000000000002",
    "task_code": "12441300DEMY00023B3002017900002",
    "collecting_city": "445200",
    "deciding_city": "441300",
    "occurred_at": "2026-11-24T09:00:00+08:00",
}
MATERIAL = {"material_code": "M01", "source": "paper"}


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "WITHDRAW"},
        {"kind": "WITHDRAW", "reason": "不再需要", "materials": [MATERIAL]},
        {"kind": "SUPPLEMENT"},
        {"kind": "SUBMIT", "reason": "x"},
    ],
)
def test_without_substance_it_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FollowUp.model_validate(WHOLE | given)


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "WITHDRAW", "reason": "不再需要"},
        {"kind": "SUPPLEMENT", "reason": "说明"},
        {"kind": "SUPPLEMENT", "materials": [MATERIAL]},
    ],
)
def test_with_it_it_is_taken(given: dict[str, Any]) -> None:
    assert FollowUp.model_validate(WHOLE | given).kind == given["kind"]
