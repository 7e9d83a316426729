"""函数表: what an expression may call beyond JMESPath's own functions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from adapters.expression_functions import (
    compact_time,
    default,
    epoch_ms,
    from_compact_time,
    from_epoch_ms,
    joined,
    json_text,
)
from adapters.map_functions import at, entries, from_entries
from adapters.time_functions import format_time, parse_time

FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int]] = MappingProxyType(
    {
        "epoch_ms": (epoch_ms, 1),
        "compact_time": (compact_time, 1),
        "from_epoch_ms": (from_epoch_ms, 1),
        "from_compact_time": (from_compact_time, 1),
        "format_time": (format_time, 3),
        "parse_time": (parse_time, 3),
        "json_text": (json_text, 1),
        "joined": (joined, 2),
        "default": (default, 2),
        "entries": (entries, 1),
        "from_entries": (from_entries, 3),
        "at": (at, 2),
    }
)
"""Name → function and number of arguments; lookup, reverse_lookup and hook are bound when compiled."""
