"""对方进度: reports as a peer tells them; a step or a part of a newer version becomes UNKNOWN, for a person (待核)."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from adapters.expression_functions import json_bytes
from schemas.message import ProgressReport, Step

_KEPT = ("report_id", "application_id", "deciding_city", "occurred_at")


def read_reports(rows: Iterable[Any], city: str) -> tuple[tuple[ProgressReport, ...], tuple[bytes, ...]]:
    """The reports, and as JSON the rows in which not even the case or the time can be read, or of another city."""
    read: list[ProgressReport] = []
    unreadable: list[bytes] = []
    for row in rows:
        report = read_report(row)
        if report is None or report.deciding_city != city:
            unreadable.append(json_bytes(row))
        else:
            read.append(report)
    return tuple(read), tuple(unreadable)


def read_report(row: Any) -> ProgressReport | None:
    """One report; None where not even its case, its time or its own name can be read."""
    try:
        return ProgressReport.model_validate(row)
    except ValidationError:
        pass
    if not isinstance(row, dict):
        return None
    known = {name: row.get(name) for name in _KEPT}
    code = str(row.get("step", ""))[:200] or None
    try:
        return ProgressReport.model_validate({**known, "step": Step.UNKNOWN, "partner_code": code})
    except ValidationError:
        return None
