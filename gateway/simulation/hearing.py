"""听懂报文: our words, read out of what a profile makes of them for its city."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from adapters.dialect import message_words
from adapters.expression_functions import Unmappable, json_bytes
from adapters.profile import CityProfile
from gateway.simulation.solving import Bindings, Solver, made
from schemas.errors import Invalid
from schemas.message import OutboundMessage

_PLACE = re.compile(r"\{([a-z_.]+)\}")


class Hearer:
    """听者: one profile's expressions for outgoing things, the other way round."""

    def __init__(self, solver: Solver) -> None:
        self._solver = solver

    def words(self, tree: Any, said: Any) -> dict[str, Any]:
        """What can be told of the words from which `tree` made `said`."""
        found = made(self._heard(tree, said, {}))
        return found if isinstance(found, dict) else {}

    def from_leaves(self, leaves: Mapping[str, str], said: Mapping[str, Any]) -> dict[str, Any]:
        """The same of flat things: query parameters, columns of a table."""
        bound: Bindings = {}
        for name, text in leaves.items():
            if said.get(name) not in (None, ""):
                bound = self._leaf(text, said[name], bound)
        found = made(bound)
        return found if isinstance(found, dict) else {}

    def _heard(self, tree: Any, said: Any, bound: Bindings) -> Bindings:
        if isinstance(tree, str):
            return self._leaf(tree, said, bound)
        if not isinstance(tree, dict):
            return bound
        if tree.keys() == {"each", "object"}:
            return self._list(tree, said, bound)
        if "when" in tree and tree.keys() <= {"when", "then", "else"}:
            return self._heard(tree["then"], said, bound)
        if isinstance(said, dict):
            for name, part in tree.items():
                if (value := said.get(name.removesuffix("?"))) is not None:
                    bound = self._heard(part, value, bound)
        return bound

    def _list(self, tree: Mapping[str, Any], said: Any, bound: Bindings) -> Bindings:
        values = said if isinstance(said, list) else [said]
        heard = [made(self._heard(tree["object"], value, {})) for value in values]
        return self._leaf(tree["each"], heard, bound)

    def _leaf(self, text: Any, value: Any, bound: Bindings) -> Bindings:
        """The first solution; one that contradicts what is known already is left out."""
        if value is None or not isinstance(text, str):
            return bound
        return next(self._tried(text, value, bound), bound)

    def _tried(self, text: str, value: Any, bound: Bindings) -> Iterator[Bindings]:
        for one in (value, *_other_forms(value)):
            yield from self._solver.solutions(text, one, bound)


def _other_forms(value: Any) -> list[Any]:
    """XML and CSV know texts alone: a number may have been meant."""
    return [int(value)] if isinstance(value, str) and value.isdecimal() and str(int(value)) == value else []


def check_heard(profile: CityProfile, tree: Any, solver: Solver) -> None:
    """Invalid where an application as the profile writes it does not give application_id away: who would it be about?

    Judged by the first example that can be written; without one it is found out with the first application.
    """
    compiled = profile.compiler().tree(tree, ("submit",))
    for example in profile.examples.submit[:1]:
        try:
            message = OutboundMessage.model_validate_json(json_bytes(example.message))
            said = compiled(message_words(message) | {"now": example.now, "batch": "EXAMPLE"})
        except (ValidationError, Unmappable):
            return
        if Hearer(solver).words(tree, said).get("application_id") != str(message.application_id):
            raise Invalid(
                "The application as this profile writes it does not hold application_id as it is; it cannot be played.",
                "该配置写出的申报报文中没有原样的application_id，无法模拟。",
            )


class PathPattern:
    """路径样式: `/file/{reference}` as a pattern that gives `reference`."""

    def __init__(self, path: str) -> None:
        parts = _PLACE.split(path)
        self._names = parts[1::2]
        self._pattern = re.compile("([^/]+)".join(re.escape(part) for part in parts[::2]))
        self.fixed = not self._names

    def words(self, path: str) -> dict[str, Any] | None:
        """What the placeholders hold; None for another path."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values = zip(self._names, found.groups(), strict=True)
        return dict(made({tuple(name.split(".")): unquote(value) for name, value in values}))
