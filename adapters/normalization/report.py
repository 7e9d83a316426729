"""归一化报告: the score of a whole catalogue, by field and by item, and what became of its records."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from adapters.normalization.compile import CompiledDialect
from adapters.normalization.normalize import Normalized
from adapters.normalization.source_use import SourceUse
from adapters.normalization.targets import BITS, GROUPS
from schemas.finding import Severity

_DIGITS = 4


@dataclass(slots=True)
class CatalogueReport:
    """目录报告: fed one record at a time; its size does not grow with the number of records, except by_item."""

    dialect: CompiledDialect
    keep_items: bool = True
    """Whether to keep a score for each item."""
    read: int = 0
    quarantined: int = 0
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Findings by severity and rule."""
    by_item: dict[str, float] = field(default_factory=dict)
    _masks: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    _use: SourceUse = field(init=False)

    def __post_init__(self) -> None:
        self._use = SourceUse(self.dialect.source_map)

    def add(self, record: Any, normalized: Normalized) -> None:
        """Count a record in."""
        self.read += 1
        self.quarantined += normalized.item is None
        self._masks.update(normalized.masks)
        self._use.add(record)
        self.rules.update((one.severity.value, one.rule) for one in normalized.findings)
        if self.keep_items:
            key = (
                normalized.key if normalized.key not in self.by_item else f"{normalized.key} {normalized.place}".strip()
            )
            self.by_item[key] = round(normalized.coverage, _DIGITS)

    @property
    def ok(self) -> int:
        """Records that became items."""
        return self.read - self.quarantined

    @property
    def catalogue(self) -> float:
        """覆盖率 of all records together, 0 to 1."""
        filled = sum((filled & applicable).bit_count() * n for (_, filled, applicable), n in self._masks.items())
        whole = sum(applicable.bit_count() * n for (_, _, applicable), n in self._masks.items())
        return round(filled / whole, _DIGITS) if whole else 0.0

    def by_field(self) -> dict[str, float]:
        """覆盖率 of each field that applied at least once, 0 to 1."""
        filled: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for (group, has, can), times in self._masks.items():
            for target in GROUPS[group]:
                bit = BITS[target.path]
                if can & bit:
                    whole[target.path] += times
                    filled[target.path] += times if has & bit else 0
        order = [target.path for targets in GROUPS.values() for target in targets]
        return {path: round(filled[path] / whole[path], _DIGITS) for path in order if whole[path]}

    def source_use(self) -> dict[str, float]:
        """来源利用: shares of the city's fields that are used, ignored on purpose, unmapped."""
        return self._use.shares()

    def source_fields(self) -> dict[str, Any]:
        """The fields themselves; an ignored one with its reason."""
        groups = self._use.groups()
        reasons = self.dialect.dialect.ignored
        return {
            "used": groups["used"],
            "ignored": {path: _reason(path, reasons) for path in groups["ignored"]},
            "unmapped": groups["unmapped"],
        }

    def as_json(self) -> dict[str, Any]:
        """Everything but items and findings, in the shape of `normalize --json`."""
        return {
            "coverage": {"catalogue": self.catalogue, "by_field": self.by_field(), "by_item": self.by_item},
            "source_use": self.source_use(),
            "source_fields": self.source_fields(),
            "counts": {"read": self.read, "ok": self.ok, "quarantined": self.quarantined},
            "findings_by_rule": [
                {"severity": severity, "rule": rule, "count": count}
                for (severity, rule), count in sorted(self.rules.items(), key=lambda one: (-one[1], one[0]))
            ],
            "dialect": {
                "name": self.dialect.dialect.dialect,
                "version": self.dialect.dialect.version,
                "unconfirmed": list(self.dialect.unconfirmed),
            },
        }

    def has_errors(self) -> bool:
        """Whether anything is in quarantine."""
        return any(severity == Severity.ERROR for severity, _ in self.rules)


def _reason(path: str, reasons: dict[str, str]) -> str:
    for name, reason in reasons.items():
        if name == path or (name.endswith(".*") and path.startswith((name[:-1], f"{name[:-2]}[]", name[:-2]))):
            return reason
    return ""
