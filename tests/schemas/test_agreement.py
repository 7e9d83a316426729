"""A contact of an agreement belongs to one of its two cities."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.agreement import Agreement, ContactPurpose

AGREEMENT: dict[str, Any] = {
    "agreement_id": "AG-1",
    "collecting_city": "445200",
    "deciding_city": "441300",
    "items": ["002017900002"],
    "modes": ["COLLECT"],
    "valid_from": "2026-01-01",
    "provenance": {},
}
CONTACT = {"purpose": "BUSINESS", "office": "演示窗口", "phone": "0752-0000000"}


@pytest.mark.parametrize("city", ["445200", "441300"])
def test_a_contact_of_either_side(city: str) -> None:
    agreement = Agreement.model_validate(AGREEMENT | {"contacts": [CONTACT | {"city": city}]})
    assert agreement.contacts[0].purpose is ContactPurpose.BUSINESS


def test_a_contact_of_neither_side() -> None:
    with pytest.raises(ValidationError, match="a contact is of neither city"):
        Agreement.model_validate(AGREEMENT | {"contacts": [CONTACT | {"city": "440500"}]})
