"""办件状态: the state table. Everything that must know what can happen next is computed from it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from schemas.message import Step


class Stage(StrEnum):
    """办件状态. Names are those of the full table; not every mode uses each."""

    SUBMITTED = "SUBMITTED"
    """申办."""
    RECEIVED = "RECEIVED"
    """收件."""
    PUSHED = "PUSHED"
    """推送."""
    ARRIVED = "ARRIVED"
    """属地接收."""
    SUPPLEMENT = "SUPPLEMENT"
    """补正告知."""
    ACCEPTED = "ACCEPTED"
    """受理."""
    SUSPENDED = "SUSPENDED"
    """特别程序."""
    DECIDED = "DECIDED"
    """办结."""
    CLOSED = "CLOSED"
    """送达完毕."""
    REJECTED = "REJECTED"
    """不予受理."""
    RETURNED = "RETURNED"
    """退件."""
    FORWARDED = "FORWARDED"
    """转办."""
    WITHDRAWN = "WITHDRAWN"
    """撤回."""


TRANSITIONS: Mapping[tuple[Stage, Step], Stage] = MappingProxyType(
    {
        (Stage.SUBMITTED, Step.RECEIVED): Stage.RECEIVED,  # 窗口收件
        (Stage.SUBMITTED, Step.PUSHED): Stage.PUSHED,  # 全程网办: no window between
        (Stage.RECEIVED, Step.PUSHED): Stage.PUSHED,
        (Stage.SUBMITTED, Step.ARRIVED): Stage.ARRIVED,  # 对方来件: our own city decides
        (Stage.RECEIVED, Step.ARRIVED): Stage.ARRIVED,
        (Stage.SUBMITTED, Step.WITHDRAWN): Stage.WITHDRAWN,  # before the 属地 has it
        (Stage.RECEIVED, Step.WITHDRAWN): Stage.WITHDRAWN,
        (Stage.PUSHED, Step.ARRIVED): Stage.ARRIVED,
        # 属地 may skip the separate notice of arrival
        (Stage.PUSHED, Step.ACCEPTED): Stage.ACCEPTED,
        (Stage.PUSHED, Step.SUPPLEMENT_ASKED): Stage.SUPPLEMENT,
        (Stage.PUSHED, Step.REJECTED): Stage.REJECTED,
        (Stage.PUSHED, Step.RETURNED): Stage.RETURNED,
        (Stage.PUSHED, Step.WITHDRAWN): Stage.WITHDRAWN,
        (Stage.ARRIVED, Step.PUSHED): Stage.ARRIVED,  # 对方来件: our own back office has it now
        (Stage.ARRIVED, Step.ACCEPTED): Stage.ACCEPTED,  # 受理
        (Stage.ARRIVED, Step.SUPPLEMENT_ASKED): Stage.SUPPLEMENT,  # 一次性补正告知
        (Stage.ARRIVED, Step.REJECTED): Stage.REJECTED,  # 不予受理
        (Stage.ARRIVED, Step.RETURNED): Stage.RETURNED,
        (Stage.ARRIVED, Step.FORWARDED): Stage.FORWARDED,  # 转办
        (Stage.ARRIVED, Step.WITHDRAWN): Stage.WITHDRAWN,
        (Stage.SUPPLEMENT, Step.SUPPLEMENT_GIVEN): Stage.ARRIVED,
        (Stage.SUPPLEMENT, Step.ACCEPTED): Stage.ACCEPTED,  # papers handed in directly at the 属地
        (Stage.SUPPLEMENT, Step.REJECTED): Stage.REJECTED,
        (Stage.SUPPLEMENT, Step.RETURNED): Stage.RETURNED,
        (Stage.SUPPLEMENT, Step.DECIDED): Stage.DECIDED,  # 补交不来
        (Stage.SUPPLEMENT, Step.WITHDRAWN): Stage.WITHDRAWN,
        (Stage.FORWARDED, Step.ARRIVED): Stage.ARRIVED,  # the new authority has it
        (Stage.ACCEPTED, Step.SUPPLEMENT_ASKED): Stage.SUPPLEMENT,
        (Stage.ACCEPTED, Step.SPECIAL_STARTED): Stage.SUSPENDED,  # 特别程序
        (Stage.ACCEPTED, Step.EXTENDED): Stage.ACCEPTED,  # 延长
        (Stage.ACCEPTED, Step.DECIDED): Stage.DECIDED,
        (Stage.ACCEPTED, Step.REJECTED): Stage.REJECTED,
        (Stage.ACCEPTED, Step.RETURNED): Stage.RETURNED,
        (Stage.ACCEPTED, Step.WITHDRAWN): Stage.WITHDRAWN,
        (Stage.SUSPENDED, Step.SPECIAL_ENDED): Stage.ACCEPTED,
        (Stage.SUSPENDED, Step.WITHDRAWN): Stage.WITHDRAWN,
        (Stage.DECIDED, Step.DELIVERED): Stage.CLOSED,  # 送达
    }
)

TERMINAL = frozenset(Stage) - {stage for stage, _ in TRANSITIONS}
"""States from which nothing follows."""
ENDED = TERMINAL | {Stage.DECIDED}
"""States in which the deciding city has finished; a result may still have to be delivered."""


def allowed(stage: Stage) -> tuple[Step, ...]:
    """The steps the table allows from `stage`, in the table's order."""
    return tuple(step for (origin, step) in TRANSITIONS if origin is stage)


def table_markdown() -> str:
    """The table as Markdown, for docs/architecture.md."""
    rows = [f"| {origin} | {step} | {target} |" for (origin, step), target in TRANSITIONS.items()]
    return "\n".join(["| from | step | to |", "|---|---|---|", *rows])
