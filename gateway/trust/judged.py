"""判定: what verifying one file or token came to, before it becomes a report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.verification import Check, LicenceFormat, SignatureReport


@dataclass(frozen=True, slots=True)
class Judged:
    """判定. `facts` are what a token says of its holder, for the comparison with the applicant; never logged."""

    format: LicenceFormat
    checks: tuple[Check, ...]
    signatures: tuple[SignatureReport, ...] = ()
    dialects: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
