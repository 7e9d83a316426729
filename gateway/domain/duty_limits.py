"""时限要点: which clock runs for the window and for the deciding city, in words."""

from collections.abc import Iterator

from gateway.domain.words import limit_words
from schemas.agreement import Agreement, ClockStart, Limit, LimitUnit, Mode
from schemas.duty_sheet import TimeLimit
from schemas.service_item import ProjectType, ServiceItem, TaskType

_DEEMED = Limit(value=5, unit=LimitUnit.WORKDAY)


def time_limits(item: ServiceItem, mode: Mode, agreement: Agreement) -> Iterator[TimeLimit]:
    """推送, 受理, 承诺 and 法定 limits; a limit nobody states is said to be missing."""
    if mode is not Mode.ONLINE:
        hop = agreement.hop_limit
        words = f"收件后{limit_words(hop)}内送达属地。" if hop else "协议没有约定，收件后尽快推送。"
        yield TimeLimit(name_zh="收件到属地接收", limit=hop, text_zh=words)
    yield _intake(item, agreement)
    from_receipt = mode is Mode.COLLECT and agreement.clock_start is ClockStart.RECEIVED
    start = "收件地收件" if from_receipt else "属地受理"
    yield _decision("承诺办结时限", item.promised_limit, item, start)
    yield _decision("法定办结时限", item.statutory_limit, item, start)


def _intake(item: ServiceItem, agreement: Agreement) -> TimeLimit:
    name, limit = "属地受理", agreement.intake_limit
    deems = agreement.deemed_acceptance
    deemed = deems if deems is not None else item.task_type is TaskType.LICENSING
    if limit is None and item.task_type is TaskType.LICENSING:
        limit = _DEEMED
    words = f"属地接收后{limit_words(limit)}内决定是否受理。" if limit else "事项和协议都没有约定受理期限。"
    if deemed:
        words += "属地接收后五个工作日不作答复的，自接收之日起视为受理（行政许可法第三十二条"
        words += "）。" if item.task_type is TaskType.LICENSING else "，按协议参照）。"
    return TimeLimit(name_zh=name, limit=limit, text_zh=words)


def _decision(name: str, limit: Limit | None, item: ServiceItem, start: str) -> TimeLimit:
    if limit is None:
        return TimeLimit(name_zh=name, limit=None, text_zh="事项没有写明。")
    if limit.value == 0 or (item.project_type is ProjectType.INSTANT and name == "承诺办结时限"):
        return TimeLimit(name_zh=name, limit=limit, text_zh="当场办结。")
    begin = "起" if limit.unit is LimitUnit.HOUR else "次日起"
    return TimeLimit(name_zh=name, limit=limit, text_zh=f"自{start}{begin}{limit_words(limit)}内办结。")
