"""REST接口的反面: each call of a profile as something that can be answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from aiohttp import web

from adapters.dialect import Compiler
from adapters.rest_operations import Call, RestOperations, Step, UploadCall
from gateway.simulation.answers import AnswerWriter
from gateway.simulation.hearing import Hearer, PathPattern
from gateway.simulation.solving import Solver

_CODECS = {"utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "gb18030": "gb18030", "gbk": "gb18030", "utf-16": "utf-16"}


@dataclass(frozen=True, slots=True)
class Asked:
    """一次请求: our words as far as they can be told, and the bytes of its files by name."""

    words: dict[str, Any]
    files: tuple[bytes, ...] = ()


class SimulatedCall:
    """被调用的操作."""

    def __init__(self, name: str, call: Call, rest: RestOperations, compiler: Compiler, solver: Solver) -> None:
        self.name, self.call = name, call
        self._hearer = Hearer(solver)
        self._charset = _CODECS[rest.charset]
        base = urlsplit(rest.url).path.rstrip("/")
        self.path = PathPattern(base + call.path)
        self.method = call.method or ("POST" if call.carries_a_body() else "GET")
        own = call.answers is not None or call.outcomes is not None
        source: Call | RestOperations = call if own else rest
        self.answers = AnswerWriter(source.answers, source.outcomes, compiler, solver)

    @property
    def takes_file(self) -> bool:
        """Whether one file goes with it."""
        alone = isinstance(self.call, Step | UploadCall)
        return alone and (self.call.content == "raw" or self.call.file is not None)

    def asked(self, request: web.Request, raw: bytes) -> Asked | None:
        """What a request says; None where it is another call. ValueError for a body that cannot be read."""
        placed = self.path.words(request.rel_url.raw_path)
        if placed is None or request.method != self.method:
            return None
        words = _merged(placed, self._hearer.from_leaves(self.call.query, dict(request.query)))
        said, files = self._body(request, raw)
        if self.call.body is not None and said is not None:
            words = _merged(words, self._hearer.words(self.call.body, said))
        return Asked(words, files)

    def _body(self, request: web.Request, raw: bytes) -> tuple[Any, tuple[bytes, ...]]:
        if self.call.content == "raw":
            return None, (raw,)
        if self.call.content == "json":
            return (orjson.loads(raw.decode(self._charset).encode()) if raw else None), ()
        if self.call.content == "form":
            return dict(parse_qsl(raw.decode(self._charset), keep_blank_values=True)), ()
        return _parts(request.headers.get("Content-Type", ""), raw, self._charset)


def _parts(content_type: str, raw: bytes, charset: str) -> tuple[dict[str, str], tuple[bytes, ...]]:
    """The fields and the files of a multipart body."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    texts, files = dict[str, str](), list[bytes]()
    for part in message.walk():
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if part.get_filename() is not None:
            files.append(content)
        else:
            texts[str(part.get_param("name", "", "content-disposition"))] = content.decode(charset)
    return texts, tuple(files)


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both, `one` first; objects are put together."""
    found = dict(other)
    for name, value in one.items():
        inner = found.get(name)
        found[name] = _merged(value, inner) if isinstance(value, dict) and isinstance(inner, dict) else value
    return found


def calls_of(rest: RestOperations, compiler: Compiler, solver: Solver) -> dict[str, SimulatedCall]:
    """Every call of the section, steps among them as `steps.name`; those without placeholders first."""
    names = ("upload", "submit", "supplement", "withdraw", "query", "progress", "listing", "download", "ping")
    found: dict[str, Call] = {name: call for name in names if (call := getattr(rest, name)) is not None}
    found |= {f"steps.{name}": step for name, step in rest.steps.items()}
    made = {name: SimulatedCall(name, call, rest, compiler, solver) for name, call in found.items()}
    return dict(sorted(made.items(), key=lambda one: not one[1].path.fixed))
