"""同类网关: what a profile says of a peer, another gateway that speaks the peer protocol (docs/peer-openapi.json)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from adapters.operations import MutualTls, SecretName
from schemas.model import Model


class Delivery(StrEnum):
    """送法: how what is meant for the peer gets there."""

    PUSH = "push"
    """送: we call it."""
    LEFT = "left"
    """留: it has no open port; what is meant for it is left here, and it fetches it."""


class PeerOperations(Model):
    """同类网关接口. With `collection` in the profile the peer leaves what is meant for us, and we fetch it there."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+$")] | None = None
    """Scheme and host; the paths are the protocol's. Absent where it cannot be called."""
    keys: SecretName
    """Name of the text that holds its public keys: the JWK set it publishes, checked by another way."""
    delivery: Delivery = Delivery.PUSH
    tls: MutualTls | None = None
    tolerance_s: Annotated[int, Field(ge=1, le=300)] = 300
    """How far its clock may be from ours."""
    limit: Annotated[int, Field(ge=1, le=200)] = 100
    """Rows asked for at once."""

    def check(self, *, polled: bool) -> None:
        """ValueError where the two could not reach each other. `polled` = we fetch what it leaves for us."""
        if (self.url is None) is (self.delivery is Delivery.PUSH or polled):
            raise ValueError(
                "能调用对方时须有url，不能调用时不得有 / url is needed where the peer is called, and only there"
            )
        if polled and self.delivery is Delivery.LEFT:
            raise ValueError("双方都不能调用对方 / neither side could call the other: delivery left with collection")
