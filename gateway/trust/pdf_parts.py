"""PDF签章的读出结果: what reading a PDF gives, as plain values that a process can hand to another.

Only the reader looks at the structure of the file; whether a signature holds is found from these values and the bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Fault = Literal["malformed", "encrypted", "too_many", "exhausted", "missing"]
Later = Literal["none", "archive", "signatures", "content"]


@dataclass(frozen=True, slots=True)
class PdfSignature:
    """One filled signature field."""

    field: str
    is_stamp: bool
    """A document timestamp: it proves a time and stands for no content."""
    sub_filter: str
    contents_hex: str
    """The signature value as it stands in the file, with its padding."""
    byte_range: tuple[int, ...]
    whole_revision: bool
    """Whether the range ends where a revision of the file ends."""
    later: Later
    """What was added after that revision: nothing; revocation data and timestamps; further signatures; other things."""
    within_permission: bool
    """Whether what was added keeps to what the signature permits (DocMDP, FieldMDP)."""
    claimed: datetime | None
    """The time in the signature's dictionary."""


@dataclass(frozen=True, slots=True)
class PdfDocument:
    """读出结果. With a fault there is nothing else."""

    fault: Fault | None = None
    reason: str = ""
    """The kind of the fault for an auditor; never text of the file."""
    revisions: int = 0
    signatures: tuple[PdfSignature, ...] = ()
    covering: int = 0
    """Visible fields added later, behind which no signature of content stands."""
