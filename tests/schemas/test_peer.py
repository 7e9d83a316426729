"""What gateways tell each other: exactly one answer to a message."""

import pytest
from pydantic import ValidationError

from schemas.peer import MessageAnswer

REFUSED = {"code": "request.item_unknown", "detail": "No such item.", "detail_zh": "没有该事项。"}


def test_an_answer_is_one_thing() -> None:
    assert MessageAnswer.model_validate({"state": "ARRIVED"}).refused is None
    refused = MessageAnswer.model_validate({"refused": REFUSED}).refused
    assert refused is not None
    assert refused.code == REFUSED["code"]
    for wrong in ({}, {"state": "ARRIVED", "refused": REFUSED}):
        with pytest.raises(ValidationError, match="either taken"):
            MessageAnswer.model_validate(wrong)
