"""已答: what an answer over REST or SOAP comes to: taken, found, or a page of progress."""

from adapters.answers import Answer, acknowledgement, part
from adapters.calls import AnswerParts
from adapters.contract import Collected
from adapters.dialect import Reports
from adapters.faults import Submission, undescribed
from adapters.operations import Pages
from adapters.reading import read_rows
from schemas.message import Acknowledgement


def taken(calls: AnswerParts, answer: Answer, submission: Submission) -> Acknowledgement:
    """The answer to an application."""
    if answer.meaning == "absent":
        raise undescribed()
    return acknowledgement(
        part(calls.case_number, answer, submission),
        part(calls.partner_reference, answer, submission),
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


def page(calls: AnswerParts, answer: Answer, pages: Pages, reports: Reports) -> Collected:
    """One page of progress."""
    rows, following = part(calls.progress_rows, answer), part(calls.progress_next, answer)
    if not isinstance(rows, list) or following is None:
        raise undescribed()
    read, unreadable_rows = read_rows(reports, rows)
    return Collected(read, str(following), more=len(rows) >= pages.limit, unreadable=unreadable_rows)
