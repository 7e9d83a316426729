"""请求体: JSON, a form, a form with files, or a file, in the charset of the city; no file is held whole."""

import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from yarl import URL

from adapters.contract import FileSource
from adapters.dialect import Compiler, Place
from adapters.expression_functions import Unmappable, json_bytes
from adapters.expressions import Evaluate
from adapters.rest_operations import Call
from adapters.signing.request import DIGESTS
from adapters.uploads import StoredBytes
from schemas.application import StoredFile
from schemas.errors import CrossCityError

_CODECS = {"utf-8-sig": "utf-8"}
_CHUNK_BYTES = 256 * 1024
Attached = Sequence[tuple[Mapping[str, Any], StoredFile]]
"""随附文件: each file as expressions see it, and itself."""


class FileBody:
    """含文件的请求体: `failure` tells why a file could not be read; an HTTP client only sees a broken body."""

    def __init__(self, pieces: Sequence[bytes | StoredFile], files: FileSource) -> None:
        self.failure: CrossCityError | None = None
        self._pieces, self._files = pieces, files
        self.size_bytes = sum(len(piece) if isinstance(piece, bytes) else piece.size_bytes for piece in pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, in pieces of at most 256 KiB."""
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            source = StoredBytes(self._files, piece)
            try:
                async for chunk in source.chunks():
                    yield chunk
            finally:
                self.failure = source.failure

    async def digests(self) -> Callable[[str], str]:
        """Digests of the whole body, for a signature that covers it; parts around a file need it read once more."""
        (first, *others) = self._pieces
        if not others and isinstance(first, StoredFile):
            return {"sha256": first.sha256, "sm3": first.sm3}.__getitem__
        running = {name: hashes.Hash(algorithm()) for name, algorithm in DIGESTS.items()}
        async for chunk in self.chunks():
            for one in running.values():
                one.update(chunk)
        return {name: one.finalize().hex() for name, one in running.items()}.__getitem__


@dataclass(frozen=True, slots=True)
class Request:
    """请求: ready to be signed and sent."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | FileBody


class Content:
    """正文: what a call sends, compiled. Raises DialectError."""

    def __init__(self, call: Call, compiler: Compiler, place: Place, charset: str) -> None:
        self._kind, self._codec = call.content, _CODECS.get(charset, charset)
        self.tree: Evaluate = (lambda _words: None) if call.body is None else compiler.tree(call.body, (*place, "body"))
        self._part = {} if call.file is None else compiler.expressions(call.file.model_dump(), (*place, "file"))
        self._is_sent = call.carries_a_body()
        self.takes_files = call.file is not None or call.content == "raw"

    def of(
        self, words: Mapping[str, Any], attached: Attached = (), files: FileSource | None = None
    ) -> tuple[dict[str, str], bytes | FileBody]:
        """Headers and body. Raises Unmappable for a value that this kind of body, or its charset, cannot carry."""
        if not self._is_sent:
            return {}, b""
        if self._kind == "json":
            return {"Content-Type": self._named("application/json")}, self._json(self.tree(words))
        if self._kind == "form":
            pairs = [pair for name, value in self._fields(words) for pair in ((name, text) for text in value)]
            return {"Content-Type": self._named("application/x-www-form-urlencoded")}, self._form(pairs)
        if self._kind == "raw":
            if files is None or not attached:
                raise Unmappable("there is no file to send here", "此处没有可发送的文件")
            ((_, file),) = attached
            body = FileBody([file], files)
            return {"Content-Type": "application/octet-stream", "Content-Length": str(body.size_bytes)}, body
        return self._multipart(words, attached, files)

    def _named(self, media_type: str) -> str:
        return media_type if self._codec == "utf-8" else f"{media_type}; charset={self._codec.upper()}"

    def _json(self, value: Any) -> bytes:
        if self._codec == "utf-8":
            return json_bytes(value)
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(self._codec)
        except UnicodeEncodeError:  # JSON can say every character in ASCII
            return json.dumps(value, separators=(",", ":")).encode(self._codec)

    def _form(self, pairs: Sequence[tuple[str, str]]) -> bytes:
        try:
            return urlencode(pairs, encoding=self._codec, errors="strict").encode("ascii")
        except UnicodeEncodeError:
            raise self._no_such_character() from None

    def _multipart(
        self, words: Mapping[str, Any], attached: Attached, files: FileSource | None
    ) -> tuple[dict[str, str], bytes | FileBody]:
        boundary = f"tongban-{secrets.token_hex(16)}"
        pieces: list[bytes | StoredFile] = []
        for name, texts in self._fields(words):
            for text in texts:
                pieces.append(self._encoded(f"--{boundary}\r\n{_disposition(name)}\r\n\r\n{text}\r\n"))
        for spoken, file in attached if self._part else ():
            head = {name: str(part({**words, "file": spoken})) for name, part in self._part.items()}
            disposition = f'{_disposition(head["name"])}; filename="{_quoted(head["filename"])}"'
            media_type = _quoted(head["media_type"])
            pieces.append(self._encoded(f"--{boundary}\r\n{disposition}\r\nContent-Type: {media_type}\r\n\r\n"))
            pieces += [file, b"\r\n"]
        pieces.append(f"--{boundary}--\r\n".encode())
        kind = f"multipart/form-data; boundary={boundary}"
        if files is None or not attached:
            return {"Content-Type": kind}, b"".join(piece for piece in pieces if isinstance(piece, bytes))
        body = FileBody(pieces, files)
        return {"Content-Type": kind, "Content-Length": str(body.size_bytes)}, body

    def _fields(self, words: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
        value = self.tree(words)
        if value is None:
            return []
        if not isinstance(value, dict):
            raise Unmappable("a form's body is no object", "表单的body应为对象")
        return [(name, _texts(part)) for name, part in value.items()]

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode(self._codec)
        except UnicodeEncodeError:
            raise self._no_such_character() from None

    def _no_such_character(self) -> Unmappable:
        return Unmappable(f"a character cannot be written in {self._codec}", f"有字符无法用{self._codec}编码")


def _texts(value: Any) -> list[str]:
    """A field's values: a list is the field repeated, null an empty text."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if value is None:
        return [""]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, str | int | float):
        return [str(value)]
    raise Unmappable(
        "a form's field is an object; json_text() writes it as text", "表单字段是对象，应以json_text()写成文本"
    )


def _disposition(name: str) -> str:
    return f'Content-Disposition: form-data; name="{_quoted(name)}"'


def _quoted(text: str) -> str:
    """As browsers write it."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
