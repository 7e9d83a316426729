"""What a provincial platform says and takes, whichever of its cities decides."""

from tests.simulators import shapes
from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

_BEGUN = (("ARRIVED", "10"), ("ACCEPTED", "20"))
PLANS: Plans = followed(
    {
        "granted": (*_BEGUN, ("DECIDED", "40")),
        "refused": (*_BEGUN, ("DECIDED", "41")),
        "returned": (*_BEGUN, ("RETURNED", "50")),
        "unknown": (*_BEGUN, ("UNKNOWN", "95")),
        "rejected": (("ARRIVED", "10"), ("REJECTED", "60")),
        "supplement": (
            ("ARRIVED", "10"),
            ("SUPPLEMENT_ASKED", "30"),
            ("SUPPLEMENT_GIVEN", "31"),
            ("ACCEPTED", "20"),
            ("DECIDED", "40"),
        ),
    },
    {
        "ARRIVED": "10",
        "SUPPLEMENT_ASKED": "30",
        "SUPPLEMENT_GIVEN": "31",
        "FORWARDED": "70",
        "ARRIVED_ANEW": "10",
        "ACCEPTED": "20",
        "DECIDED": "40",
    },
)
WITHDRAWN = "80"
REASONS = {
    "41": "不符合条件，不予批准",
    "50": "材料不全，退回",
    "60": "不属于本机关职权范围",
    "30": "请补交身份证复印件（加盖公章）",
    "70": "应由市住房公积金管理部办理，已转办",
}
_ATTACHMENT: dict[str, shapes.Rule] = {"stuffCode?": str, "stuffName": str, "attachNo": str, "sha256": shapes.SHA256}
_PAPER: dict[str, shapes.Rule] = {"stuffCode": str, "copies": int}
DISPATCH: dict[str, shapes.Rule] = {
    "dispatchId": shapes.REFERENCE,
    "bizNo": shapes.REFERENCE,
    "targetArea": shapes.DIVISION,
    "sourceArea": shapes.DIVISION,
    "itemCode": shapes.SOME_TEXT,
    "itemName": str,
    "mode": shapes.MODES,
    "applicant": {"name": shapes.SOME_TEXT, "certType": shapes.PAPERS, "certNo": shapes.SOME_TEXT, "mobile": str},
    "form": dict,
    "attachments": [_ATTACHMENT],
    "papers": [_PAPER],
}
FOLLOW_UPS: dict[str, dict[str, shapes.Rule]] = {
    "SUPPLEMENT": {
        "dispatchId": shapes.REFERENCE,
        "bizNo": shapes.REFERENCE,
        "targetArea": shapes.DIVISION,
        "note?": str,
        "attachments": [_ATTACHMENT],
    },
    "WITHDRAW": {
        "dispatchId": shapes.REFERENCE,
        "bizNo": shapes.REFERENCE,
        "targetArea": shapes.DIVISION,
        "note": shapes.SOME_TEXT,
    },
}
