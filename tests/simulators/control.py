"""Fault settings: read at start from --config, changed while running through POST /_control."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, fields
from email.utils import formatdate
from enum import Enum
from typing import Any

from tests.simulators import clock

EVERYWHERE = frozenset(
    {"pace_s", "silent", "outcome", "refuse_count", "repeat", "reorder", "late_s", "down", "wrong_digest", "by_item"}
    | {"skew_s", "lose_uploads", "fault"}
)
REST = EVERYWHERE | {
    "slow_before_s",
    "slow_after_s",
    "fail_status",
    "fail_count",
    "fail_after_booking",
    "cut_count",
    "cut_after_booking",
    "later_count",
    "retry_after_s",
    "retry_after_as_date",
    "lose_files",
    "storm",
    "wrong_charset",
    "truncated_answers",
    "huge_answers",
}


@dataclass(slots=True)
class Settings:
    """Counters (…_count, bad_signature, lose_uploads and those of spoiling.py) go down as they are used."""

    pace_s: float = 0.2
    silent: bool = False
    outcome: str = "granted"
    slow_before_s: float = 0.0
    slow_after_s: float = 0.0
    fail_status: int = 503
    fail_count: int = 0
    fail_after_booking: bool = False
    cut_count: int = 0
    cut_after_booking: bool = False
    later_count: int = 0
    retry_after_s: float = 0.0
    retry_after_as_date: bool = False
    refuse_count: int = 0
    down: bool = False
    repeat: int = 0
    reorder: bool = False
    late_s: float = 0.0
    skew_s: float = 0.0
    bad_signature: int = 0
    lose_files: bool = False
    lose_uploads: int = 0
    """So many files that reach it are gone before their application is looked at."""
    storm: int = 0
    wrong_charset: int = 0
    truncated_answers: int = 0
    huge_answers: int = 0
    wrong_digest: bool = False
    callback_url: str = ""
    cut_at_bytes: int = 0
    half_written: int = 0
    spoil_digest: int = 0
    asleep: bool = False
    areas_down: str = ""
    """Of a hub: cities it cannot pass anything on to now, with commas."""
    areas_slow: str = ""
    """Of a hub: cities for which `slow_after_s` holds, where it is given."""
    mislabel: str = ""
    """Of a hub: the city its reports name instead of the right one."""
    fault: str = ""
    """What it does wrong all the time, by name: tests/conformance/test_seeded_faults.py lists them."""
    by_item: dict[str, str] = field(default_factory=dict)
    """Task code → outcome of its applications, or "refuse"."""

    def outcome_of(self, task_code: str) -> str:
        return self.by_item.get(task_code, self.outcome)

    def retry_after(self) -> dict[str, str]:
        """The header: seconds, or the date that RFC 9110 also allows."""
        if not self.retry_after_s:
            return {}
        at = formatdate(clock.now() + self.retry_after_s, usegmt=True)
        return {"Retry-After": at if self.retry_after_as_date else f"{self.retry_after_s:g}"}

    def take(self, counter: str) -> bool:
        """Whether one more of `counter` was left; it is used up by this call."""
        left = int(getattr(self, counter))
        if left > 0:
            setattr(self, counter, left - 1)
        return left > 0


class InvalidSetting(ValueError):
    """The message names the setting."""


class Fault(Enum):
    CUT = "cut"
    FAIL = "fail"
    LATER = "later"
    REFUSE = "refuse"


class Control:
    """One simulator's settings: which names it knows and which outcomes its wire can express."""

    def __init__(self, names: Collection[str], outcomes: Collection[str]) -> None:
        self.settings = Settings()
        self._names = frozenset(names)
        self._outcomes = frozenset(outcomes)

    def merge(self, changes: object) -> None:
        """All of `changes` or none. Raises InvalidSetting."""
        if not isinstance(changes, dict):
            raise InvalidSetting("settings are one JSON object")
        for name, value in changes.items():
            self._check(str(name), value)
        for name, value in changes.items():
            setattr(self.settings, name, value)

    def _check(self, name: str, value: object) -> None:
        if name not in self._names:
            raise InvalidSetting(f"this simulator has no setting {name!r}")
        kind = type(getattr(Settings(), name))
        wanted = (int, float) if kind is float else (kind,)
        if type(value) not in wanted:
            raise InvalidSetting(f"{name!r} must be {kind.__name__}")
        if name == "outcome" and value not in self._outcomes:
            raise InvalidSetting(f"'outcome' must be one of {sorted(self._outcomes)}, not {value!r}")

    def all(self) -> dict[str, Any]:
        values = asdict(self.settings)
        return {one.name: values[one.name] for one in fields(Settings) if one.name in self._names}

    def fault_before_booking(self, message: Iterable[object] = ()) -> Fault | None:
        """The fault this apply call meets before it is booked; its counter is used up."""
        settings = self.settings
        if self.refuses(message):
            return Fault.REFUSE
        if not settings.cut_after_booking and settings.take("cut_count"):
            return Fault.CUT
        if not settings.fail_after_booking and settings.take("fail_count"):
            return Fault.FAIL
        if settings.take("later_count"):
            return Fault.LATER
        return Fault.REFUSE if settings.take("refuse_count") else None

    def refuses(self, message: Iterable[object]) -> bool:
        """Whether one of these values is an item that the city does not have."""
        return any(self.settings.by_item.get(value) == "refuse" for value in message if isinstance(value, str))

    def fault_after_booking(self) -> Fault | None:
        settings = self.settings
        if settings.cut_after_booking and settings.take("cut_count"):
            return Fault.CUT
        return Fault.FAIL if settings.fail_after_booking and settings.take("fail_count") else None
