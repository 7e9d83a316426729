"""归一化测速: items per second of CPU time on one core, and where the time goes."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.normalization.compile import CompiledDialect
from adapters.normalization.consistency import RULES
from adapters.normalization.normalize import Normalized, normalize
from adapters.normalization.parts import Part, Run
from adapters.normalization.report import CatalogueReport
from schemas.service_item import ServiceItem


@dataclass(frozen=True, slots=True)
class Normalising:
    """测速结果 of one dialect. Shares are parts of the whole, mapping included."""

    items: int
    items_per_s: float
    share_mapping: float
    share_expressions: float
    """Of the mapping: what compiled JMESPath takes, plain paths left out."""
    share_validation: float
    share_rules: float
    report_us: float
    """Beside the normalisation: counting one record into the report, in microseconds."""


def measure(dialect: CompiledDialect, records: Sequence[dict[str, Any]], rounds: int) -> Normalising:
    """Medians over the rounds, each part measured in every round. RuntimeError unless every record is good."""
    if bad := next((one for one in (normalize(record, dialect) for record in records) if one.item is None), None):
        raise RuntimeError(f"a record of the measurement is in quarantine: {bad.findings}")
    spent = [_round(dialect, records) for _ in range(rounds)]
    median = {name: statistics.median(one[name] for one in spent) for name in spent[0]}
    whole = median["whole"]
    return Normalising(
        items=len(records),
        items_per_s=round(len(records) / whole, 1),
        share_mapping=round(median["mapping"] / whole, 3),
        share_expressions=round(median["expressions"] / whole, 3),
        share_validation=round(median["validation"] / whole, 3),
        share_rules=round(median["rules"] / whole, 3),
        report_us=round(median["report"] / len(records) * 1e6, 1),
    )


def _round(dialect: CompiledDialect, records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """One of everything, and nothing kept that a streaming import would not keep.

    What is here beforehand is out of the garbage collector's sight, as records not read yet would be.
    """
    built = [dialect.root.build(record, Run("")) for record in records]
    for values in built:
        values["provenance"] = dict.fromkeys(values, "derived")
    results = [normalize(record, dialect) for record in records]
    items = [one.item for one in results if one.item is not None]
    report = CatalogueReport(dialect)
    gc.collect()
    gc.freeze()
    try:
        return {
            "whole": _cpu_s(lambda: _each(lambda record: normalize(record, dialect), records)),
            "mapping": _cpu_s(lambda: _each(lambda record: dialect.root.build(record, Run("")), records)),
            "expressions": _cpu_s(lambda: _each(lambda record: _expressions(dialect.root, record), records)),
            "validation": _cpu_s(lambda: _each(ServiceItem.model_validate, built)),
            "rules": _cpu_s(lambda: _each(lambda item: [list(rule.check(item)) for rule in RULES], items)),
            "report": _cpu_s(lambda: _count(report, records, results)),
        }
    finally:
        gc.unfreeze()


def _each(work: Callable[[Any], object], values: Sequence[Any]) -> None:
    for value in values:
        work(value)


def _count(report: CatalogueReport, records: Sequence[dict[str, Any]], results: Sequence[Normalized]) -> None:
    for record, one in zip(records, results, strict=True):
        report.add(record, one)


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _expressions(part: Part, record: Any) -> None:
    """Evaluate everything of a part that is more than a plain key, and nothing else."""
    for step in part.steps:
        if step.when is not None:
            step.when(record)
        if step.key is None and step.text:
            step.get(record)
    for one in part.lists:
        found = one.get(record)
        for element in found if isinstance(found, list) else [found]:
            _expressions(one.part, element)
