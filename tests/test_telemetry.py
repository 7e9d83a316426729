"""What a log line may hold: never a name, a number, a body, nor an exception's words."""

import io
import json
import sys
from typing import Any

import pytest
import structlog

from gateway.telemetry import FORBIDDEN_KEYS, configure


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The JSON lines written so far."""
    sink = io.BytesIO()

    class Stderr(io.StringIO):
        buffer = sink

    monkeypatch.setattr(sys, "stderr", Stderr())
    before = structlog.get_config()
    configure(json=True)
    yield lambda: [json.loads(line) for line in sink.getvalue().splitlines()]
    structlog.configure(**before)


def test_personal_keys_are_dropped_whoever_logs_them(lines: Any) -> None:
    structlog.get_logger().info("x.happened", **dict.fromkeys(FORBIDDEN_KEYS, "陈𠮷安"), kept=1)
    (line,) = lines()
    assert line["kept"] == 1
    assert not FORBIDDEN_KEYS & line.keys()
    assert {"event", "level", "timestamp", "kept"} == line.keys()


def test_an_exception_is_logged_by_type_and_place_without_its_words(lines: Any) -> None:
    secret = "445202189901010014"

    def fail() -> None:
        try:
            int(f"x{secret}")
        except ValueError as cause:
            raise RuntimeError(f"around {secret}") from cause

    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("x.crashed")
    (line,) = lines()
    assert secret not in json.dumps(line)
    assert [link["type"] for link in line["error_chain"]] == ["builtins.RuntimeError", "builtins.ValueError"]
    assert "test_telemetry.py" in line["error_chain"][0]["at"][-1]
