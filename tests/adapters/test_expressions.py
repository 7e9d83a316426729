"""Our compiled expressions against jmespath's own interpreter, and what is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.functions import Functions, signature

from adapters.expression_functions import Unmappable
from adapters.expressions import ExpressionError, compile_expression
from adapters.function_table import FUNCTIONS
from adapters.profile import load_profile
from adapters.registry import ADAPTERS
from gateway.cli.processes import BY_HAND
from tests.adapters.cities import CITIES, profile_path

TABLES = {"t": {"a": "1", "b": "2"}}
REVERSE = {"t": {"1": "a", "2": "b"}}


def _oracle_functions() -> Functions:
    """Our functions, for jmespath's interpreter."""
    methods: dict[str, Any] = {}
    for name, (function, count) in FUNCTIONS.items():
        methods[f"_func_{name}"] = _method(function, count)
    methods["_func_lookup"] = _method(lambda _table, value: TABLES["t"].get(value), 2)
    made = type("OurFunctions", (Functions,), methods)()
    assert isinstance(made, Functions)
    return made


def _method(function: Callable[..., Any], count: int) -> Any:
    anything: Any = [{"types": []}] * count

    @signature(*anything)
    def method(_self: object, *arguments: Any) -> Any:
        return function(*arguments)

    return method


OPTIONS = jmespath.Options(custom_functions=_oracle_functions())


def oracle(text: str, value: Any) -> Any:
    return jmespath.search(text, value, OPTIONS)


def ours(text: str, value: Any) -> Any:
    return compile_expression(text, TABLES, REVERSE)(value)


SHAPES = [
    "a",
    "a.b",
    "a.b.c",
    "a[0]",
    "a[-1].b",
    "a[].b",
    "a[].{x: b, y: c}",
    "a[*].b",
    "a[?b == `1`].c",
    "a[?b]",
    "a || b",
    "a && b || c",
    "!a",
    "a == b",
    "a != `null`",
    "[a, b]",
    "{x: a, y: b.c}",
    "a | b",
    "a[].[b, c]",
    "@",
    "length(a || `[]`)",
    "to_string(a)",
    "joined('-', [a, b, 'x'])",
    "default(a, 'none')",
    "json_text(a)",
    "a[][].b",
    "(a.b || c).d",
]
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "0", "x"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner), max_leaves=12
)


@given(text=st.sampled_from(SHAPES), value=st.dictionaries(st.sampled_from("abcd"), VALUES))
def test_the_same_as_the_interpreter(text: str, value: Any) -> None:
    assert repr(ours(text, value)) == repr(oracle(text, value))


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for inner in part.values():
            yield from _texts(inner)


@pytest.mark.parametrize("code", CITIES)
def test_profiles_mean_what_the_interpreter_says(code: str) -> None:
    """Report expressions of every profile, over the rows of its examples and over an empty one."""
    profile = load_profile(profile_path(code))
    tables, reverse = profile.dialect.tables, profile.dialect.reversed_tables()
    rows: list[dict[str, Any]] = [{}, *(example.received for example in profile.examples.reports)]
    for report_map in profile.reports.values():
        for text in _texts(report_map.model_dump(exclude={"steps", "noted"})):
            for row in rows:
                assert compile_expression(text, tables, reverse)(row) == oracle(text, row), text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a.[", "not a JMESPath expression"),
        ("", "not a JMESPath expression"),
        ("a > b", "only == and !="),
        ("a[0:2]", "slice"),
        ("a.*", "value projection"),
        ("sort_by(a, &b)", "expref"),
        ("nothing(a)", "no function nothing"),
        ("epoch_ms(a, b)", "takes 1"),
        ("lookup('u', a)", "no table 'u'"),
        ("lookup(a, b)", "write lookup"),
        ("reverse_lookup('u', a)", "no table 'u'"),
    ],
)
def test_refused(text: str, part: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, TABLES, REVERSE)
    assert part in caught.value.message
    assert caught.value.message_zh


def test_lookup() -> None:
    assert ours("lookup('t', a)", {"a": "b"}) == "2"
    assert ours("reverse_lookup('t', a)", {"a": "2"}) == "b"
    assert ours("lookup('t', a)", {}) is None
    unknown: list[Any] = ["c", 1, ["a"], {}]
    for value in unknown:
        with pytest.raises(Unmappable):
            ours("lookup('t', a)", {"a": value})


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        ("epoch_ms(a)", "2026-11-23T01:02:03.456789Z", 1795395723456),
        ("epoch_ms(a)", "2026-11-23T09:02:03+08:00", 1795395723000),
        ("epoch_ms(a)", None, None),
        ("compact_time(a)", "2026-11-23T17:02:03Z", "20261124T010203"),
        ("from_epoch_ms(a)", 1795395723456, "2026-11-23T01:02:03.456000+00:00"),
        ("from_epoch_ms(a)", "1795395723000", "2026-11-23T01:02:03+00:00"),
        ("from_compact_time(a)", "20261124T010203", "2026-11-24T01:02:03+08:00"),
        ("from_compact_time(a)", None, None),
        ("joined(':', a)", ["x", None, 3], "x:3"),
        ("joined(':', a)", None, ""),
        ("json_text(a)", {"k": "𠮷", "n": 10**30}, '{"k":"𠮷","n":1000000000000000000000000000000}'),
        ("default(a, 'x')", "", ""),
        ("default(a, 'x')", False, False),
    ],
)
def test_functions(text: str, value: Any, wanted: Any) -> None:
    assert ours(text, {"a": value}) == wanted


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("epoch_ms(a)", "yesterday"),
        ("epoch_ms(a)", "2026-11-23T01:02:03"),
        ("epoch_ms(a)", 5),
        ("compact_time(a)", ""),
        ("from_epoch_ms(a)", -1),
        ("from_epoch_ms(a)", True),
        ("from_epoch_ms(a)", 10**20),
        ("from_epoch_ms(a)", "１"),
        ("from_compact_time(a)", "20260230T000000"),
        ("from_compact_time(a)", "2026-11-24T01:02:03"),
        ("from_compact_time(a)", "20261124T010203\n"),
        ("from_compact_time(a)", 20261124),
        ("length(a)", 5),
    ],
)
def test_what_cannot_be_meant(text: str, value: Any) -> None:
    with pytest.raises(Unmappable) as caught:
        ours(text, {"a": value})
    assert str(value) not in caught.value.message or not str(value)


def test_every_profile_is_covered() -> None:
    shipped = {path.stem: load_profile(path) for path in profile_path("441300").parent.glob("*.yaml")}
    called = {code for code, profile in shipped.items() if profile.transport in ADAPTERS}
    assert called - BY_HAND.keys() <= set(CITIES)
    assert called >= BY_HAND.keys()
    assert all(profile_path(code).exists() for code in CITIES)
