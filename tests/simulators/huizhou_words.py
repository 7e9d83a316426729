"""What 惠州 says and takes: courses of a case in its codes, shapes of its messages (docs/wire-formats.md §1)."""

from tests.simulators import shapes
from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

_BEGUN = (("ARRIVED", "1"), ("ACCEPTED", "2"))
_PLANS: Plans = {
    "granted": (*_BEGUN, ("DECIDED", "4")),
    "refused": (*_BEGUN, ("DECIDED", "4")),
    "returned": (*_BEGUN, ("DECIDED", "4")),
    "unknown": (*_BEGUN, ("UNKNOWN", "4")),
    "rejected": (("ARRIVED", "1"), ("REJECTED", "2")),
    "supplement": (
        ("ARRIVED", "1"),
        ("SUPPLEMENT_ASKED", "7"),
        ("SUPPLEMENT_GIVEN", "8"),
        ("ACCEPTED", "2"),
        ("DECIDED", "4"),
    ),
}
PLANS = followed(
    _PLANS,
    {
        "ARRIVED": "1",
        "SUPPLEMENT_ASKED": "7",
        "SUPPLEMENT_GIVEN": "8",
        "FORWARDED": "11",
        "ARRIVED_ANEW": "1",
        "ACCEPTED": "2",
        "DECIDED": "4",
    },
)
WITHDRAWN = "10"
FORWARDED_TO = "应由惠阳区住房公积金管理部办理，已转办"
# The wire has no code for 不予批准: a refusal is written as 退回 with its own text.
RESULTS = {
    "granted": ("0", "准予许可，已出证"),
    "supplement": ("0", "准予许可，已出证"),
    "asks": ("0", "准予许可，已出证"),
    "forwarded": ("0", "准予许可，已出证"),
    "refused": ("1", "不符合条件，不予批准"),
    "returned": ("1", "材料不全，退回"),
    "unknown": ("77", "其他"),
}

MATERIAL: dict[str, shapes.Rule] = {
    "CLBH": str,
    "CLMC": str,
    "CLLX": frozenset({"0", "2"}),
    "FS": int,
    "WJBS?": str,
    "WJM?": str,
    "WJDX?": int,
    "SHA256?": str,
}
APPLY: dict[str, shapes.Rule] = {
    "SJBBH": frozenset({"1.0"}),
    "YSBLSH": shapes.REFERENCE,
    "SXBM": shapes.SOME_TEXT,
    "SXMC": str,
    "BJLX": shapes.ONE_OR_TWO,
    "SBSJ": shapes.EPOCH_MS,
    "TBMS": shapes.MODES,
    "SQRMC": shapes.SOME_TEXT,
    "SQRLX": shapes.ONE_OR_TWO,
    "SQRZJLX": shapes.PAPERS,
    "SQRZJHM": shapes.SOME_TEXT,
    "LXRXM": str,
    "LXRSJ": str,
    "SQRXZQHDM": shapes.DIVISION,
    "XZQHDM": shapes.DIVISION,
    "GXDXZQHDM": shapes.DIVISION,
    "HYFS?": frozenset({"1", "2", "3", "4", "5"}),
    "BDNR": dict,
    "SBCLQD": [MATERIAL],
}
_FOLLOWS: dict[str, shapes.Rule] = {"BWID": shapes.REFERENCE, "YSBLSH": shapes.REFERENCE, "SBLSH?": str}
FOLLOW_UPS: dict[str, dict[str, shapes.Rule]] = {
    "SUPPLEMENT": _FOLLOWS | {"BJSJ": shapes.EPOCH_MS, "BZSM?": str, "BZCLQD": [MATERIAL]},
    "WITHDRAW": _FOLLOWS | {"CHSJ": shapes.EPOCH_MS, "CHYY": shapes.SOME_TEXT},
}
