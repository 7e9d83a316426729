"""潮州's lists for 对账: a file a day with each case and how far it is, and the file's SM3 beside it."""

from collections.abc import Iterable
from pathlib import Path

from tests.simulators import batch_files, clock
from tests.simulators.books import Booking
from tests.simulators.chaozhou_words import LISTED
from tests.simulators.progress import Moment

APART_S = 0.2


class DayLists:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cases: dict[str, dict[str, Booking]] = {}  # day → our reference → booking
        self._states: dict[str, tuple[int, str]] = {}  # our reference → number and code of the last step
        self._changed: set[str] = set()
        self._written_at = 0.0

    def add(self, bookings: Iterable[Booking]) -> None:
        for booking in bookings:
            day = clock.day(booking.booked_at)
            self._cases.setdefault(day, {})[booking.our_ref] = booking
            self._changed.add(day)

    def remember(self, booking: Booking, moment: Moment) -> None:
        before = self._states.get(booking.our_ref, (0, ""))
        self._states[booking.our_ref] = max(before, (moment.number, moment.code))
        self._changed.add(clock.day(booking.booked_at))

    def write(self) -> None:
        """The lists that have changed, each whole under another name first; not more often than `APART_S`."""
        if not self._changed or clock.now() - self._written_at < APART_S:
            return
        for day in self._changed:
            content = batch_files.table(LISTED, [self._row(one) for one in self._cases[day].values()])
            name = f"duizhang-{day}.csv"
            for file, written in ((name, content), (f"{name}.sm3", batch_files.sm3_hex(content).encode())):
                part = self._folder / f"{file}.part"
                part.write_bytes(written)
                part.rename(self._folder / file)
        self._changed.clear()
        self._written_at = clock.now()

    def _row(self, booking: Booking) -> dict[str, object]:
        _, code = self._states.get(booking.our_ref, (0, "JS"))
        return {"YSBLSH": booking.our_ref, "SBLSH": booking.case_number, "ZT": code}
