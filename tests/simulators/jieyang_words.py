"""What the back office of 揭阳 says and takes: the language of 通办, as its own documents have it."""

import re

from tests.simulators import shapes
from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

_BEGUN = (("ARRIVED", ""), ("ACCEPTED", ""))
_GRANTED = ("DECIDED", "GRANTED")
PLANS: Plans = followed(
    {
        "granted": (*_BEGUN, _GRANTED),
        "refused": (*_BEGUN, ("DECIDED", "REFUSED")),
        "returned": (*_BEGUN, ("RETURNED", "")),
        "unknown": (*_BEGUN, ("UNKNOWN", "")),
        "rejected": (("ARRIVED", ""), ("REJECTED", "")),
        "supplement": (("ARRIVED", ""), ("SUPPLEMENT_ASKED", ""), ("SUPPLEMENT_GIVEN", ""), ("ACCEPTED", ""), _GRANTED),
    },
    {
        "ARRIVED": "",
        "SUPPLEMENT_ASKED": "",
        "SUPPLEMENT_GIVEN": "",
        "FORWARDED": "",
        "ARRIVED_ANEW": "",
        "ACCEPTED": "",
        "DECIDED": "GRANTED",
    },
)
"""Here a step's code is the outcome of a decision."""
REASONS = {
    "REFUSED": "不符合条件，不予批准",
    "GRANTED": "准予许可，已出证",
    "REJECTED": "不属于本机关职权范围",
    "RETURNED": "材料不全，退回",
    "SUPPLEMENT_ASKED": "请补交身份证复印件（加盖公章）",
    "FORWARDED": "应由普宁市住房公积金管理部办理，已转办",
    "UNKNOWN": "其他",
}
MODES = {"ONLINE": "0", "COLLECT": "1", "DELEGATED": "2", "JOINT": "3"}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_SOURCES: frozenset[object] = frozenset({"uploaded", "licence", "paper"})
_COUNT = range(1, 1000)
_SIZE = range(2**40)

_STORED: dict[str, shapes.Rule] = {
    "file_id": _UUID,
    "name": shapes.SOME_TEXT,
    "media_type": str,
    "size_bytes": _SIZE,
    "sha256": shapes.SHA256,
    "sm3": shapes.SHA256,
}
_FILE: dict[str, shapes.Rule] = {
    "material_code?": str,
    "material_name?": str,
    "office_file_id": shapes.SOME_TEXT,
    "file": _STORED,
}
_MATERIAL: dict[str, shapes.Rule] = {
    "material_code": shapes.SOME_TEXT,
    "source": _SOURCES,
    "files": [_UUID],
    "licence_identifier?": str,
    "copies": _COUNT,
}
_WRITTEN: dict[str, shapes.Rule] = {
    "item_code": shapes.SOME_TEXT,
    "mode": frozenset(MODES),
    "applicant_division": shapes.DIVISION,
    "collecting_city": shapes.DIVISION,
    "deciding_city": shapes.DIVISION,
    "applicant": dict,
    "agent?": dict,
    "identity_check?": dict,
    "consent": dict,
    "form": dict,
    "materials": [_MATERIAL],
    "acting_org?": dict,
    "authority_org?": dict,
    "caller_reference?": str,
}
APPLICATION: dict[str, shapes.Rule] = {
    "message_id": _UUID,
    "application_id": _UUID,
    "task_code": shapes.SOME_TEXT,
    "item_name": str,
    "project_type": frozenset({"INSTANT", "PROMISED"}),
    "received_at": _MOMENT,
    "application": _WRITTEN,
    "files": [_FILE],
}
FOLLOW_UPS: dict[str, dict[str, shapes.Rule]] = {
    "SUPPLEMENT": {
        "message_id": _UUID,
        "application_id": _UUID,
        "case_number?": str,
        "occurred_at": _MOMENT,
        "reason?": str,
        "materials": [{"material_code": shapes.SOME_TEXT, "source": _SOURCES, "copies": _COUNT}],
        "files": [_FILE],
    },
    "WITHDRAW": {
        "message_id": _UUID,
        "application_id": _UUID,
        "case_number?": str,
        "occurred_at": _MOMENT,
        "reason": shapes.SOME_TEXT,
    },
}
