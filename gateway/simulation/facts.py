"""办件经过: what happens to a case in a simulated city, in our own words, before any of the city's are found for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.message import Outcome, Step


@dataclass(frozen=True, slots=True)
class ResultFile:
    """结果文件 that the city gives: a page of text, the same for the same case."""

    reference: str
    name: str
    content: bytes
    sha256: str
    sm3: str
    """As the city states them, which may be false."""

    def told(self) -> dict[str, Any]:
        """As `files` of a profile's reports gives it."""
        return {
            "reference": self.reference,
            "name": self.name,
            "size_bytes": len(self.content),
            "sha256": self.sha256,
            "sm3": self.sm3,
        }


@dataclass(frozen=True, slots=True)
class Happened:
    """一步: `sequence` counts from 1 within the case."""

    application_id: str
    case_number: str | None
    step: Step
    at: datetime
    sequence: int
    outcome: Outcome | None = None
    reason: str | None = None
    file: ResultFile | None = None
    code: str | None = None
    """A status code to be used as it is, whatever it means."""


@dataclass(slots=True)
class SimulatedCase:
    """模拟办件: one application that the city has booked. `words` are what could be read of it."""

    application_id: str
    message_id: str | None
    case_number: str
    words: Mapping[str, Any]
    booked_at: datetime
    steps: list[Happened] = field(default_factory=list)
    follow_ups: set[str] = field(default_factory=set)
    withdrawn: bool = False
    supplemented: bool = False
    """Whether a supplement was given."""
