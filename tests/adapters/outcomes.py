"""The ways a case can go in each simulated city: outcome of its control page → the steps it reports, in order."""

from schemas.message import Step
from tests.adapters.cities import SOAP12, UNSAFE

ORDINARY = [Step.ARRIVED, Step.ACCEPTED, Step.DECIDED]
OUTCOMES = {
    "441300": {
        "refused": [*ORDINARY],
        "returned": [*ORDINARY],
        "rejected": [Step.ARRIVED, Step.REJECTED],
        "unknown": [Step.ARRIVED, Step.ACCEPTED, Step.UNKNOWN],
        "supplement": [Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.SUPPLEMENT_GIVEN, Step.ACCEPTED, Step.DECIDED],
    },
    "441500": {
        "refused": [*ORDINARY],
        "returned": [*ORDINARY],
        "rejected": [Step.ARRIVED, Step.REJECTED],
        "unknown": [Step.ARRIVED, Step.ACCEPTED, Step.UNKNOWN],
        "supplement": [Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.ACCEPTED, Step.DECIDED],
    },
    "441400": {
        "refused": [*ORDINARY],
        "returned": [Step.ARRIVED, Step.ACCEPTED, Step.RETURNED],
        "rejected": [Step.REJECTED],
        "unknown": [Step.ARRIVED, Step.ACCEPTED, Step.UNKNOWN],
        "supplement": [Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.SUPPLEMENT_GIVEN, Step.ACCEPTED, Step.DECIDED],
    },
}
OUTCOMES[UNSAFE] = OUTCOMES["441500"]
OUTCOMES["440500"] = OUTCOMES[SOAP12] = {
    "refused": [*ORDINARY],
    "returned": [Step.ARRIVED, Step.ACCEPTED, Step.RETURNED],
    "rejected": [Step.ARRIVED, Step.REJECTED],
    "unknown": [Step.ARRIVED, Step.ACCEPTED, Step.UNKNOWN],
    "supplement": [Step.ARRIVED, Step.SUPPLEMENT_ASKED, Step.SUPPLEMENT_GIVEN, Step.ACCEPTED, Step.DECIDED],
}
OUTCOMES["445100"] = OUTCOMES["440500"]
OUTCOMES["445200"] = OUTCOMES["440500"]
OUTCOMES["350600"] = OUTCOMES["440500"] | {"supplement": OUTCOMES["441500"]["supplement"]}
