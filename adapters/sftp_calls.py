"""SFTP批量的编译: a profile's batch files with every expression compiled; what they give is checked here."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson

from adapters.dialect import Compiler, DialectError, Place
from adapters.expression_functions import Unmappable
from adapters.listing import Listing, day_words
from adapters.operations import ReportMap
from adapters.sftp_operations import (
    APPLICATIONS,
    Announced,
    Applications,
    Document,
    Incoming,
    ListingFile,
    Outgoing,
    SftpOperations,
    Table,
)
from adapters.xml_reading import XmlLimits, XmlRefused, as_words, decoded, parsed
from adapters.xml_writing import check_package, written

_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,79}")
_ENTRY = re.compile(r"[^\x00-\x1f\x7f/\\:]{1,150}")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f/\\]{1,200}")
_LIMITS = XmlLimits(max_bytes=4 * 1024**2, max_depth=20)
_PYTHON_CHARSET = {"utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "gb18030": "gb18030"}


class Unreadable(Exception):
    """无法读取: a file of the city is not what its manifest or our profile says; `reason` names no person."""

    def __init__(self, reason: str, reason_zh: str) -> None:
        super().__init__(reason)
        self.reason, self.reason_zh = reason, reason_zh


class TableCalls:
    """一张表 of a batch. Raises DialectError."""

    def __init__(self, table: Applications, compiler: Compiler, place: Place) -> None:
        self._table = table
        self._columns = compiler.expressions(table.columns, (*place, "columns"))

    def row(self, words: Mapping[str, Any]) -> dict[str, str]:
        """Column → text. Raises Unmappable."""
        return {name: _text(part(words)) for name, part in self._columns.items()}

    def line(self, row: Mapping[str, str]) -> bytes:
        """One line of the table. Raises Unmappable for a character that its charset lacks."""
        return encoded_line(list(row.values()), self._table)

    def header(self) -> bytes:
        """The first line of the table."""
        line = encoded_line(list(self._columns), self._table)
        return b"\xef\xbb\xbf" + line if self._table.charset == "utf-8-sig" else line


class OutgoingCalls:
    """去向: tables by role, entries of the zip, number and manifest. Raises DialectError."""

    def __init__(self, outgoing: Outgoing, compiler: Compiler) -> None:
        place: Place = ("sftp_batch", "outgoing")
        self._outgoing = outgoing
        self.tables = {role: TableCalls(table, compiler, (*place, role)) for role, table in outgoing.tables.items()}
        self._entry = compiler.expression(outgoing.attachments.entry, (*place, "attachments", "entry"))
        self._number = compiler.expression(outgoing.number, (*place, "number"))
        self._manifest = compiler.tree(outgoing.manifest.body, (*place, "manifest", "body"))
        if outgoing.manifest.format == "xml":
            check_package(outgoing.manifest.body, (*place, "manifest", "body"))
        self._check_number((*place, "number"))

    def _check_number(self, place: Place) -> None:
        """Two batches with one number would overwrite each other."""
        try:
            one, other = (self.number(digit * 24, "1970-01-01T00:00:00Z") for digit in "ab")
        except Unmappable as error:
            raise DialectError(place, error.message, error.message_zh) from None
        if one == other:
            raise DialectError(place, "the number must contain `digest`", "批次号应包含digest")

    def number(self, digest: str, received_at: str) -> str:
        """The batch's number. Raises Unmappable where it is no name of a file."""
        number = self._number({"digest": digest, "received_at": received_at})
        if not isinstance(number, str) or _NUMBER.fullmatch(number) is None:
            raise Unmappable("the batch number is not made of letters, digits, - and _", "批次号只能含字母、数字、-和_")
        return number

    def name_entries(self, words: dict[str, Any]) -> list[str]:
        """The names in the zip, one for each of the message's files; they become the materials' `uploaded`."""
        names = []
        for spoken in words["files"]:
            name = self._entry({**words, "file": spoken["file"]})
            if not isinstance(name, str) or _ENTRY.fullmatch(name) is None or name.strip(". ") == "":
                raise Unmappable("a name in the zip is no name of a file", "压缩包内的名称不是有效的文件名")
            names.append(name)
        named = dict(zip((spoken["file"]["file_id"] for spoken in words["files"]), names, strict=True))
        for material in words["materials"]:
            if material["file"] is not None:
                material["uploaded"] = named[material["file"]["file_id"]]
        return names

    def manifest(self, words: Mapping[str, Any]) -> bytes:
        """The manifest's bytes. Raises Unmappable."""
        manifest, body = self._outgoing.manifest, self._manifest(words)
        if manifest.format == "xml":
            text = written(body, "GB18030" if manifest.charset == "gb18030" else "UTF-8")
        else:
            text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
        return text.encode(_PYTHON_CHARSET[manifest.charset])


class IncomingCalls:
    """来向: their manifests and tables. Raises DialectError."""

    def __init__(self, incoming: Incoming, compiler: Compiler) -> None:
        self._incoming = incoming
        self._files = compiler.expression(incoming.manifest.files, ("sftp_batch", "incoming", "manifest", "files"))

    def files(self, content: bytes) -> list[dict[str, Any]]:
        """What a manifest lists: {kind, name, size_bytes, sm3, sha256}. Raises Unreadable."""
        try:
            listed = self._files(read_document(content, self._incoming.manifest))
        except Unmappable:
            listed = None
        if not isinstance(listed, list) or not listed:
            raise Unreadable("the manifest lists no files", "清单未列出文件")
        return [_checked(one) for one in listed]

    def rows(self, content: bytes) -> list[dict[str, str | None]]:
        """The rows of a table; an empty cell is null. Raises Unreadable."""
        return read_table(content, self._incoming.table)


class ListingCalls:
    """对账文件: its name, its rows. Raises DialectError."""

    def __init__(self, listing: ListingFile, compiler: Compiler, reports: Mapping[str, ReportMap]) -> None:
        place: Place = ("sftp_batch", "listing")
        self._name = compiler.expression(listing.name, (*place, "name"))
        self._sm3 = compiler.optional(listing.sm3, (*place, "sm3"))
        self.listed = Listing(listing.case, reports, compiler, (*place, "case"))

    def names(self, day: date) -> tuple[str, str | None]:
        """Of the file and of the one with its digest. Raises Unmappable where one is no name of a file."""
        words = day_words(day)
        name, sm3 = self._name(words), self._sm3(words)
        if plain_name(name) is None or (sm3 is not None and plain_name(sm3) is None):
            raise Unmappable("the name of the listing is no name of a file", "对账文件名不是有效的文件名")
        return str(name), None if sm3 is None else str(sm3)


class SftpCalls:
    """SFTP批量操作; `reports` are the profile's, whose codes a listing may share. Raises DialectError."""

    def __init__(self, operations: SftpOperations, compiler: Compiler, reports: Mapping[str, ReportMap]) -> None:
        self.outgoing = OutgoingCalls(operations.outgoing, compiler)
        self.incoming = IncomingCalls(operations.incoming, compiler)
        self.listing: ListingCalls | None = None
        if operations.listing is not None:
            self.listing = ListingCalls(operations.listing, compiler, reports)

    def spoken(self, words: dict[str, Any], role: str = APPLICATIONS) -> dict[str, Any]:
        """What the city gets of one message: its row and its names in the zip. Raises Unmappable."""
        entries = self.outgoing.name_entries(words)
        table = self.outgoing.tables[role]
        row = table.row(words)
        table.line(row)
        return {"row": row, "attachments": list(dict.fromkeys(entries))}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Unmappable("a column holds a list or an object; use json_text", "列的取值是列表或对象，应使用json_text")


def encoded_line(cells: Sequence[str], table: Table) -> bytes:
    """RFC 4180, with the table's delimiter and charset. Raises Unmappable."""
    line = io.StringIO()
    csv.writer(line, delimiter=table.delimiter, lineterminator="\r\n").writerow(cells)
    try:
        return line.getvalue().encode("utf-8" if table.charset == "utf-8-sig" else table.charset)
    except UnicodeEncodeError:
        raise Unmappable("a character cannot be written in this charset", "有字符无法以该字符集书写") from None


def read_document(content: bytes, document: Document | Announced) -> Any:
    """A manifest as words. Raises Unreadable."""
    try:
        if document.format == "xml":
            declared = "gb18030" if document.charset == "gb18030" else "utf-8"
            return as_words(parsed(decoded(content, declared), _LIMITS), frozenset(document.lists))
        return orjson.loads(content.decode(_PYTHON_CHARSET[document.charset]))
    except (XmlRefused, UnicodeDecodeError, orjson.JSONDecodeError):
        raise Unreadable("the manifest cannot be read", "清单无法读取") from None


def read_table(content: bytes, table: Table) -> list[dict[str, str | None]]:
    """Rows by the header's names; cells beyond it are dropped, missing and empty ones null. Raises Unreadable."""
    try:
        text = content.decode(_PYTHON_CHARSET[table.charset])
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter, strict=True)
        header = next(reader, None)
        if not header or len(set(header)) != len(header):
            raise Unreadable("the table has no header, or a column twice", "表格缺少表头或列名重复")
        return [_named(header, cells) for cells in reader if cells]
    except (UnicodeDecodeError, csv.Error):
        raise Unreadable("the table cannot be read", "表格无法读取") from None


def _named(header: Sequence[str], cells: Sequence[str]) -> dict[str, str | None]:
    row: dict[str, str | None] = dict.fromkeys(header)
    row.update((name, cell or None) for name, cell in zip(header, cells, strict=False))
    return row


def plain_name(name: Any) -> str | None:
    """The name of a file in a folder, or None where it could lead elsewhere."""
    if not isinstance(name, str) or _PLAIN.fullmatch(name) is None or name.startswith("."):
        return None
    return name


def _checked(one: Any) -> dict[str, Any]:
    if not isinstance(one, dict) or plain_name(one.get("name")) is None:
        raise Unreadable("the manifest names a file that is none", "清单中的文件名无效")
    size = one.get("size_bytes")
    size = int(size) if isinstance(size, str) and size.isascii() and size.isdecimal() else size
    digests = {name: value.lower() for name in ("sm3", "sha256") if isinstance(value := one.get(name), str)}
    if not isinstance(size, int) or not digests:
        raise Unreadable("the manifest lacks a size or a digest", "清单缺少大小或摘要")
    return {"kind": one.get("kind"), "name": one["name"], "size_bytes": size, "digests": digests}
