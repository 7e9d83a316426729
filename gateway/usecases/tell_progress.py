"""回告进度: what happened here to a case that another city collected, as that city's gateway is told it."""

from gateway.storage import cases, files, outbox
from gateway.storage.compression import unpack
from gateway.storage.database import Database, Transaction
from gateway.storage.sql import SQL
from schemas.application import StoredFile
from schemas.message import MessageKind, ProgressReport, RemoteFile

_REPORT = SQL("SELECT body FROM progress WHERE application_id = ? AND report_id = ?")
_ON_THE_WAY = SQL("SELECT 1 FROM outbox WHERE application_id = ? AND kind = 'FETCH' AND state = 'ready'")


async def tell(tx: Transaction, case: cases.Case, report_id: str, seq: int, message_id: str, now_ms: int) -> None:
    """Put the telling of one report in the outbox, for the lane of the collecting city. `seq` is its event's."""
    entry = outbox.Entry(
        message_id=message_id,
        application_id=case.application_id,
        sequence=seq * 100,
        city=case.collecting_city,
        kind=MessageKind.REPORT.value,
        content=report_id.encode(),
        state="ready",
        owner=None,
        available_at_ms=now_ms,
        created_at_ms=now_ms,
    )
    await tx.insert(outbox.INSERT_OUTBOX, [entry.values()])


async def told_report(db: Database | Transaction, application_id: str, report_id: str) -> ProgressReport | None:
    """One report as the collecting city is told it: its files are ours, by our file ids.

    None while a result file is still on its way here from our own office. A file that a person must see to first is
    left out: the collecting city is not kept waiting for the rest.
    """
    row = await db.fetch_one(_REPORT, application_id, report_id)
    if row is None:
        raise LookupError("a report that was never stored")
    report = ProgressReport.model_validate_json(unpack(row[0]))
    named: list[RemoteFile] = []
    held = [(one[1], files.stored_file(one[2:])) for one in await cases.files(db, application_id) if one[0] == "result"]
    for remote in report.files:
        found = _held(remote, held)
        if found is not None:
            named.append(found)
        elif await db.fetch_one(_ON_THE_WAY, application_id) is not None:
            return None
    return report.model_copy(update={"files": tuple(named), "partner_sequence": None})


def _held(remote: RemoteFile, held: list[tuple[str, StoredFile]]) -> RemoteFile | None:
    for label, file in held:
        if remote.reference in {label, str(file.file_id)} or remote.sha256 == file.sha256:
            return RemoteFile(
                reference=str(file.file_id),
                name=file.name,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                sm3=file.sm3,
            )
    return None
