"""对账: what two gateways exchange to find out, without sending everything, whether their books agree on one day."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.identifiers import DivisionCode
from schemas.model import Model, Sha256Hex

BUCKETS = 16
"""分组数: how many parts a day's cases are put into, by the first hexadecimal digit of SHA-256 of their numbers."""


class BucketDigest(Model):
    """分组摘要: one part of a day's cases."""

    count: Annotated[int, Field(ge=0)]
    sha256: Sha256Hex


class CaseDigest(Model):
    """对账摘要: what one city collected for another on one Beijing day; docs/reconciliation.md defines it."""

    collecting_city: DivisionCode
    deciding_city: DivisionCode
    day: date
    count: Annotated[int, Field(ge=0)]
    sha256: Sha256Hex
    buckets: Annotated[tuple[BucketDigest, ...], Field(min_length=BUCKETS, max_length=BUCKETS)]

    @model_validator(mode="after")
    def _counts_add_up(self) -> Self:
        if self.count != sum(bucket.count for bucket in self.buckets):
            raise ValueError("总数与各组之和不符 / count is not the sum of the buckets")
        return self
