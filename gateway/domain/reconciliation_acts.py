"""处理办法: what may be done about a difference, and what to begin with."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.lifecycle import ENDED, Stage
from gateway.domain.reconciliation import Difference, Kind, Sending


class Act(StrEnum):
    """处理办法."""

    RESEND = "RESEND"
    """重新发送: the same message, under the same id."""
    QUERY = "QUERY"
    """再次查询: ask the city for it again."""
    SETTLE = "SETTLE"
    """人工处理: a person settles it with the city and says how."""
    DISMISS = "DISMISS"
    """不予处理: it is known and may stay so."""
    NONE = "NONE"
    """无需处理: it is being done."""


@dataclass(frozen=True, slots=True)
class CityWays:
    """What a city can do, of what matters for acting."""

    duplicates: str
    """idempotent, query_first or unsafe."""
    told_again: bool = False
    """Whether it tells its progress again when asked from an earlier point on."""


def possible(difference: Difference, city: CityWays, *, stage: Stage | None) -> tuple[Act, ...]:
    """The acts a person may choose; `stage` is where our case stands, None for one we do not have.

    Never sent again: what an `unsafe` city may have booked, a case that has ended, and a supplement or withdrawal where
    its repeat is not recognised.
    """
    return (*_helpful(difference, city, stage), Act.SETTLE, Act.DISMISS)


def _helpful(difference: Difference, city: CityWays, stage: Stage | None) -> list[Act]:
    return [act for act in (Act.RESEND, Act.QUERY) if _helps(act, difference, city, stage)]


def _helps(act: Act, difference: Difference, city: CityWays, stage: Stage | None) -> bool:
    safe = city.duplicates != "unsafe"
    rules: Mapping[tuple[Kind, Act], bool] = {
        (Kind.MISSING_THERE, Act.RESEND): safe and stage is not None and stage not in ENDED,
        (Kind.NOT_SENT, Act.RESEND): safe and stage is not None and stage not in ENDED,
        (Kind.STATE_DIFFERS, Act.RESEND): city.duplicates == "idempotent" and difference.unanswered,
        (Kind.MISSING_THERE, Act.QUERY): city.duplicates == "query_first",
        (Kind.STATE_DIFFERS, Act.QUERY): city.told_again,
        (Kind.RESULT_MISSING, Act.QUERY): True,
    }
    return rules.get((difference.kind, act), False)


def suggest(difference: Difference, city: CityWays, *, stage: Stage | None, done: Collection[Act] = ()) -> Act:
    """The act to begin with; what was `done` before and did not help is not suggested again.

    A case the city has worked on and then lost is not simply sent again: a person asks first.
    """
    if difference.kind is Kind.NOT_SENT and (difference.ours or "").startswith(Sending.READY.value):
        return Act.NONE
    worked_on = difference.kind is Kind.MISSING_THERE and stage not in {Stage.PUSHED, Stage.ARRIVED}
    for act in _helpful(difference, city, stage):
        if act not in done and not (act is Act.RESEND and worked_on) and not _asks_first(act, difference):
            return act
    return Act.SETTLE


def _asks_first(act: Act, difference: Difference) -> bool:
    """A lane asks by itself before it sends such a message again."""
    return act is Act.QUERY and difference.kind is Kind.MISSING_THERE
