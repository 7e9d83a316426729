"""矛盾: what a consistency rule says of an item, and where."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schemas.finding import Severity
from schemas.service_item import ServiceItem


@dataclass(frozen=True, slots=True)
class Breach:
    """矛盾: one place where an item breaks a rule."""

    field: str
    """Our field: `visit_reason`, `fees[0].standard`."""
    value: str | None
    """What stands there; None where nothing does."""
    message_zh: str


@dataclass(frozen=True, slots=True)
class Rule:
    """一致性规则: its name, how grave a breach is, where the rule comes from, and the check itself."""

    name: str
    severity: Severity
    source: str
    check: Callable[[ServiceItem], Iterator[Breach]]
