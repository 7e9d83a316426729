"""What 漳州 says and takes: courses of a case in the peer protocol's words, shapes of its messages."""

import re

from tests.simulators import shapes
from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
CITY = re.compile(r"[0-9]{6}")
MODES: frozenset[object] = frozenset({"ONLINE", "COLLECT", "DELEGATED", "JOINT"})
MODE_NUMBERS = {"ONLINE": "0", "COLLECT": "1", "DELEGATED": "2", "JOINT": "3"}

_BEGUN = (("ARRIVED", "ARRIVED"), ("ACCEPTED", "ACCEPTED"))
_DECIDED = ("DECIDED", "DECIDED")
_PLANS: Plans = {
    "granted": (*_BEGUN, _DECIDED),
    "refused": (*_BEGUN, _DECIDED),
    "returned": (*_BEGUN, ("RETURNED", "RETURNED")),
    "unknown": (*_BEGUN, ("UNKNOWN", "ARCHIVED")),  # a word of some later version
    "rejected": (("ARRIVED", "ARRIVED"), ("REJECTED", "REJECTED")),
    "supplement": (
        ("ARRIVED", "ARRIVED"),
        ("SUPPLEMENT_ASKED", "SUPPLEMENT_ASKED"),
        ("ACCEPTED", "ACCEPTED"),
        _DECIDED,
    ),
}
PLANS = followed(
    _PLANS,
    {name: name.removesuffix("_ANEW") for name in "ARRIVED SUPPLEMENT_ASKED FORWARDED ARRIVED_ANEW ACCEPTED".split()}
    | {"DECIDED": "DECIDED"},
)
REASONS = {
    "REJECTED": "不属于本机关职权范围",
    "RETURNED": "材料不全，退回",
    "SUPPLEMENT_ASKED": "请补交身份证复印件（加盖公章）",
    "FORWARDED": "应由芗城区住房公积金管理部办理，已转办",
}

_FILE: dict[str, shapes.Rule] = {
    "file": {
        "file_id": UUID,
        "name": shapes.SOME_TEXT,
        "media_type": str,
        "size_bytes": int,
        "sha256": shapes.SHA256,
        "sm3": shapes.SHA256,
    },
    "material_code?": str,
    "material_name?": str,
}
_MATERIAL: dict[str, shapes.Rule] = {
    "material_code": shapes.SOME_TEXT,
    "source": frozenset({"uploaded", "licence", "paper"}),
    "files": [UUID],
    "licence_identifier?": str,
    "copies": int,
}
MESSAGE: dict[str, shapes.Rule] = {
    "message_id": UUID,
    "application_id": UUID,
    "task_code": shapes.SOME_TEXT,
    "item_name": shapes.SOME_TEXT,
    "project_type": frozenset({"INSTANT", "PROMISED"}),
    "received_at": MOMENT,
    "material_names?": dict,
    "application": {
        "item_code": re.compile(r"[0-9]{12}"),
        "mode": MODES,
        "applicant_division": CITY,
        "collecting_city": CITY,
        "deciding_city": frozenset({"350600"}),
        "applicant": dict,
        "agent?": dict,
        "identity_check?": dict,
        "consent": dict,
        "form": dict,
        "materials": [_MATERIAL],
        "acting_org?": dict,
        "authority_org?": dict,
        "caller_reference?": str,
    },
    "files": [_FILE],
}
_FOLLOW_UP: dict[str, shapes.Rule] = {
    "message_id": UUID,
    "application_id": UUID,
    "kind": frozenset({"SUPPLEMENT", "WITHDRAW"}),
    "task_code": shapes.SOME_TEXT,
    "collecting_city": CITY,
    "deciding_city": frozenset({"350600"}),
    "case_number?": str,
    "occurred_at": MOMENT,
    "reason?": str,
    "materials": [_MATERIAL],
    "files": [_FILE],
}
FOLLOW_UPS = {"SUPPLEMENT": _FOLLOW_UP, "WITHDRAW": _FOLLOW_UP}
