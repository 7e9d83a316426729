"""汕头's words: operations, states with their codes, the shape of an application."""

import re

from tests.simulators import shapes
from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

NAMESPACE = "urn:kctb:440500"
OPERATIONS = (
    *("uploadFile", "apply", "supplement", "withdraw"),
    *("queryApply", "queryProgress", "queryDaily", "downloadFile", "ping"),
)

WITHDRAWN = "60"
_CODES = {
    "ARRIVED": "10",
    "SUPPLEMENT_ASKED": "30",
    "SUPPLEMENT_GIVEN": "31",
    "FORWARDED": "50",
    "ARRIVED_ANEW": "10",
    "ACCEPTED": "20",
    "DECIDED": "40",
}
_BEGUN = (("ARRIVED", "10"), ("ACCEPTED", "20"))
_PLANS: Plans = {
    "granted": (*_BEGUN, ("DECIDED", "40")),
    "refused": (*_BEGUN, ("DECIDED", "41")),
    "returned": (*_BEGUN, ("RETURNED", "42")),
    "unknown": (*_BEGUN, ("UNKNOWN", "99")),
    "rejected": (("ARRIVED", "10"), ("REJECTED", "21")),
    "supplement": (
        ("ARRIVED", "10"),
        *(("SUPPLEMENT_ASKED", "30"), ("SUPPLEMENT_GIVEN", "31")),
        *(("ACCEPTED", "20"), ("DECIDED", "40")),
    ),
}
PLANS = followed(_PLANS, _CODES)
REASONS = {
    "41": "不符合条件，不予许可",
    "42": "材料不符，退件",
    "21": "不属于本机关职权范围",
    "50": "应由金平区住房公积金管理部办理，已转办",
    "30": "请补交<身份证>复印件&户口簿（𠮷㐂）",
}

_DIGITS = re.compile(r"[0-9]{1,10}")
_TEXT = re.compile(r"(?s).*")
MATERIAL: dict[str, shapes.Rule] = {
    "CLBH": _TEXT,
    "CLMC": _TEXT,
    "CLLX": shapes.ONE_OR_TWO,
    "FS": _DIGITS,
    "WJBH?": str,
    "WJM?": str,
    "WJDX?": _DIGITS,
    "SHA256?": shapes.SHA256,
    "WJNR?": str,
}
APPLY: dict[str, shapes.Rule] = {
    "YWLSH": shapes.REFERENCE,
    "SXBM": shapes.SOME_TEXT,
    "SXMC": str,
    "BJLX": shapes.ONE_OR_TWO,
    "SQSJ": shapes.TIME,
    "TBMS": shapes.MODES,
    "SQR_XM": shapes.SOME_TEXT,
    "SQR_LX": shapes.ONE_OR_TWO,
    "SQR_ZJLX": shapes.PAPERS,
    "SQR_ZJHM": shapes.SOME_TEXT,
    "SQR_XZQHDM": shapes.DIVISION,
    "LXR_XM": str,
    "LXR_LXDH": str,
    "SLDW_XZQHDM": shapes.DIVISION,
    "SLR_BH?": str,
    "SLR_HYFS?": shapes.IDENTITY,
    "QRD_XZQHDM": shapes.DIVISION,
    "BDNR": str,
    "CLXX?": [MATERIAL],
}
_HEAD: dict[str, shapes.Rule] = {"YWLSH": shapes.REFERENCE, "SLBH?": str}
SHAPES: dict[str, shapes.Rule] = {
    "apply": APPLY,
    "supplement": _HEAD | {"BZLSH": shapes.REFERENCE, "BZSJ": shapes.TIME, "BZSM?": str, "CLXX?": [MATERIAL]},
    "withdraw": _HEAD | {"CHLSH": shapes.REFERENCE, "CHSJ": shapes.TIME, "CHLY": shapes.SOME_TEXT},
}
MISSING = {"SQR_XM": "-902", "SQR_ZJHM": "-903", "QRD_XZQHDM": "-905"}
