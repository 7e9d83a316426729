"""数据模型: the one way in which everything that cities exchange is written down."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """交换模型: frozen, and a field it does not know is an error, so that a misspelling is never silently lost."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("时间必须带时区 / a time must carry its offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("时间超出范围 / the time is out of range") from None


Moment = Annotated[datetime, AfterValidator(_aware)]
"""时刻: an aware time, UTC inside; a naive one is refused."""

_NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_NO_CONTROL)]
"""短文本: one line of 1 to 200 characters without control characters."""
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
"""长文本: up to 4,000 characters; line breaks are kept."""
Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 or SM3 digest as 64 lower-case hexadecimal digits."""


class Provenance(StrEnum):
    """数据来源: where a seeded value comes from; 演示数据 is `fictitious` and is shown as such."""

    SOURCE = "source"
    DERIVED = "derived"
    FICTITIOUS = "fictitious"
