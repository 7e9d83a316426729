"""对等进度: what a peer's gateway reports of cases we collected; all of one request, or none of it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from adapters.peer_reports import read_reports
from adapters.peer_words import caller
from gateway.domain.access import not_found
from gateway.storage import files
from gateway.storage.database import Transaction
from gateway.usecases.take_progress import Taken, take_progress
from schemas.errors import FieldProblem, FileUnknown, Invalid, Malformed
from schemas.message import ProgressReport

MOST_REPORTS = 200


def read(raw: bytes, city: str) -> tuple[ProgressReport, ...]:
    """The reports in `{"data": […]}`. Malformed or Invalid for what cannot be read, or is another city's."""
    try:
        rows: Any = json.loads(raw)["data"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Malformed("The body is not an object with `data`.", "请求报文不是含 data 的对象。") from None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_REPORTS:
        raise Invalid(
            f"`data` holds 1 to {MOST_REPORTS} reports.",
            f"data 应含 1 至 {MOST_REPORTS} 条进度。",
            errors=(FieldProblem("/data", "reports_count", "none or too many", "没有或过多"),),
        )
    reports, unreadable = read_reports(rows, city)
    if unreadable:
        raise Invalid(
            f"{len(unreadable)} report(s) cannot be read, or are not of {city}.",
            f"有 {len(unreadable)} 条进度无法识别，或不属于 {city}。",
            errors=(FieldProblem("/data", "report_unreadable", "not a report of yours", "不是贵方的进度"),),
        )
    return reports


async def take_reports(
    tx: Transaction,
    city: str,
    reports: Sequence[ProgressReport],
    *,
    brings_files: bool,
    new_id: Callable[[], str],
    now: datetime,
    told: frozenset[str] = frozenset(),
) -> list[Taken]:
    """Take them all. `brings_files` = the peer cannot be asked for its result files and must have brought them.

    NotFound for a report on a case that is not the peer's; FileUnknown for a result file it has not brought.
    """
    if brings_files:
        await _require_brought(tx, city, reports)
    results: list[Taken] = []
    for report in reports:
        taken = await take_progress(tx, report, new_id=new_id(), now=now, told=told)
        if taken is Taken.STRAY:
            raise not_found()
        results.append(taken)
    return results


async def _require_brought(tx: Transaction, city: str, reports: Sequence[ProgressReport]) -> None:
    """A digest alone gives no right to a file that is here: another city may have brought it."""
    wanted = {remote.reference: remote.sha256 for report in reports for remote in report.files}
    known = await files.by_ids(tx, list(wanted))
    brought = {file_id: file.sha256 for file_id, (file, by) in known.items() if by == caller(city)}
    missing = [file_id for file_id, sha256 in wanted.items() if brought.get(file_id) != sha256]
    if missing:
        raise FileUnknown(
            "A result file was not brought before it was reported.",
            "结果文件未先送达。",
            errors=tuple(
                FieldProblem("/data", "file_unknown", f"file {one[:40]} is not here", f"没有文件 {one[:40]}")
                for one in missing
            ),
        )
