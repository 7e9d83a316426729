"""Shapes of incoming messages: a table per message says what the wire allows, one function finds what is wrong."""

import re
from typing import TypeAlias

# A name ending in "?" may be absent or null. A type means itself (bool is not an int); a range or set, its members.
Rule: TypeAlias = "type | range | frozenset[object] | re.Pattern[str] | dict[str, Rule] | list[Rule]"

REFERENCE = re.compile(r"[0-9A-Za-z-]{1,64}")
SOME_TEXT = re.compile(r"(?s).+")
DIVISION = re.compile(r"[0-9]{6,12}")
TIME = re.compile(r"[0-9]{8}T[0-9]{6}")
EPOCH_MS = range(10**12, 10**13)
SHA256 = re.compile(r"[0-9a-f]{64}")
ONE_OR_TWO: frozenset[object] = frozenset({"1", "2"})
# The page says "mode number"; both ways of writing a number are taken.
MODES: frozenset[object] = frozenset({"0", "1", "2", "3", 0, 1, 2, 3})
PAPERS: frozenset[object] = frozenset({"111", "414", "516", "511", "001", "999"})
IDENTITY: frozenset[object] = frozenset({"card_reader", "face", "video", "counter", "platform"})


def wrong(rule: Rule, value: object, where: str = "") -> str | None:
    """The path of the first thing in `value` that `rule` forbids."""
    if isinstance(rule, dict):
        return _wrong_object(rule, value, where)
    if isinstance(rule, list):
        return _wrong_list(rule[0], value, where)
    return None if _is_allowed(rule, value) else where or "message"


def _is_allowed(rule: type | range | frozenset[object] | re.Pattern[str], value: object) -> bool:
    if isinstance(rule, re.Pattern):
        return isinstance(value, str) and rule.fullmatch(value) is not None
    if isinstance(rule, type):
        return isinstance(value, rule) and not (rule is int and isinstance(value, bool))
    return isinstance(value, str | int) and value in rule


def _wrong_object(rules: dict[str, Rule], value: object, where: str) -> str | None:
    if not isinstance(value, dict):
        return where or "message"
    unread = set(value)
    for name, rule in rules.items():
        key = name.removesuffix("?")
        unread.discard(key)
        if key != name and value.get(key) is None:
            continue
        found = wrong(rule, value.get(key), f"{where}/{key}")
        if found:
            return found
    return f"{where}/{min(unread)} (unknown)" if unread else None


def _wrong_list(rule: Rule, value: object, where: str) -> str | None:
    if not isinstance(value, list):
        return where or "message"
    return next((found for n, item in enumerate(value) if (found := wrong(rule, item, f"{where}/{n}"))), None)
