"""事项样例检查: whether a city's catalogue dialects are confirmed and complete, and do what their examples say."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson

from adapters.examples import ItemExample
from adapters.normalization.compile import CompiledDialect, compile_dialect
from adapters.normalization.item_dialect import ItemDialect
from adapters.normalization.normalize import normalize
from adapters.normalization.targets import TARGETS
from adapters.profile import CityProfile
from schemas.finding import Severity

_ALWAYS = ("", "implementing_body")
"""Objects that every item has; the rest is needed only where the dialect fills some of it."""


def check_catalogue(profile: CityProfile) -> Iterator[str]:
    """What is wrong with a profile's catalogue, one sentence each, Chinese first."""
    compiled = {
        number: compile_dialect(one, city=profile.code, shape=profile.codes)
        for number, one in enumerate(profile.catalogue)
    }
    for number, dialect in compiled.items():
        place = f"catalogue.{number}"
        yield from (
            f"{place}.{guess}: 猜测，须由人确认 / a guess that a person must confirm" for guess in dialect.unconfirmed
        )
        yield from (f"{place}.fields.{name}: 必填，没有来源 / required, has no source" for name in _lacking(dialect))
    by_version = {one.version: compiled[number] for number, one in enumerate(profile.catalogue)}
    for example in profile.examples.items:
        yield from (f"{example.name}: {fault}" for fault in _check_example(example, profile.catalogue, by_version))


def _lacking(dialect: CompiledDialect) -> Iterator[str]:
    """Required fields that nothing fills."""
    mapped = {name for name, spec in dialect.dialect.fields.items() if spec is not None}
    for path, target in TARGETS.items():
        if not target.required or path in mapped or path == "city":
            continue
        owner = path.rpartition(".")[0]
        if owner in _ALWAYS or any(name.startswith(f"{owner}.") for name in mapped) or owner in mapped:
            yield path


def _check_example(
    example: ItemExample, catalogue: tuple[ItemDialect, ...], by_version: dict[int, CompiledDialect]
) -> Iterator[str]:
    last = max(catalogue, key=lambda one: (one.effective_from or date.min, one.version), default=None)
    version = example.version if example.version is not None or last is None else last.version
    dialect = None if version is None else by_version.get(version)
    if dialect is None:
        yield f"没有第{version}版事项方言 / there is no catalogue dialect of version {version}"
        return
    found = normalize(example.record, dialect)
    if found.item is None or example.expect is None:
        if found.item is not None:
            yield "应隔离待改，却得到事项 / expected quarantine, found an item"
        elif example.expect is not None:
            errors = "；".join(one.message_zh for one in found.findings if one.severity is Severity.ERROR)
            yield f"应得到事项，却被隔离：{errors} / expected an item, found quarantine"
    else:
        yield from _differences(example.expect, orjson.loads(found.item.model_dump_json(exclude_none=True)), "")
    rules = sorted({one.rule for one in found.findings if one.severity is not Severity.INFO})
    if example.findings is not None and rules != sorted(set(example.findings)):
        yield f"发现应为{sorted(set(example.findings))}，实为{rules} / other findings than expected"


def _differences(wanted: Any, found: Any, place: str) -> Iterator[str]:
    """Where `found` is not what `wanted` says; what it does not name is free, and null means that nothing is there."""
    if wanted is None and found in (None, []):
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            yield from _differences(value, found.get(name), f"{place}.{name}".removeprefix("."))
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, f"{place}[{number}]")
    elif type(wanted) is not type(found) or wanted != found:
        yield f"{place}: 应为{wanted!r}，实为{found!r} / expected {wanted!r}, found {found!r}"
