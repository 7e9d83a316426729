"""已答: what an answer over REST or SOAP comes to: taken, found, or a page of rows."""

from typing import Any, Protocol

from adapters.answers import Answer, acknowledgement, part
from adapters.calls import AnswerParts
from adapters.contract import Collected
from adapters.dialect import Reports
from adapters.expressions import Evaluate
from adapters.faults import Submission, undescribed
from adapters.operations import Pages
from adapters.reading import read_rows
from schemas.message import Acknowledgement


class TakenParts(Protocol):
    """申报应答的取值."""

    case_number: Evaluate
    partner_reference: Evaluate


def taken(parts: TakenParts, answer: Answer, submission: Submission) -> Acknowledgement:
    """The answer to an application, a supplement or a withdrawal."""
    if answer.meaning == "absent":
        raise undescribed()
    return acknowledgement(
        part(parts.case_number, answer, submission),
        part(parts.partner_reference, answer, submission),
        duplicate=answer.meaning == "duplicate",
        submission=submission,
    )


def found(calls: AnswerParts, answer: Answer) -> Acknowledgement | None:
    """The answer to the question whether the partner has a message."""
    if answer.meaning == "absent":
        return None
    case_number = part(calls.query_case_number, answer)
    if case_number is None:
        raise undescribed()  # "found", but nothing in it: to send again could book it twice
    return acknowledgement(case_number, None, duplicate=True, submission=None)


def rows_of(rows: Evaluate, answer: Answer) -> list[Any]:
    """The rows of a page; PartnerProtocol where there is no list."""
    found = part(rows, answer)
    if not isinstance(found, list):
        raise undescribed()
    return found


def page(calls: AnswerParts, answer: Answer, pages: Pages, reports: Reports) -> Collected:
    """One page of progress, by a cursor that must be there."""
    rows, following = rows_of(calls.progress_rows, answer), part(calls.progress_next, answer)
    if following is None:
        raise undescribed()
    read, unreadable_rows = read_rows(reports, rows)
    return Collected(read, str(following), more=len(rows) >= pages.limit, unreadable=unreadable_rows)
