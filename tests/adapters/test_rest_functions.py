"""Functions of expressions that REST profiles brought: times in any pattern, maps and lists, kept values found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.expression_functions import Unmappable
from adapters.expressions import compile_expression
from adapters.kept import kept_names
from adapters.map_functions import at, entries, from_entries
from adapters.time_functions import format_time, parse_time

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
PATTERN = "%Y年%m月%d日 %H:%M:%S.%f"


def ours(text: str, value: Any) -> Any:
    return compile_expression(text, {}, {})(value)


@given(mapping=st.dictionaries(st.text(max_size=5), VALUES))
def test_a_map_is_a_list_and_back(mapping: dict[str, Any]) -> None:
    assert ours("from_entries(entries(m), 'key', 'value')", {"m": mapping}) == mapping
    assert all(ours("at(m, k)", {"m": mapping, "k": key}) == value for key, value in mapping.items())


@given(
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from(["Asia/Shanghai", "UTC", "+00:00", "-09:30", "+14:00"]),
)
def test_a_time_is_read_as_it_is_written(moment: datetime, zone: str) -> None:
    text = format_time(moment.isoformat(), PATTERN, zone)
    read = parse_time(text, PATTERN, zone)
    assert read is not None
    assert datetime.fromisoformat(read) == moment
    with_offset = format_time(moment.isoformat(), f"{PATTERN}%z", zone)
    assert datetime.fromisoformat(str(parse_time(with_offset, f"{PATTERN}%z", None))) == moment


@pytest.mark.parametrize(
    ("text", "pattern", "zone", "wanted"),
    [
        ("2026-11-23", "%Y-%m-%d", "Asia/Shanghai", "2026-11-22T16:00:00+00:00"),
        ("2026327", "%Y%j", "UTC", "2026-11-23T00:00:00+00:00"),
        ("50% 2026/1/2 3", "50%% %Y/%m/%d %H", "-03:00", "2026-01-02T06:00:00+00:00"),
        ("19880601120000", "%Y%m%d%H%M%S", "Asia/Shanghai", "1988-06-01T04:00:00+00:00"),
    ],
)
def test_times_of_partners(text: str, pattern: str, zone: str, wanted: str) -> None:
    found = parse_time(text, pattern, zone)
    assert found is not None
    assert datetime.fromisoformat(found).astimezone(UTC).isoformat() == wanted


@pytest.mark.parametrize("text", ["", "2026-02-30", "2026-11-23 ", "２０２６-11-23", 20261123, ["2026-11-23"]])
def test_what_is_no_time(text: Any) -> None:
    with pytest.raises(Unmappable):
        parse_time(text, "%Y-%m-%d", "UTC")
    with pytest.raises(Unmappable):
        format_time(text, "%Y-%m-%d", "UTC")


def test_nothing_stays_nothing() -> None:
    assert format_time(None, "%Y", "UTC") is parse_time(None, "%Y-%m-%d", "UTC") is None
    assert entries(None) is None
    assert from_entries(None, "k", "v") is None
    assert [at(None, "k"), at({"a": 1}, None), at({}, "a")] == [None, None, None]
    with pytest.raises(Unmappable, match="zone"):
        format_time(None, "%Y", None)


@pytest.mark.parametrize(
    "call",
    [
        lambda: entries([1]),
        lambda: from_entries({}, "k", "v"),
        lambda: from_entries([1], "k", "v"),
        lambda: from_entries([{"k": 1}], "k", "v"),
        lambda: from_entries([{}], "k", "v"),
        lambda: from_entries([{"k": "a"}, {"k": "a"}], "k", "v"),
        lambda: at([1], "a"),
    ],
    ids=range(7),
)
def test_what_is_no_map(call: Any) -> None:
    with pytest.raises(Unmappable):
        call()


@pytest.mark.parametrize(
    ("text", "everywhere", "bare"),
    [
        ("kept.a", {"a"}, {"a"}),
        ("x.kept.a.b || kept.b[0].c", {"a", "b"}, {"b"}),
        ("materials[].kept.a", {"a"}, set()),
        ("materials[?kept.a].{n: kept.b}", {"a", "b"}, set()),
        ("{a: kept.a, b: f(kept.b)}", {"a", "b"}, {"a", "b"}),
        ("[kept.a, @]", {"a"}, {"a"}),
        ("x | kept.a", {"a"}, set()),
        ("kept.*", set(), set()),
        ("kept", set(), set()),
        ("'kept.a'", set(), set()),
        ("kept.[", set(), set()),
    ],
)
def test_kept_values_are_found(text: str, everywhere: set[str], bare: set[str]) -> None:
    assert kept_names(text) == everywhere
    assert kept_names(text, bare=True) == bare


def test_a_pattern_keeps_its_day_in_another_zone() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert format_time(late.isoformat(), "%Y%m%d", "Asia/Shanghai") == "20261124"
    assert format_time((late + timedelta(days=1)).isoformat(), "%Y%m%d", "UTC") == "20261124"
