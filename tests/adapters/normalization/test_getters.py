"""Paths: plain where they can be, JMESPath where they must be, and which source fields each reads."""

from typing import Any

import pytest

from adapters.dialect import Compiler, Dialect, DialectError
from adapters.normalization.getters import Getter, getter, quoted


def made(text: str) -> Getter:
    return getter(text, Compiler(Dialect()), ("fields", "x"))


RECORD: dict[str, Any] = {
    "a": {"b": {"c": 1}, "l": [{"x": "1", "y": 2}, {"x": "2", "y": 3}]},
    "办件类型": "2",
    "时限(工作日)": 5,
    "a-b": 6,
    "w": None,
}


@pytest.mark.parametrize(
    ("text", "value", "key", "reads"),
    [
        ("办件类型", "2", "办件类型", ("办件类型",)),
        ("a-b", 6, "a-b", ("a-b",)),
        ("a.b.c", 1, None, ("a.b.c",)),
        ("办件类型.x", None, None, ("办件类型.x",)),
        ('"时限(工作日)"', 5, "时限(工作日)", ("时限(工作日)",)),
        ('a."b"', {"c": 1}, None, ("a.b",)),
        ("w || 办件类型".replace("办件类型", '"办件类型"'), "2", None, ("w", "办件类型")),
        ("a.l[0].y", 2, None, ("a.l.*",)),
        ("a.l[?x=='2'].y | [0]", 3, None, ("a.l.*",)),
        ("a.l[].x", ["1", "2"], None, ("a.l.*",)),
        ("a.[b, l]", [{"c": 1}, RECORD["a"]["l"]], None, ("a.*",)),
        ("{p: a.b.c, q: w}", {"p": 1, "q": None}, None, ("a.b.c", "w")),
        ("@", RECORD, None, ()),
        ("@.a.b.c", 1, None, ("a.b.c",)),
        ("@.w", None, None, ("w",)),
        ("join(',', a.l[].x)", "1,2", None, ("a.l.*",)),
        ("(a || w).b.c", 1, None, ()),
        ("a.b.{z: c}", {"z": 1}, None, ("a.b.*",)),
        ("'constant'", "constant", None, ()),
    ],
)
def test_getters(text: str, value: Any, key: str | None, reads: tuple[str, ...]) -> None:
    found = made(text)
    assert found.get(RECORD) == value
    assert found.key == key
    assert found.reads == reads


def test_nothing_is_found_in_what_is_no_object() -> None:
    for text in ("a", "a.b", "a || b"):
        for value in (None, "x", 5, [1]):
            assert made(text).get(value) is None


@pytest.mark.parametrize("text", ["a[", "a.b(", "a..b", "时限(工作日)", "lookup('t', a)", "a[*].b.*.c", "a > `1`"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(DialectError) as caught:
        made(text)
    assert caught.value.place == ("fields", "x")


@pytest.mark.parametrize("name", ["a", "办件类型", "时限(工作日)", "No.", '引"号', "a b", " x", "份数（原件/复印件）"])
def test_a_name_is_written_so_that_it_is_found_again(name: str) -> None:
    found = made(quoted(name))
    assert found.get({name: 7}) == 7
    assert found.reads == (name,)
