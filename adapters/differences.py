"""差异: what is not as an example says, one sentence each."""

from collections.abc import Iterator
from typing import Any


def differences(wanted: Any, found: Any, place: str) -> Iterator[str]:
    """Every place where two objects differ, in order; a name on one side only counts."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in [*wanted, *(name for name in found if name not in wanted)]:
            here = f"{place}.{name}".removeprefix(".")
            if name not in found or name not in wanted:
                yield f"{here}: {'missing' if name not in found else 'not expected'}"
            else:
                yield from differences(wanted[name], found[name], here)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif type(wanted) is not type(found) or wanted != found:
        yield f"{place}: expected {wanted!r}, found {found!r}"
