"""写出对账清单: every booked case of a day as a row that the profile reads back as that case."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.expression_functions import CHINA
from adapters.listing import Listing
from adapters.operations import Code, ListingMap, Meaning
from adapters.profile import CityProfile
from gateway.simulation.engine import Engine
from gateway.simulation.facts import SimulatedCase
from gateway.simulation.reports import solver_of
from gateway.simulation.solving import Bindings, made
from schemas.errors import CrossCityError, Invalid
from schemas.message import Step


class ListingWriter:
    """写清单的人."""

    def __init__(self, profile: CityProfile, listing: ListingMap) -> None:
        self._listing, self._solver = listing, solver_of(profile)
        shared = {} if listing.like is None else profile.reports[listing.like].steps
        self._steps: Mapping[Code, Meaning] = {**shared, **listing.steps}
        self._reader = Listing(listing, profile.reports, profile.compiler(), ("listing", "case"))

    def rows(self, engine: Engine, day: str) -> list[dict[str, Any]]:
        """The cases booked on a Beijing day, as YYYY-MM-DD or YYYYMMDD."""
        plain = day.replace("-", "")[:8]
        cases = [one for one in engine.cases.values() if f"{one.booked_at.astimezone(CHINA):%Y%m%d}" == plain]
        if "unlisted" in engine.faults:
            cases = cases[1:]
        return [self.row(one) for one in cases]

    def row(self, case: SimulatedCase) -> dict[str, Any]:
        """One case. Invalid where the profile does not say enough."""
        for step in [*(one.step for one in reversed(case.steps)), Step.ARRIVED, Step.ACCEPTED]:
            for code, meaning in self._steps.items():
                if meaning.step is step:
                    for bound in self._solved(case, code):
                        row: dict[str, Any] = made(bound)
                        if self._reads_back(row, case, step):
                            return row
        raise Invalid(
            "A row of the listing cannot be written from this profile's expressions.",
            "无法由该配置的表达式写出对账清单的行。",
        )

    def _solved(self, case: SimulatedCase, code: str) -> Iterator[Bindings]:
        for one in self._solver.solutions(self._listing.application_id, case.application_id):
            for value in (code, int(code)) if code.isdecimal() else (code,):
                for two in self._solver.solutions(self._listing.code, value, one):
                    if self._listing.case_number is None:
                        yield two
                    else:
                        yield from self._solver.solutions(self._listing.case_number, case.case_number, two)

    def _reads_back(self, row: dict[str, Any], case: SimulatedCase, step: Step) -> bool:
        try:
            (read,) = self._reader.read([row])
        except CrossCityError:
            return False
        return str(read.application_id) == case.application_id and read.step is step
