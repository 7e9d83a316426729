"""梅州's words: what can happen to a case, each step with its code."""

from tests.simulators.progress import Plans
from tests.simulators.under_way import followed

# ARRIVED and REJECTED are told in the acknowledgement; what follows has an event code, or "" for the result.
_CODES = {
    "SUPPLEMENT_ASKED": "10",
    "SUPPLEMENT_GIVEN": "11",
    "FORWARDED": "15",
    "ARRIVED_ANEW": "01",
    "ACCEPTED": "03",
    "DECIDED": "",
}
WITHDRAWN = "16"
_PLANS: Plans = {
    "granted": (("ACCEPTED", "03"), ("DECIDED", "")),
    "refused": (("ACCEPTED", "03"), ("DECIDED", "")),
    "returned": (("ACCEPTED", "03"), ("RETURNED", "12")),
    "unknown": (("ACCEPTED", "03"), ("UNKNOWN", "88")),
    "rejected": (),
    "supplement": (("SUPPLEMENT_ASKED", "10"), ("SUPPLEMENT_GIVEN", "11"), ("ACCEPTED", "03"), ("DECIDED", "")),
}
PLANS = followed(_PLANS, _CODES)
