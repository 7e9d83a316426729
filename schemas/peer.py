"""同类网关: what gateways of this kind tell each other besides the exchanged messages themselves."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.application import Receipt
from schemas.identifiers import DivisionCode
from schemas.model import LongText, Model, ShortText


class GatewayDescription(Model):
    """网关说明: what a gateway says of itself at /.well-known/tongban, to anyone."""

    city: DivisionCode
    """The city it decides for."""
    software: ShortText
    versions: Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=20)]
    """Versions of the peer protocol it speaks, oldest first."""
    capabilities: tuple[ShortText, ...]
    endpoints: dict[ShortText, ShortText]
    """What is found where: name → path."""
    jwks: ShortText
    """Where its public keys are. Compare them by another way before trusting them."""
    catalogue_generation: Annotated[int, Field(ge=0)]
    """Rises whenever its items or agreements change."""


class Refusal(Model):
    """回绝: why a message is not taken, as in a problem document."""

    code: ShortText
    detail: LongText
    detail_zh: LongText


class MessageAnswer(Model):
    """留件答复: what became of a message that was left for a peer and that it fetched. Exactly one of the two."""

    receipt: Receipt | None = None
    """For an application: the receipt its sender would have got had it called."""
    state: ShortText | None = None
    """For a supplement or a withdrawal: the case's state now."""
    refused: Refusal | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if (self.refused is None) is (self.receipt is None and self.state is None):
            raise ValueError("应为已收（receipt或state）或回绝之一 / either taken (receipt or state) or refused")
        return self
