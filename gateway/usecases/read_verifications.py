"""核验记录: what was verified, as it was answered then, for those who may see it."""

from gateway.domain.access import CaseScope, Principal, not_found, require_see
from gateway.storage import cases, verifications
from gateway.storage.database import Database
from schemas.licence_check import Verification


async def find(db: Database, who: Principal, verification_id: str) -> Verification:
    """A kept answer, for its own city and those who may see its case. NotFound otherwise."""
    row = await verifications.get(db, verification_id)
    if row is None:
        raise not_found()
    if row.application_id is None:
        require_see(who, CaseScope(row.city, row.city))
    else:
        case = await cases.get(db, row.application_id)
        scope = CaseScope(row.city, row.city) if case is None else CaseScope(case.collecting_city, case.deciding_city)
        require_see(who, scope)
    return Verification.model_validate_json(row.body)


async def of_case(db: Database, who: Principal, application_id: str, after: str, limit: int) -> list[Verification]:
    """What was verified for a case, oldest first. NotFound for a case the caller may not see."""
    case = await cases.get(db, application_id)
    if case is None:
        raise not_found()
    require_see(who, CaseScope(case.collecting_city, case.deciding_city))
    rows = await verifications.of_case(db, application_id, after, limit)
    return [Verification.model_validate_json(row.body) for row in rows]
