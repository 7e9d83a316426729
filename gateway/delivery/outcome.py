"""每件必有回音: what one try of one message came to. Exactly one of these, always."""

from dataclasses import dataclass

from schemas.application import StoredFile
from schemas.message import Acknowledgement


@dataclass(frozen=True, slots=True)
class Delivered:
    """送达: the partner has it (SUBMIT), or its file is here (FETCH)."""

    acknowledgement: Acknowledgement | None = None
    fetched: StoredFile | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """延后: try again in `wait_s`. `counts` = it uses up one of the tries; `unclear` = it may have been booked.

    `sent` = this very try sent something: an unclear try that did starts the partner's settling time anew.
    """

    wait_s: float
    code: str
    detail: str
    counts: bool = True
    unclear: bool = False
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """人工处置: refused by the partner, not understood, unclear at an `unsafe` city, or out of tries."""

    code: str
    detail: str
    unclear: bool = False


Outcome = Delivered | Deferred | Held
