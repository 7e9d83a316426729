"""证据等级: how far a material may be relied on.

A issued by the authority and verified, B compared with the original by a clerk, C uploaded and still to be compared,
D made by the applicant with a promise. Source: 国办函〔2016〕108号 by way of a secondary source, the text itself was not
at hand (未核实).
"""

from schemas.licence_check import EvidenceGrade, Origin
from schemas.verification import Indication


def evidence_grade(indication: Indication, origin: Origin) -> EvidenceGrade:
    """The grade. A verified signature of the issuer outranks how the file came; a forged file is never above C."""
    if indication is Indication.TOTAL_PASSED:
        return EvidenceGrade.ISSUED
    if indication is Indication.TOTAL_FAILED or origin is Origin.UPLOADED:
        return EvidenceGrade.UPLOADED
    return EvidenceGrade.COMPARED if origin is Origin.COMPARED else EvidenceGrade.PROMISED
