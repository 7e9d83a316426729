"""Rows the city writes into the exchange database."""

import uuid
from collections.abc import Mapping

from sqlalchemy import Table

from tests.simulators import clock
from tests.simulators.books import Booking, Upload
from tests.simulators.control import Settings
from tests.simulators.exchange_tables import PROCESS, RESULT, RESULT_FILE
from tests.simulators.progress import Moment, result_file, result_pdf, shown_digest

Row = tuple[Table, Mapping[str, object]]

_NAMESPACE = uuid.UUID("6b0f1d3e-8d1b-5a3c-9c55-441400441400")
_EVENTS = {
    "01": ("接收", "接收", ""),
    "03": ("受理", "受理", ""),
    "10": ("受理", "补件告知", "请补交身份证复印件（加盖公章）"),
    "11": ("受理", "补件确认", ""),
    "12": ("审查", "退件", "材料不全，退回"),
    "15": ("转办", "转办", "应由兴宁市住房公积金管理部办理，已转办"),
    "16": ("撤回", "撤回", ""),
    "88": ("审查", "其他", ""),
}
# The wire has no code for 不予批准: a refusal is written as 退回 with its own text.
_RESULTS = {
    "granted": ("0", "准予许可，已出证"),
    "supplement": ("0", "准予许可，已出证"),
    "asks": ("0", "准予许可，已出证"),
    "forwarded": ("0", "准予许可，已出证"),
    "refused": ("1", "不符合条件，不予批准"),
}


def row_guid(case_number: str, step: str, copy: int = 0) -> str:
    """The same for the same step of a case, so that a restarted city knows its rows."""
    return str(uuid.uuid5(_NAMESPACE, f"{case_number}/{step}/{copy}"))


def _head(guid: str, our_ref: str) -> dict[str, object]:
    written = clock.text(clock.now())
    return {
        "row_guid": guid,
        "cd_operation": "I",
        "cd_time": written,
        "cd_batch": f"{written[:8]}{written[9:11]}0001",
        "data_source": "441400",
        "outer_no": our_ref,
    }


def event_row(booking: Booking, moment: Moment, copy: int) -> Row:
    process, event, explain = _EVENTS[moment.code]
    return PROCESS, _head(row_guid(booking.case_number, moment.step, copy), booking.our_ref) | {
        "project_no": booking.case_number,
        "process_no": moment.number,
        "process_name": process,
        "event_name": event,
        "event_code": moment.code,
        "event_time": clock.text(moment.at),
        "handle_explain": explain or None,
    }


def result_rows(
    booking: Booking, moment: Moment, outcome: str, copy: int, settings: Settings
) -> tuple[list[Row], Upload | None]:
    """The up_pro_result row and, when granted, its file."""
    code, explain = _RESULTS[outcome]
    file = result_file(booking.our_ref, booking.case_number) if code == "0" else None
    guid = row_guid(booking.case_number, moment.step, copy)
    rows: list[Row] = [
        (
            RESULT,
            _head(guid, booking.our_ref)
            | {
                "project_no": booking.case_number,
                "result_date": clock.text(moment.at),
                "result_type": code,
                "result_explain": explain,
                "result_cetr_name": "办理结果" if file else None,
                "result_cetr_no": booking.case_number if file else None,
                "file_count": 1 if file else 0,
            },
        )
    ]
    if file:
        rows.append(_file_row(booking, file, guid, settings))
    return rows, file


def _file_row(booking: Booking, file: Upload, result_guid: str, settings: Settings) -> Row:
    return RESULT_FILE, _head(row_guid(booking.case_number, f"file of {result_guid}"), booking.our_ref) | {
        "result_guid": result_guid,
        "attach_name": file.name,
        "attach_size": file.size,
        "attach_sha256": shown_digest(file, settings),
        "attach": result_pdf(booking.case_number),
    }
