"""What 汕尾 says and takes: courses of a case in its codes, shapes of its messages (docs/wire-formats.md §2)."""

from tests.simulators import shapes
from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

_BEGUN = (("ARRIVED", "1"), ("ACCEPTED", "2"))
_PLANS: Plans = {
    "granted": (*_BEGUN, ("DECIDED", "3")),
    "refused": (*_BEGUN, ("DECIDED", "44")),
    "returned": (*_BEGUN, ("DECIDED", "-1")),  # the wire has no 退回: 作废 is the nearest
    "unknown": (*_BEGUN, ("UNKNOWN", "99")),
    "rejected": (("ARRIVED", "1"), ("REJECTED", "47")),
    "supplement": (("ARRIVED", "1"), ("SUPPLEMENT_ASKED", "12"), ("ACCEPTED", "2"), ("DECIDED", "3")),
}
PLANS = followed(
    _PLANS,
    {"ARRIVED": "1", "SUPPLEMENT_ASKED": "12", "FORWARDED": "30", "ARRIVED_ANEW": "1", "ACCEPTED": "2", "DECIDED": "3"},
)
WITHDRAWN = "20"
REASONS = {
    "30": "应由陆丰市住房公积金管理部办理，已转办",
    "44": "不符合条件，不予批准",
    "47": "不属于本机关职权范围",
    "-1": "材料不全，作废",
    "12": "请补交身份证复印件（加盖公章）",
}

MATERIAL: dict[str, shapes.Rule] = {
    "no": str,
    "name": str,
    "getType": shapes.ONE_OR_TWO,
    "copies": int,
    "fileId?": str,
    "fileName?": str,
    "sha256?": str,
}
APPLY: dict[str, shapes.Rule] = {
    "outerNo": shapes.REFERENCE,
    "taskCode": shapes.SOME_TEXT,
    "taskName": str,
    "projectType": shapes.ONE_OR_TWO,
    "applyDate": shapes.TIME,
    "tbMode": shapes.MODES,
    "applyer": {
        "name": shapes.SOME_TEXT,
        "type": shapes.ONE_OR_TWO,
        "cardType": shapes.PAPERS,
        "cardNo": shapes.SOME_TEXT,
    },
    "contact": {"name": str, "mobile": str},
    "area": {"apply": shapes.DIVISION, "accept": shapes.DIVISION, "finish": shapes.DIVISION},
    "identity?": {"method": shapes.IDENTITY},
    "form": dict,
    "materials": [MATERIAL],
}
_FOLLOWS: dict[str, shapes.Rule] = {"messageNo": shapes.REFERENCE, "outerNo": shapes.REFERENCE, "projectNo?": str}
FOLLOW_UPS: dict[str, dict[str, shapes.Rule]] = {
    "SUPPLEMENT": _FOLLOWS | {"time": shapes.TIME, "remark?": str, "materials": [MATERIAL]},
    "WITHDRAW": _FOLLOWS | {"time": shapes.TIME, "reason": shapes.SOME_TEXT},
}
