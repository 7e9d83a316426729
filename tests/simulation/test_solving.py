"""Expressions solved backwards: whatever is found must give what was wanted when it is evaluated forwards."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.expression_functions import CHINA
from adapters.expressions import compile_expression
from gateway.simulation.solving import Solver, Truth, found_at, made, paths_in

TABLES = {"mode": {"ONLINE": "0", "COLLECT": "1"}}
REVERSE = {"mode": {"0": "ONLINE", "1": "COLLECT"}}
NAMES = st.sampled_from(["a", "b", "c", "行", "data_1"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1, max_size=8)
CALM = st.sampled_from(["x", "12", "申请", "0"])


def solved(text: str, wanted: Any) -> Any:
    """The first object that gives `wanted`."""
    evaluate = compile_expression(text, TABLES, REVERSE)
    for bound in Solver(TABLES, REVERSE).solutions(text, wanted):
        found = made(bound)
        if evaluate(found) == wanted:
            return found
    return pytest.fail(f"{text} has no solution for {wanted!r}")


@given(st.lists(NAMES, min_size=1, max_size=4), TEXTS)
def test_a_path(names: list[str], wanted: str) -> None:
    path = ".".join(f'"{name}"' for name in names)
    assert found_at(solved(path, wanted), tuple(names)) == wanted


@given(CALM, CALM)
def test_texts_that_are_joined(left: str, right: str) -> None:
    found = solved("joined('|', [a, b.c])", f"{left}|{right}")
    assert (str(found["a"]), str(found["b"]["c"])) == (left, right)


@given(st.integers(0, 4_000_000_000))
def test_times(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert solved("from_epoch_ms(t)", at.isoformat()) == {"t": seconds * 1000}
    assert len(solved("from_compact_time(t)", at.astimezone(CHINA).isoformat())["t"]) == 15


@given(st.lists(st.tuples(TEXTS, st.integers(0, 10**9)), min_size=1, max_size=3))
def test_lists_of_objects(files: list[tuple[str, int]]) -> None:
    wanted = [{"reference": name, "size_bytes": size} for name, size in files]
    found = solved("rows[].{reference: id, size_bytes: meta.size}", wanted)
    assert [(one["id"], one["meta"]["size"]) for one in found["rows"]] == files


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("lookup('mode', m)", "1", {"m": "COLLECT"}),
        ("reverse_lookup('mode', m)", "COLLECT", {"m": "1"}),
        ("data[0].no", "N1", {"data": [{"no": "N1"}]}),
        ("default(data.rows, `[]`)", [{"x": 1}], {"data": {"rows": [{"x": 1}]}}),
        ("to_number(n)", 5, {"n": "5"}),
        ("to_string(n)", "5", {"n": 5}),
        ("json_text(x)", '{"a":1}', {"x": {"a": 1}}),
        ("kind == '2' && joined('.', [kind, code]) || kind", "2.1", {"kind": "2", "code": "1"}),
        ("kind == '2' && joined('.', [kind, code]) || kind", "7", {"kind": "7"}),
        ("why || other", "so", {"why": "so"}),
        ("code != '0' && words || `null`", "so", {"words": "so"}),
        ("name && [{reference: joined('!', [pack, name])}]", [{"reference": "p!n"}], {"pack": "p", "name": "n"}),
        ("rows[?ok == 'y'].id", ["1", "2"], {"rows": [{"id": "1", "ok": "y"}, {"id": "2", "ok": "y"}]}),
        ("'fixed'", "fixed", {}),
    ],
)
def test_what_profiles_write(text: str, wanted: Any, found: Any) -> None:
    assert solved(text, wanted) == found


@pytest.mark.parametrize(("text", "holds"), [("a == '1'", True), ("a == '1' && !b", True), ("!(a == '1')", False)])
def test_conditions(text: str, holds: bool) -> None:
    evaluate = compile_expression(text, {}, {})
    for bound in Solver({}, {}).solutions(text, Truth.TRUE):
        assert evaluate(made(bound)) is True
        break
    else:
        pytest.fail("no solution")
    falsy = next(iter(Solver({}, {}).solutions(text, Truth.FALSE)))
    assert not evaluate(made(falsy)) or holds


@pytest.mark.parametrize("text", ["'other'", "length(a)", "a[", "sort(a)"])
def test_what_cannot_be_solved_has_no_solution(text: str) -> None:
    assert list(Solver({}, {}).solutions(text, "x")) == []


def test_what_contradicts_what_is_known_is_no_solution() -> None:
    solver = Solver({}, {})
    known: dict[tuple[str | int, ...], Any] = {("a",): "1"}
    assert list(solver.solutions("a", "2", known)) == []
    assert list(solver.solutions("a.b", "2", known)) == []
    assert [dict(one) for one in solver.solutions("a", "1", known)] == [known]


def test_an_object_over_an_example() -> None:
    base = {"kept": [1, {"x": 2}], "row": [{"no": "old", "other": 1}]}
    assert made({("row", 0, "no"): "new", ("gone", "deep"): None}, base) == {
        "kept": [1, {"x": 2}],
        "row": [{"no": "new", "other": 1}],
        "gone": None,
    }
    assert base["row"] == [{"no": "old", "other": 1}]


def test_the_paths_of_an_identity() -> None:
    assert paths_in("joined(':', [a.b, c[0], to_string(d), rows[].x])") == [("a", "b"), ("c", 0), ("d",)]
