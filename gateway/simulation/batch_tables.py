"""模拟批次文件: what is in the gateway's batches, and the city's own sets of files, by the profile."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from adapters.dialect import Compiler
from adapters.sftp_calls import IncomingCalls, Unreadable, read_document, read_table
from adapters.sftp_operations import APPLICATIONS, ATTACHMENTS, Incoming, Outgoing, Table
from adapters.xml_writing import written
from gateway.simulation.hearing import Hearer
from gateway.simulation.solving import Solver, made
from schemas.errors import Invalid

_FILES_KIND = "FJ"


@dataclass(frozen=True, slots=True)
class Brought:
    """一行报文 of a batch; `whole` = its attachments are there with their digests."""

    role: str
    words: dict[str, Any]
    whole: bool


class BatchReader:
    """读批次的人."""

    def __init__(self, outgoing: Outgoing, solver: Solver) -> None:
        self._outgoing, self._hearer = outgoing, Hearer(solver)

    def read(self, manifest: Path) -> list[Brought] | None:
        """The rows of a batch, applications first; None while it is not whole."""
        try:
            document = read_document(manifest.read_bytes(), self._outgoing.manifest)
        except Unreadable:
            return None
        files = self._hearer.words(self._outgoing.manifest.body, document).get("files") or []
        by_role = {one.get("role"): manifest.parent / str(one.get("name")) for one in files}
        if APPLICATIONS not in by_role or not all(self._is_whole(manifest.parent, one) for one in files):
            return None
        attachments = by_role.get(ATTACHMENTS)
        contents = _unzipped(attachments) if attachments is not None else {}
        found: list[Brought] = []
        for role, table in self._outgoing.tables.items():
            if role in by_role:
                found += self._rows(role, by_role[role].read_bytes(), table, table.columns, contents)
        return found

    def names(self, manifest: Path) -> list[str]:
        """The batch's files, the manifest last."""
        document = read_document(manifest.read_bytes(), self._outgoing.manifest)
        files = self._hearer.words(self._outgoing.manifest.body, document).get("files") or []
        return [*(str(one.get("name")) for one in files), manifest.name]

    def _is_whole(self, folder: Path, one: Mapping[str, Any]) -> bool:
        path = folder / str(one.get("name"))
        if not path.is_file():
            return False
        content = path.read_bytes()
        stated = {"sm3": one.get("sm3"), "sha256": one.get("sha256")}
        return all(value in (None, hashlib.new(name, content).hexdigest()) for name, value in stated.items())

    def _rows(
        self, role: str, content: bytes, table: Table, columns: Mapping[str, str], files: Mapping[str, bytes]
    ) -> Iterator[Brought]:
        for row in read_table(content, table):
            words = self._hearer.from_leaves(columns, row)
            yield Brought(role, words, _has_files(words, files))


def _unzipped(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _has_files(words: Mapping[str, Any], files: Mapping[str, bytes]) -> bool:
    for one in words.get("materials") or ():
        name = one.get("uploaded") if isinstance(one, dict) else None
        if name is None:
            continue
        stated = one.get("file") or {}
        content = files.get(name)
        if content is None or stated.get("sm3") not in (None, hashlib.new("sm3", content).hexdigest()):
            return False
    return True


class SetWriter:
    """写出城市文件的人: tables, result files and the manifest that names them."""

    def __init__(self, incoming: Incoming, compiler: Compiler, solver: Solver) -> None:
        self._incoming, self._solver = incoming, solver
        self._calls = IncomingCalls(incoming, compiler)
        self.kinds = {report: kind for kind, report in incoming.sources.items()}

    def table(self, rows: Sequence[Mapping[str, Any]], *, other_charset: bool = False) -> bytes:
        """A CSV with every column that some row has."""
        return csv_bytes(rows, self._incoming.table, other_charset=other_charset)

    def manifest(self, number: str, files: Mapping[str, tuple[str | None, bytes]]) -> bytes:
        """What names these files; None as a kind = a result file. Invalid where the profile does not say enough."""
        listed = [
            {
                "kind": kind or _FILES_KIND,
                "name": name,
                "size_bytes": len(content),
                "sm3": hashlib.new("sm3", content).hexdigest(),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, (kind, content) in files.items()
        ]
        for bound in self._solver.solutions(self._incoming.manifest.files, listed):
            content = self._document(made(bound))
            try:
                if [one["name"] for one in self._calls.files(content)] == list(files):
                    return content
            except Unreadable:
                continue
        raise Invalid(
            "The city's manifest cannot be written from incoming.manifest.files.",
            "无法由incoming.manifest.files写出对方清单。",
        )

    def _document(self, body: dict[str, Any]) -> bytes:
        manifest = self._incoming.manifest
        if manifest.format == "xml":
            return written(body, "GB18030" if manifest.charset == "gb18030" else "UTF-8").encode(manifest.charset)
        return orjson.dumps(body).decode().encode(manifest.charset)


def csv_bytes(rows: Sequence[Mapping[str, Any]], table: Table, *, other_charset: bool = False) -> bytes:
    """A CSV as the profile's table is written, or, for a drill, in another charset."""
    rows = [{**row, "_note": "试"} for row in rows] if other_charset else rows
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\r\n", delimiter=table.delimiter)
    writer.writeheader()
    writer.writerows(rows)
    charset = ("gb18030" if table.charset.startswith("utf") else "utf-8") if other_charset else table.charset
    return text.getvalue().encode(charset)
