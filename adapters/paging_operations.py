"""分页写法: how a profile says that rows come page by page; data only, compiled in adapters/paging.py."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.operations import Expression
from schemas.model import Model

_Time = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$")]


class Window(Model):
    """时间窗: rows are asked for by `since` and `until`; the next window begins where the last one ended."""

    length_s: Annotated[int, Field(ge=1, le=31 * 86_400)] = 86_400
    """At most."""
    overlap_s: Annotated[int, Field(ge=0, le=86_400)] = 60
    """How far a window reaches back into the one before: rows that were entered late are not missed."""
    delay_s: Annotated[int, Field(ge=0, le=86_400)] = 0
    """How far behind the present `until` stays."""
    first: _Time | None = None
    """Where the very first window begins; absent = `length_s` ago."""

    @model_validator(mode="after")
    def _moves_on(self) -> Self:
        if self.overlap_s >= self.length_s:
            raise ValueError("overlap_s须小于length_s / overlap_s must be less than length_s")
        if self.first is not None:
            try:
                datetime.fromisoformat(self.first)
            except ValueError:
                raise ValueError("first不是有效的时间 / first is not a time") from None
        return self


class Paging(Model):
    """分页: by the partner's cursor (`next`), by numbered pages (`numbered_from`), or all in one answer.

    Input: `limit`; with a cursor `cursor` (text), with numbers `page` and `offset`; with a window `since` and `until`.
    """

    rows: Expression
    next: Expression | None = None
    """The next page's cursor."""
    start: str = "0"
    numbered_from: Annotated[int, Field(ge=0, le=1)] | None = None
    """The number of the first page."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    window: Window | None = None

    @model_validator(mode="after")
    def _pages_in_one_way(self) -> Self:
        if self.next is not None and self.numbered_from is not None:
            raise ValueError("next与numbered_from只写一个 / next or numbered_from, not both")
        return self
