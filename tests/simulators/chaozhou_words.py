"""潮州's words: what can happen to a case, each step with its code; the columns of its tables."""

from tests.simulators.control import EVERYWHERE
from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

# ARRIVED, and REJECTED of a row that cannot be booked, are told in the acknowledgement.
_CODES = {
    "SUPPLEMENT_ASKED": "20",
    "SUPPLEMENT_GIVEN": "21",
    "FORWARDED": "50",
    "ARRIVED_ANEW": "51",
    "ACCEPTED": "10",
    "DECIDED": "40",
}
WITHDRAWN = "60"
_PLANS: Plans = {
    "granted": (("ACCEPTED", "10"), ("DECIDED", "40")),
    "refused": (("ACCEPTED", "10"), ("DECIDED", "41")),
    "returned": (("ACCEPTED", "10"), ("RETURNED", "42")),
    "unknown": (("ACCEPTED", "10"), ("UNKNOWN", "99")),
    "rejected": (("REJECTED", "11"),),
    "supplement": (("SUPPLEMENT_ASKED", "20"), ("SUPPLEMENT_GIVEN", "21"), ("ACCEPTED", "10"), ("DECIDED", "40")),
}
PLANS = followed(_PLANS, _CODES)
_STATES = {**_CODES, "ARRIVED": "JS", "REJECTED": "11", "RETURNED": "42", "WITHDRAWN": WITHDRAWN, "UNKNOWN": "99"}


def last_code(steps: list[str]) -> str:
    """Where a case stood when the city was stopped; 准予 of those that were decided."""
    return _STATES[steps[-1]] if steps else "JS"


REASONS = {
    "11": "不属于本机关职权范围",
    "20": "请补交身份证复印件（加盖公章）",
    "41": "不符合条件，不予批准",
    "42": "材料不全，退回",
    "50": "应由湘桥区住房公积金管理部办理，已转办",
}
FAULTS = EVERYWHERE | {
    "cut_count",
    "cut_after_booking",
    "cut_at_bytes",
    "fail_count",
    "slow_before_s",
    "slow_after_s",
    "half_written",
    "spoil_digest",
    "asleep",
}
ACKS = ("PCH", "XH", "YSBLSH", "JG", "SBLSH", "SJ", "YY")
FOLLOW_UP_ACKS = ("PCH", "XH", "HXLSH", "YSBLSH", "HXLX", "JG", "SBLSH", "SJ", "YY")
LISTED = ("YSBLSH", "SBLSH", "ZT")
PROGRESS = ("YSBLSH", "SBLSH", "XH", "ZT", "SJ", "SM", "FJB", "FJM", "FJDX", "FJSM3")
