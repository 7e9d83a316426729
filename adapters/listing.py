"""对账清单: rows of a city's listing of one day become listed cases, by the profile alone."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from pydantic import ValidationError

from adapters.dialect import Compiler, DialectError, Place
from adapters.expression_functions import CHINA, Unmappable
from adapters.faults import undescribed
from adapters.operations import ListingMap, Meaning, ReportMap
from schemas.message import ListedCase, Step

MOST_ROWS = 100_000
"""Of one city on one day; more is taken for an answer that does not end."""
_UNKNOWN = Meaning(step=Step.UNKNOWN)


def day_words(day: date) -> dict[str, Any]:
    """日期的词: `day` as in 2026-11-23, `day_compact` as in 20261123, `begins` and `ends` as Beijing times."""
    begins = datetime.combine(day, time(), CHINA)
    ends = begins + timedelta(days=1)
    return {
        "day": day.isoformat(),
        "day_compact": day.strftime("%Y%m%d"),
        "begins": begins.isoformat(),
        "ends": ends.isoformat(),
    }


class Listing:
    """清单译者: one ListingMap, compiled. Raises DialectError."""

    def __init__(self, listing: ListingMap, reports: Mapping[str, ReportMap], compiler: Compiler, place: Place) -> None:
        if listing.like is not None and listing.like not in reports:
            raise DialectError((*place, "like"), f"there is no reports.{listing.like}", f"reports中没有{listing.like}")
        shared = {} if listing.like is None else reports[listing.like].steps
        self._steps: Mapping[str, Meaning] = {**shared, **listing.steps}
        self._application_id = compiler.expression(listing.application_id, (*place, "application_id"))
        self._code = compiler.expression(listing.code, (*place, "code"))
        self._case_number = compiler.optional(listing.case_number, (*place, "case_number"))

    def read(self, rows: Iterable[Any]) -> tuple[ListedCase, ...]:
        """Every row as a case, in order. PartnerProtocol where one cannot be read: half a listing would accuse."""
        try:
            return tuple(self._case(row) for row in rows)
        except (Unmappable, ValidationError):
            raise undescribed("listing for reconciliation", "对账清单") from None

    def _case(self, row: Any) -> ListedCase:
        found = self._code(row)
        meaning = self._steps.get("" if found is None else str(found), _UNKNOWN)
        return ListedCase.model_validate(
            {
                "application_id": self._application_id(row),
                "case_number": self._case_number(row) or None,
                "step": meaning.step,
                "outcome": meaning.outcome,
            }
        )
