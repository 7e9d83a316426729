"""证据等级: how far a material may be relied on.

A issued by the authority and verified, B compared with the original by a clerk, C uploaded and still to be compared,
D made by the applicant with a promise. Source: 国办函〔2016〕108号 by way of a secondary source (未核实).
"""

from datetime import datetime, timedelta

from schemas.licence_check import EvidenceGrade, Origin
from schemas.verification import Indication, Report, SubIndication


def evidence_grade(indication: Indication, origin: Origin) -> EvidenceGrade:
    """The grade. A verified signature of the issuer outranks how the file came; a forged file is never above C."""
    if indication is Indication.TOTAL_PASSED:
        return EvidenceGrade.ISSUED
    if indication is Indication.TOTAL_FAILED or origin is Origin.UPLOADED:
        return EvidenceGrade.UPLOADED
    return EvidenceGrade.COMPARED if origin is Origin.COMPARED else EvidenceGrade.PROMISED


def may_stand_in(prior: Report, new: Report, now: datetime, valid_days: int) -> bool:
    """沿用: whether an earlier pass of the same bytes may stand in for a check that cannot be finished now.

    Only for what a list that is not at hand leaves open: never for a failure, and never beyond its validity.
    """
    return (
        new.indication is Indication.INDETERMINATE
        and new.sub_indication is SubIndication.TRY_LATER
        and prior.indication is Indication.TOTAL_PASSED
        and prior.sha256 == new.sha256
        and prior.policy == new.policy
        and now - prior.at <= timedelta(days=valid_days)
    )
