"""日志与指标: one structured line per unit of work, and counters. Names, ID numbers and bodies never pass.

The last processor drops every key that could carry personal data, whoever logged it.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FORBIDDEN_KEYS = frozenset(
    "name applicant applicant_name agent phone document_number credit_code body form reason token secret address "
    "authorization".split()
)


def drop_personal(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop keys that may hold personal data or secrets."""
    if not FORBIDDEN_KEYS.isdisjoint(event):
        for key in FORBIDDEN_KEYS & event.keys():
            del event[key]
    return event


def exception_without_words(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its type and the places it passed; never its message or the values around it.

    A message (a validation error's, a driver's) and local variables may hold a person's name or number.
    """
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else sys.exc_info()[1]
    if error is not None:
        chain: list[dict[str, Any]] = []
        while error is not None and len(chain) < 5:
            frames = traceback.extract_tb(error.__traceback__)
            chain.append(
                {
                    "type": f"{type(error).__module__}.{type(error).__qualname__}",
                    "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
                }
            )
            error = error.__cause__ or error.__context__
        event["error_chain"] = chain
    return event


def _render(_logger: object, method: str, event: MutableMapping[str, Any]) -> bytes:
    """One JSON line; level and time are added here, in one pass, because every request pays for it."""
    event["level"] = method
    event["timestamp"] = datetime.now(UTC).isoformat()  # noqa: TID251 - the time a line is written, no rule depends on it
    return orjson.dumps(event, default=str)


def configure(*, json: bool | None = None, level: int = logging.INFO) -> None:
    """Set up structlog: JSON lines on stderr, or a coloured console where stderr is a terminal."""
    as_json = (not sys.stderr.isatty()) if json is None else json
    if as_json:
        structlog.configure(
            processors=[exception_without_words, drop_personal, _render],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
            cache_logger_on_first_use=True,
        )
        return
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            exception_without_words,
            drop_personal,
            structlog.dev.ConsoleRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class Metrics:
    """运行指标, one registry per gateway, so that two gateways in one test do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("tongban_requests", "API requests", ["route", "status"], registry=self.registry)
        self.request_seconds = Histogram(
            "tongban_request_seconds",
            "API request duration",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )
        self.accepted = Counter(
            "tongban_applications_accepted", "Applications taken", ["direction"], registry=self.registry
        )
        self.attempts = Counter(
            "tongban_delivery_attempts", "Delivery tries by outcome", ["city", "outcome"], registry=self.registry
        )
        self.reports = Counter(
            "tongban_progress_reports",
            "Progress reports by what became of them",
            ["city", "result"],
            registry=self.registry,
        )
        self.lane_depth = Gauge("tongban_lane_depth", "Messages waiting in memory", ["city"], registry=self.registry)
        self.in_flight = Gauge("tongban_lane_in_flight", "Messages being sent", ["city"], registry=self.registry)
        self.breaker_open = Gauge(
            "tongban_breaker_open", "1 while the breaker is open", ["city"], registry=self.registry
        )
        self.reconciliation_open = Gauge(
            "tongban_reconciliation_open", "Open findings of reconciliation", ["city", "kind"], registry=self.registry
        )
        self.outbox = Gauge("tongban_outbox", "Messages in the outbox", ["city", "state"], registry=self.registry)
