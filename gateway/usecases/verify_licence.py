"""证照核验: take a licence in hand or fetch it, verify it, compare its contents, and keep the answer with its use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from adapters.licence_source import FetchedLicence, LicenceWanted
from gateway.domain.access import CaseScope, Principal, not_found, require_see
from gateway.domain.days import BEIJING
from gateway.domain.evidence_grade import evidence_grade, may_stand_in
from gateway.domain.licence_facts import LicenceFacts, licence_facts
from gateway.domain.licence_semantics import Needed, compare, speaks_against
from gateway.evidence.chain import milliseconds
from gateway.storage import cases, files, verifications
from gateway.storage.compression import unpack
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.verifications import VerificationRow
from gateway.trust.policy import POLICIES
from gateway.usecases.parsing import parse
from gateway.usecases.verifier import Content, Verdict, Verifier, content_of
from schemas.application import Application, NaturalPerson, StoredFile
from schemas.errors import CrossCityError, FileUnknown
from schemas.licence_check import (
    EvidenceGrade,
    Holder,
    LicenceFinding,
    LicenceToCheck,
    PolicyName,
    PriorCheck,
    UsePurpose,
    Verification,
)
from schemas.verification import Indication, Report


@dataclass(frozen=True, slots=True)
class Desk:
    """核验台: what verifying needs. `fetch` brings a licence from the office that issued it."""

    db: Database
    store: FileStore
    verifier: Verifier
    put: Callable[[VerificationRow], Awaitable[bool]]
    fetch: Callable[[LicenceWanted], Awaitable[FetchedLicence]]
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    reuse_days: int


@dataclass(frozen=True, slots=True)
class Use:
    """用途 as it was established: who asks, for what, and whose licence it should be."""

    who: Principal
    purpose: UsePurpose
    policy: PolicyName
    reuse: bool
    applicant: Holder | None = None

    @property
    def operator(self) -> str:
        """Whom the record names."""
        return self.purpose.operator or self.who.caller


@dataclass(frozen=True, slots=True)
class _Taken:
    content: Content
    file_id: str | None = None
    stated: Mapping[str, object] | None = None


async def open_use(desk: Desk, who: Principal, purpose: UsePurpose, policy: PolicyName, *, reuse: bool) -> Use:
    """Establish the use. NotFound for a case the caller may not see."""
    if purpose.application_id is None:
        return Use(who, purpose, policy, reuse)
    application_id = str(purpose.application_id)
    case, packed = await cases.get(desk.db, application_id), await cases.body(desk.db, application_id)
    if case is None or packed is None:
        raise not_found()
    require_see(who, CaseScope(case.collecting_city, case.deciding_city))
    if purpose.case_number is None and case.case_number is not None:
        purpose = purpose.model_copy(update={"case_number": case.case_number})
    applicant = parse(Application, unpack(packed)).applicant
    number = applicant.document_number if isinstance(applicant, NaturalPerson) else applicant.credit_code
    return Use(who, purpose, policy, reuse, Holder(name=applicant.name, number=number))


async def verify_all(desk: Desk, use: Use, wanted: Sequence[LicenceToCheck]) -> list[Verification | CrossCityError]:
    """All at once, the answers in the order of the request; an error for one that cannot be taken in hand."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_verify_or_say_why(desk, use, one)) for one in wanted]
    return [task.result() for task in tasks]


async def _verify_or_say_why(desk: Desk, use: Use, wanted: LicenceToCheck) -> Verification | CrossCityError:
    try:
        return await verify_one(desk, use, wanted)
    except CrossCityError as error:
        return error


async def verify_one(desk: Desk, use: Use, wanted: LicenceToCheck) -> Verification:
    """Verify, compare and keep. FileUnknown, and a source's PartnerError; a bad licence is an answer."""
    taken = await _take(desk, use, wanted)
    return await check(desk, use, wanted, taken.content, file_id=taken.file_id, stated=taken.stated)


async def check(
    desk: Desk,
    use: Use,
    wanted: LicenceToCheck,
    content: Content,
    *,
    file_id: str | None = None,
    stated: Mapping[str, object] | None = None,
) -> Verification:
    """Verify content in hand. `stated` is what the office that issued it says beside the file."""
    now = desk.now()
    verdict = await desk.verifier.verify(content, POLICIES[use.policy], now)
    prior = await _prior(desk, use, content, wanted)
    reused = None
    if prior is not None and use.reuse and may_stand_in(prior.report, verdict.report, now, desk.reuse_days):
        verdict, reused = replace(verdict, report=prior.report), _mention(prior)
    findings = _compared(use, wanted, verdict, stated, now)
    found = _verification(desk, use, wanted, verdict.report, findings, now).model_copy(
        update={
            "file_id": None if file_id is None else UUID(file_id),
            "reused": reused,
            "earlier": None if prior is None else _mention(prior),
        }
    )
    await desk.put(_row(found, use))
    return found


async def _take(desk: Desk, use: Use, wanted: LicenceToCheck) -> _Taken:
    if wanted.token is not None:
        return _Taken(content_of(wanted.token.encode(), is_token=True))
    if wanted.file_id is not None:
        return await _stored(desk, use, str(wanted.file_id))
    return await _fetched(desk, use, wanted)


async def _stored(desk: Desk, use: Use, file_id: str) -> _Taken:
    known = (await files.by_ids(desk.db, [file_id])).get(file_id)
    if known is None or (known[1] != use.who.caller and not await _belongs(desk, use, file_id)):
        raise FileUnknown(f"File {file_id} was not brought by this caller.", f"找不到文件 {file_id}，请先上传。")
    path = desk.store.path(known[0].sha256)
    return _Taken(Content(known[0].sha256, known[0].size_bytes, path.read_bytes), file_id)


async def _belongs(desk: Desk, use: Use, file_id: str) -> bool:
    """Whether the file is one of the case that the use names."""
    if use.purpose.application_id is None:
        return False
    rows = await cases.files(desk.db, str(use.purpose.application_id))
    return any(row[2] == file_id for row in rows)


async def _fetched(desk: Desk, use: Use, wanted: LicenceToCheck) -> _Taken:
    """免提交: the licence from the office that issued it, kept as a file that an application can name."""
    assert wanted.licence_identifier is not None  # noqa: S101 - nothing else is left by the model
    asked = LicenceWanted(
        wanted.licence_identifier, use.purpose.item_code, use.operator, use.purpose.case_number, desk.new_id()
    )
    licence = await desk.fetch(asked)
    kept = await desk.store.save(_once(licence.content), limit_bytes=POLICIES[use.policy].max_bytes)
    file = StoredFile(
        file_id=UUID(desk.new_id()),
        name=licence.name,
        media_type=kept.media_type,
        size_bytes=kept.size_bytes,
        sha256=kept.sha256,
        sm3=kept.sm3,
    )
    async with desk.db.transaction() as tx:
        await files.insert(tx, use.who.caller, file, milliseconds(desk.now()))
    return _Taken(content_of(licence.content), str(file.file_id), licence.stated)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _prior(desk: Desk, use: Use, content: Content, wanted: LicenceToCheck) -> Verification | None:
    if wanted.token is not None and not use.reuse:
        return None  # tokens come by the thousand and seldom twice: who asks for no earlier check pays for none
    row = await verifications.newest_passed(desk.db, content.sha256, use.who.city)
    return None if row is None else Verification.model_validate_json(row.body)


def _mention(prior: Verification) -> PriorCheck:
    if prior.reused is not None:
        return prior.reused
    operator = prior.purpose.operator or prior.caller
    return PriorCheck(
        verification_id=prior.verification_id,
        verified_at=prior.verified_at,
        operator=operator,
        policy=prior.report.policy,
    )


def _compared(
    use: Use, wanted: LicenceToCheck, verdict: Verdict, stated: Mapping[str, object] | None, now: datetime
) -> tuple[LicenceFinding, ...]:
    facts = verdict.facts
    if stated and facts == LicenceFacts():
        facts = licence_facts(stated)  # a sealed document is for the eye: the office's record is what can be compared
    needed = Needed(
        on=now.astimezone(BEIJING).date(),
        identifier=wanted.licence_identifier,
        type_code=wanted.type_code,
        holder=wanted.holder or use.applicant,
    )
    return compare(facts, needed)


def _verification(
    desk: Desk,
    use: Use,
    wanted: LicenceToCheck,
    report: Report,
    findings: tuple[LicenceFinding, ...],
    now: datetime,
) -> Verification:
    grade = evidence_grade(report.indication, wanted.origin)
    against = speaks_against(findings)
    return Verification(
        verification_id=UUID(desk.new_id()),
        verified_at=now.astimezone(UTC),
        caller=use.who.caller,
        city=use.who.city,
        purpose=use.purpose,
        usable=report.indication is Indication.TOTAL_PASSED and not against,
        message_zh=_sentence(report, findings, grade),
        evidence_grade=grade,
        report=report,
        findings=findings,
        licence_identifier=wanted.licence_identifier,
    )


def _sentence(report: Report, findings: tuple[LicenceFinding, ...], grade: EvidenceGrade) -> str:
    if report.indication is not Indication.TOTAL_PASSED:
        return report.message_zh
    for severity, lead in (("error", "证照真实，但不能用于本次办理："), ("warning", "证照真实，仍需人工核对：")):
        for finding in findings:
            if finding.severity == severity:
                return lead + finding.message_zh
    return f"核验通过，证据等级{grade.value}，可以使用。"


def _row(found: Verification, use: Use) -> VerificationRow:
    return VerificationRow(
        verification_id=str(found.verification_id),
        sha256=found.report.sha256,
        indication=found.report.indication.value,
        policy=found.report.policy,
        caller=found.caller,
        city=found.city,
        item_code=found.purpose.item_code,
        operator=use.operator,
        application_id=None if found.purpose.application_id is None else str(found.purpose.application_id),
        licence_identifier=found.licence_identifier,
        file_id=None if found.file_id is None else str(found.file_id),
        verified_at_ms=milliseconds(found.verified_at),
        body=found.model_dump_json().encode(),
    )
