"""所存取值: the order of a REST section's steps, and which values each may use, checked before anything runs."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from adapters.dialect import DialectError, Place
from adapters.rest_operations import Call, Operation, RestOperations, Step, UploadCall

_KEPT = "kept"
_IN_PATH = re.compile(r"\{kept\.([a-z0-9_]+)\}")
_ELSEWHERE = frozenset({"projection", "filter_projection", "value_projection", "pipe"})
"""Nodes whose first part alone is about the input."""
_WITH_FILES = frozenset({"submit", "supplement", "withdraw"})


def kept_names(text: str, *, bare: bool = False) -> set[str]:
    """Every `x` of `kept.x` in an expression; with `bare` only where nothing stands before `kept`."""
    try:
        return set(_names(jmespath.compile(text).parsed, bare=bare))
    except JMESPathError:
        return set()  # the compiler says what is wrong with it


class StepOrder:
    """步骤次序: what the steps keep and who uses it."""

    def __init__(self, rest: RestOperations) -> None:
        self._rest = rest
        self._used: set[str] = set()

    def check(self, name: str, call: Operation) -> None:
        """An operation and the steps before it. Raises DialectError at the first fault."""
        place: Place = ("rest", name)
        kept: set[str] = set()
        single: set[str] = set()
        for number, step_name in enumerate(call.first):
            step = self._step(step_name, name, (*place, "first", number))
            self._check_uses(step, ("rest", "steps", step_name), kept, single)
            names = {one.removesuffix("?") for one in step.keeps}
            kept |= names
            single |= names if step.each is None else set()
        if self._rest.upload is not None and name in ("submit", "supplement"):
            self._check_uses(self._rest.upload, ("rest", "upload"), kept, single)
        self._check_uses(call, place, kept, single)

    def check_used(self) -> None:
        """Raises DialectError for a step that no operation makes."""
        for name in self._rest.steps:
            if name not in self._used:
                raise DialectError(
                    ("rest", "steps", name), "no operation has this step under `first`", "没有操作的first用到该步骤"
                )

    def _step(self, step_name: str, operation: str, place: Place) -> Step:
        step = self._rest.steps.get(step_name)
        if step is None:
            raise DialectError(place, f"there is no step {step_name}", f"没有名为{step_name}的步骤")
        if step.each is not None and operation not in _WITH_FILES:
            raise DialectError(
                place,
                f"{operation} has no files or materials for this step",
                f"{operation}没有文件或材料，不能用该步骤",
            )
        self._used.add(step_name)
        return step

    def _check_uses(self, call: Call, place: Place, kept: set[str], single: set[str]) -> None:
        for field, text, bare in _texts(call):
            if unknown := sorted(kept_names(text) - kept):
                raise DialectError(
                    (*place, *field), f"no earlier step keeps {unknown[0]}", f"此前没有步骤保存{unknown[0]}"
                )
            if bare and (many := sorted(kept_names(text, bare=True) - single)):
                raise DialectError(
                    (*place, *field),
                    f"{many[0]} is kept for each file or material: write file.kept.{many[0]}",
                    f"{many[0]}按文件或材料保存，应写作file.kept.{many[0]}",
                )


def _texts(call: Call) -> Iterator[tuple[Place, str, bool]]:
    """Every expression of a call: where it is, its text, and whether its input is the call's."""
    for name in _IN_PATH.findall(call.path):
        yield ("path",), f"{_KEPT}.{name}", True
    for field in ("query", "headers"):
        for name, text in getattr(call, field).items():
            yield (field, name), text, True
    if call.file is not None:
        for name, text in call.file.model_dump().items():
            yield ("file", name), text, True
    if isinstance(call, Step | UploadCall) and call.when is not None:
        yield ("when",), call.when, True
    yield from _texts_of_tree(call.body, ("body",), bare=True)


def _texts_of_tree(tree: Any, place: Place, *, bare: bool) -> Iterator[tuple[Place, str, bool]]:
    if isinstance(tree, str):
        yield place, tree, bare
    elif isinstance(tree, Mapping):
        of_each = {"each", "object"} <= tree.keys()
        for name, part in tree.items():
            yield from _texts_of_tree(part, (*place, name), bare=bare and not (of_each and name == "object"))


def _names(node: Mapping[str, Any], *, bare: bool) -> Iterator[str]:
    children = [child for child in node.get("children", ()) if isinstance(child, Mapping)]
    if bare and node.get("type") in _ELSEWHERE:
        children = children[:1]
    if node.get("type") == "subexpression":
        for place, (one, other) in enumerate(pairwise(children)):
            if one.get("type") == "field" and one.get("value") == _KEPT and not (bare and place):
                yield from _first_field(other)
    for child in children:
        yield from _names(child, bare=bare)


def _first_field(node: Mapping[str, Any]) -> Iterator[str]:
    while node.get("type") != "field":
        children = [child for child in node.get("children", ()) if isinstance(child, Mapping)]
        if not children:
            return
        node = children[0]
    yield node["value"]
