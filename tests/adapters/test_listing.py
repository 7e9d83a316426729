"""对账清单: rows of a listing as a profile reads them; the day as it is asked for."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.dialect import Compiler, Dialect, DialectError
from adapters.listing import Listing, day_words
from adapters.operations import ListingMap, ReportMap
from schemas.errors import PartnerProtocol
from schemas.message import Outcome, Step

ID = "019a0000-0000-7000-8000-0000000000a5"
PROGRESS = ReportMap.model_validate(
    {
        "code": "zt",
        "steps": {"1": {"step": "ARRIVED"}, "4": {"step": "DECIDED", "outcome": "GRANTED"}},
        "identity": "id",
        "application_id": "id",
        "occurred_at": "at",
    }
)
CASE = {"application_id": "id", "code": "zt", "case_number": "no"}


def listing(**given_: object) -> Listing:
    return Listing(ListingMap.model_validate(CASE | given_), {"progress": PROGRESS}, Compiler(Dialect()), ("listing",))


def test_codes_are_those_of_reports_and_of_its_own() -> None:
    read = listing(like="progress", steps={"1": {"step": "ACCEPTED"}, "9": {"step": "WITHDRAWN"}}).read
    rows = [{"id": ID, "zt": code, "no": f"N{code}"} for code in ("1", "4", "9", "77")] + [{"id": ID, "no": ""}]
    cases = read(rows)
    assert [case.step for case in cases] == [Step.ACCEPTED, Step.DECIDED, Step.WITHDRAWN, Step.UNKNOWN, Step.UNKNOWN]
    assert [case.outcome for case in cases] == [None, Outcome.GRANTED, None, None, None]
    assert [case.case_number for case in cases] == ["N1", "N4", "N9", "N77", None]


def test_a_code_may_be_a_number() -> None:
    assert listing(like="progress").read([{"id": ID, "zt": 4}])[0].step is Step.DECIDED


@pytest.mark.parametrize("row", [{}, {"id": "no id", "zt": "1"}, {"id": ID, "zt": "1", "no": 7}, "text", None])
def test_one_row_that_cannot_be_read_spoils_the_listing(row: object) -> None:
    with pytest.raises(PartnerProtocol):
        listing(like="progress").read([{"id": ID, "zt": "1"}, row])


def test_a_listing_knows_its_codes() -> None:
    with pytest.raises(ValidationError, match="like"):
        ListingMap.model_validate(CASE)
    with pytest.raises(DialectError) as caught:
        listing(like="callback")
    assert caught.value.place == ("listing", "like")
    with pytest.raises(DialectError) as caught:
        listing(like="progress", code="zt ||")
    assert caught.value.place == ("listing", "code")


@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2999, 12, 30)))
def test_a_day_is_a_beijing_day(day: date) -> None:
    words = day_words(day)
    begins, ends = datetime.fromisoformat(words["begins"]), datetime.fromisoformat(words["ends"])
    assert ends - begins == timedelta(days=1)
    assert begins.utcoffset() == timedelta(hours=8)
    assert begins.date() == day == date.fromisoformat(words["day"])
    assert words["day_compact"] == words["day"].replace("-", "")
