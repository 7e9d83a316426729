"""编译后的操作: what REST and SOAP have in common: where a call goes, and where its answers say what."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from yarl import URL

from adapters.dialect import Compiler, DialectError, Place
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.judging import compiled_judge
from adapters.rest_operations import Call

_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*)\}")


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
        path = _PLACEHOLDER.sub(lambda found: quote(_text(_at(words, found[1])), safe=""), self._path)
        pairs = "&".join(f"{quote(name)}={quote(_text(part(words)), safe='')}" for name, part in self._query.items())
        return URL(f"{self._base}{path}{'?' * bool(pairs)}{pairs}", encoded=True)


def _at(words: Any, path: str) -> Any:
    for name in path.split("."):
        words = words.get(name) if isinstance(words, Mapping) else None
    return words


def _text(value: Any) -> str:
    if value is None:
        raise Unmappable("a part of the address is missing", "地址缺少组成部分")
    return str(value)


class AnswerParts:
    """应答取值: what the answers of a section's operations say, whatever carries them. Raises DialectError."""

    def __init__(self, section: Any, compiler: Compiler, name: str) -> None:
        def part(operation: str, field: str) -> Evaluate:
            text = getattr(getattr(section, operation), field, None)
            return compiler.optional(text, (name, operation, field))

        self.answers = compiled_judge(section.answers, getattr(section, "outcomes", None), compiler, (name,))
        self.upload_reference, self.upload_sha256 = part("upload", "reference"), part("upload", "sha256")
        self.case_number, self.partner_reference = part("submit", "case_number"), part("submit", "partner_reference")
        self.query_case_number = part("query", "case_number")
        self.progress_rows, self.progress_next = part("progress", "rows"), part("progress", "next")
