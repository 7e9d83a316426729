"""读取进度行: rows that were polled become reports; one bad row does not hold up the others."""

from collections.abc import Iterable
from typing import Any

from adapters.dialect import Reports
from adapters.expression_functions import Unmappable, json_bytes
from schemas.message import ProgressReport


def read_rows(reports: Reports, rows: Iterable[Any]) -> tuple[tuple[ProgressReport, ...], tuple[bytes, ...]]:
    """The reports, and as JSON the rows in which not even the case or the time can be read."""
    read: list[ProgressReport] = []
    unreadable: list[bytes] = []
    for row in rows:
        try:
            report = reports.read(row)
        except Unmappable:
            unreadable.append(json_bytes(row))
            continue
        if report is not None:
            read.append(report)
    return tuple(read), tuple(unreadable)
