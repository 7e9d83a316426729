"""每件必有回音: what one try of one message came to. Exactly one of these, always."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.application import StoredFile
from schemas.message import Acknowledgement


class Contact(StrEnum):
    """对方状况: what a try says about the city itself, whatever became of the message."""

    ANSWERED = "answered"
    """It answered; a refusal is an answer."""
    FAILED = "failed"
    """It did not answer, or says that it cannot work now."""
    BUSY = "busy"
    """It works, and asks for patience (Retry-After)."""
    NONE = "none"
    """It was not asked, or what happened is nothing to judge it by."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """送达: the partner has it (SUBMIT), or its file is here (FETCH)."""

    acknowledgement: Acknowledgement | None = None
    fetched: StoredFile | None = None
    contact: Contact = Contact.ANSWERED
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Deferred:
    """延后: try again in `wait_s`. `counts` = it uses up one of the tries; `unclear` = it may have been booked.

    `sent` = this very try sent something: an unclear try that did starts the partner's settling time anew.
    `pause_s` = how long a BUSY city wants no message at all, this one or another.
    """

    wait_s: float
    code: str
    detail: str
    counts: bool = True
    unclear: bool = False
    sent: bool = True
    contact: Contact = Contact.FAILED
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """人工处置: refused by the partner, not understood, unclear at an `unsafe` city, or out of tries."""

    code: str
    detail: str
    unclear: bool = False
    contact: Contact = Contact.NONE
    pause_s: float = 0.0


Outcome = Delivered | Deferred | Held
