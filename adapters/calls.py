"""编译后的操作: a profile's operations with every expression compiled, for either transport."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from yarl import URL

from adapters.dialect import Compiler, DialectError, Place
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.operations import Answers, Call, ExchangeOperations, RestOperations

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Target:
    """地址: where a call goes, from its input."""

    def __init__(self, base: str, call: Call, compiler: Compiler, place: Place) -> None:
        self._base = base.rstrip("/")
        self._path = call.path
        self._query = compiler.expressions(call.query, (*place, "query"))
        names = _PLACEHOLDER.findall(call.path)
        if "{" in _PLACEHOLDER.sub("", call.path):
            raise DialectError((*place, "path"), "write {name} in lower case", "占位应写作小写的{name}")
        self._fixed = URL(self._base + call.path, encoded=True) if not names and not call.query else None

    def url(self, words: Mapping[str, Any]) -> URL:
        """Raises Unmappable where a part of the address is missing."""
        if self._fixed is not None:
            return self._fixed
        path = _PLACEHOLDER.sub(lambda found: quote(_text(words.get(found[1])), safe=""), self._path)
        pairs = "&".join(f"{quote(name)}={quote(_text(part(words)), safe='')}" for name, part in self._query.items())
        return URL(f"{self._base}{path}{'?' * bool(pairs)}{pairs}", encoded=True)


def _text(value: Any) -> str:
    if value is None:
        raise Unmappable("a part of the address is missing", "地址缺少组成部分")
    return str(value)


@dataclass(frozen=True, slots=True)
class CompiledAnswers:
    """What an answer's code means."""

    code: Evaluate
    words: Mapping[str, str]
    """Code → accepted, duplicate, refused, later or absent."""


def compiled_answers(answers: Answers, compiler: Compiler, place: Place) -> CompiledAnswers:
    """Raises DialectError."""
    kinds = ("accepted", "duplicate", "refused", "later", "absent")
    words = {code: kind for kind in kinds for code in getattr(answers, kind)}
    return CompiledAnswers(compiler.expression(answers.code, (*place, "code")), words)


class AnswerParts:
    """应答取值: what the answers of a section's operations say, whatever carries them. Raises DialectError."""

    def __init__(self, section: Any, compiler: Compiler, name: str) -> None:
        def part(operation: str, field: str) -> Evaluate:
            text = getattr(getattr(section, operation), field, None)
            return compiler.optional(text, (name, operation, field))

        self.answers = compiled_answers(section.answers, compiler, (name, "answers"))
        self.upload_reference, self.upload_sha256 = part("upload", "reference"), part("upload", "sha256")
        self.case_number, self.partner_reference = part("submit", "case_number"), part("submit", "partner_reference")
        self.query_case_number = part("query", "case_number")
        self.progress_rows, self.progress_next = part("progress", "rows"), part("progress", "next")


class RestCalls(AnswerParts):
    """REST操作. Raises DialectError."""

    def __init__(self, rest: RestOperations, compiler: Compiler) -> None:
        super().__init__(rest, compiler, "rest")

        def target(name: str) -> Target | None:
            call: Call | None = getattr(rest, name)
            return None if call is None else Target(rest.url, call, compiler, ("rest", name))

        self.upload = target("upload")
        self.submit = Target(rest.url, rest.submit, compiler, ("rest", "submit"))
        self.submit_body = compiler.tree(rest.submit.body, ("rest", "submit", "body"))
        self.query, self.progress = target("query"), target("progress")
        self.download, self.ping = target("download"), target("ping")


class ExchangeCalls:
    """前置库操作. Raises DialectError."""

    def __init__(self, exchange: ExchangeOperations, compiler: Compiler) -> None:
        place: Place = ("exchange_database", "submit")
        self.row = compiler.tree(exchange.submit.row, (*place, "row"))
        self.material_row = compiler.tree(exchange.submit.materials.row, (*place, "materials", "row"))
        self.done = {
            name: compiler.expressions(source.done, ("exchange_database", "sources", name, "done"))
            for name, source in exchange.sources.items()
        }

    def rows(self, words: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The row of the message and those of its materials; contents are not in them. Raises Unmappable."""
        materials = [self.material_row({**words, "material": material}) for material in words["materials"]]
        return self.row(words), materials
