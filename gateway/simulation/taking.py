"""收件: what a called city answers to an application, a follow-up, a question; the same over REST and SOAP."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.simulation.engine import Engine
from schemas.errors import Invalid


@dataclass(frozen=True, slots=True)
class Answered:
    """答复: a meaning, and the case it is about."""

    meaning: str
    case_number: str | None = None


@dataclass(slots=True)
class Desk:
    """收件窗口 of a called city."""

    engine: Engine
    uploads: dict[str, str] = field(default_factory=dict)
    """Number of a file → its SHA-256."""

    def upload(self, content: bytes) -> tuple[str, str]:
        """The file's new number, and its SHA-256."""
        number = f"F{secrets.token_hex(12)}"
        self.uploads[number] = hashlib.sha256(content).hexdigest()
        return number, self.uploads[number]

    def apply(self, words: Mapping[str, Any]) -> Answered:
        """An application."""
        _require(words)
        known = self.engine.known(words)
        if known is not None and "double_booking" not in self.engine.faults:
            return Answered("duplicate", known.case_number)
        if self.engine.refuses(words) or not self._has_files(words):
            return Answered("refused")
        return Answered("accepted", self.engine.book(words).case_number)

    def follow(self, words: Mapping[str, Any], *, withdrawal: bool) -> Answered:
        """A supplement or a withdrawal."""
        case = self.engine.known(words)
        if case is None or not self._has_files(words):
            return Answered("refused")
        message_id = str(words.get("message_id") or f"{withdrawal}")
        return Answered(self.engine.follow(case, message_id, withdrawal=withdrawal), case.case_number)

    def query(self, words: Mapping[str, Any]) -> Answered:
        """Whether it has a message."""
        known = self.engine.known(words)
        return Answered("absent") if known is None else Answered("accepted", known.case_number)

    def _has_files(self, words: Mapping[str, Any]) -> bool:
        materials: Sequence[Any] = words.get("materials") or ()
        named = [one.get("uploaded") for one in materials if isinstance(one, dict)]
        return all(number in self.uploads for number in named if number is not None)


def _require(words: Mapping[str, Any]) -> None:
    """Invalid where the application does not say its own number: then nothing can be reported of it."""
    if not isinstance(words.get("application_id"), str):
        raise Invalid(
            "The application as this profile writes it does not hold application_id as it is.",
            "该配置写出的申报报文中没有原样的application_id。",
        )
