"""报文包: one zip with everything a person needs to hand a message to a city that has no system.

The same message under the same number is the same bytes (fixed dates, nothing compressed, no clock), so that a retry
after a crash makes the same packet. The zip grows in a file without a name on our disk; attachments pass through it
in chunks.
"""

import asyncio
import hashlib
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes

from adapters.contract import FileSource
from adapters.dialect import follow_up_words, message_words
from adapters.manual_calls import ManualCalls, WrittenPart
from adapters.manual_cover import TITLES, Slip, beijing, cover
from adapters.manual_operations import (
    COVER_NAME,
    FILES_FOLDER,
    MANIFEST_NAME,
    PARCEL_NAME,
    TEXT_NAME,
    ManualOperations,
)
from adapters.manual_print import drawn, laid_out
from adapters.manual_sheet import Document, csv_bytes, sheet_documents
from adapters.manual_text import parcel_rows, text_view
from adapters.manual_typeface import Typeface
from adapters.uploads import StoredBytes
from schemas.application import StoredFile
from schemas.message import FollowUp, MessageKind, OutboundMessage

_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_CHUNK_BYTES = 256 * 1024
_NO_FILE_NAME = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_LONGEST_STEM = 60


@dataclass
class MadeWith:
    """What packets of one city are made with: the profile's section, compiled, and the font."""

    operations: ManualOperations
    calls: ManualCalls
    pdf_font: Path | None = None

    @cached_property
    def face(self) -> Typeface:
        """Made when something is printed for the first time: most processes never print."""
        return Typeface(self.pdf_font)


@dataclass(frozen=True, slots=True)
class Label:
    """包上的字: the packet's number and the deciding city's name."""

    number: str
    city_name: str


def documents(message: OutboundMessage | FollowUp, made_with: MadeWith, label: Label) -> list[Document]:
    """Every document of the packet in its order, the manifest last. Raises Unmappable."""
    operations = made_with.operations
    words = follow_up_words(message) if isinstance(message, FollowUp) else message_words(message)
    parts = _parts(message, words, made_with.calls)
    kind = message.kind if isinstance(message, FollowUp) else MessageKind.SUBMIT
    title = TITLES[kind]
    text: Document = (TEXT_NAME, text_view(message, parts, title, label.number).encode("utf-8-sig"))
    sheets = sheet_documents(parts, operations.sheet) if parts and "sheet" in operations.documents else []
    attached = sum(file.size_bytes for file in unique_files(message).values()) <= operations.attach_bytes
    slip = Slip(label.number, label.city_name, hashlib.sha256((sheets or [text])[0][1]).hexdigest(), attached)
    listed: list[Document] = []
    if "cover" in operations.documents:
        pages = laid_out(cover(message, words, operations, slip), made_with.face, f"报文包编号 {label.number}")
        listed.append((COVER_NAME, drawn(pages, made_with.face, f"{title} {label.number}")))
    listed += [*sheets, text]
    if "parcel" in operations.documents:
        listed.append((PARCEL_NAME, csv_bytes(parcel_rows(words, operations, label.number), "utf-8-sig")))
    manifest = _manifest(message, words, label, listed, attached=attached)
    return [*listed, (MANIFEST_NAME, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))]


def _parts(
    message: OutboundMessage | FollowUp, words: Mapping[str, Any], calls: ManualCalls
) -> tuple[WrittenPart, ...]:
    page = calls.follow_up if isinstance(message, FollowUp) else calls.application
    return () if page is None else page.written(words)


def unique_files(message: OutboundMessage | FollowUp) -> dict[str, StoredFile]:
    """Entry in the zip → file, each file once, under names that Windows takes; true names are in the manifest."""
    named: dict[str, StoredFile] = {}
    known: set[str] = set()
    for outbound in message.files:
        if str(outbound.file.file_id) not in known:
            known.add(str(outbound.file.file_id))
            named[_entry_name(len(known), outbound.material_code, outbound.file.name)] = outbound.file
    return named


def _entry_name(number: int, code: str | None, name: str) -> str:
    stem, dot, ending = _NO_FILE_NAME.sub("_", name).rpartition(".")
    stem, ending = (stem, f".{ending[:10]}") if dot and stem else (stem + ending, "")
    begin = f"{number:02}-{_NO_FILE_NAME.sub('_', code)[:20]}-" if code else f"{number:02}-"
    return f"{FILES_FOLDER}/{begin}{stem[:_LONGEST_STEM].strip(' .')}{ending.rstrip(' .')}"


def _manifest(
    message: OutboundMessage | FollowUp,
    words: Mapping[str, Any],
    label: Label,
    listed: list[Document],
    *,
    attached: bool,
) -> dict[str, Any]:
    entries = {str(file.file_id): entry for entry, file in unique_files(message).items()}
    common = {
        "packet": label.number,
        "message_id": str(message.message_id),
        "application_id": str(message.application_id),
        "task_code": message.task_code,
    }
    return {
        **common,
        **_about(message),
        "documents": [{"name": name, "size_bytes": len(content), **digests(content)} for name, content in listed],
        "files": [
            {
                **one["file"],
                "material_code": one["material_code"],
                "material_name": one["material_name"],
                "entry": entries[one["file"]["file_id"]] if attached else None,
                "download": None if attached else f"/v1/files/{one['file']['file_id']}",
            }
            for one in words["files"]
        ],
        "papers": [
            {"material_code": one["code"], "material_name": one["name"], "copies": one["copies"]}
            for one in words["materials"]
            if one["source"] == "paper"
        ],
    }


def _about(message: OutboundMessage | FollowUp) -> dict[str, Any]:
    if isinstance(message, FollowUp):
        about = {"kind": message.kind.value, "case_number": message.case_number, "at": beijing(message.occurred_at)}
        return about | {"collecting_city": message.collecting_city, "deciding_city": message.deciding_city}
    application = message.application
    about = {"kind": MessageKind.SUBMIT.value, "item_name": message.item_name, "at": beijing(message.received_at)}
    cities = {"collecting_city": application.collecting_city, "deciding_city": application.deciding_city}
    return about | {"mode": application.mode.value} | cities


def digests(content: bytes) -> dict[str, str]:
    """SHA-256 and SM3 of what is in memory."""
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(content)
    return {"sha256": hashlib.sha256(content).hexdigest(), "sm3": sm3.finalize().hex()}


async def packed(
    message: OutboundMessage | FollowUp, made_with: MadeWith, label: Label, files: FileSource
) -> AsyncIterator[bytes]:
    """The packet in chunks. Raises Unmappable before the first; CrossCityError where a stored file cannot be read."""
    listed = await asyncio.to_thread(documents, message, made_with, label)
    attachments = unique_files(message)
    if sum(file.size_bytes for file in attachments.values()) > made_with.operations.attach_bytes:
        attachments = {}
    with tempfile.TemporaryFile() as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, content in listed:
                archive.writestr(zipfile.ZipInfo(name, _FIXED_DATE), content)
            for name, file in attachments.items():
                await _attach(archive, name, StoredBytes(files, file), file.size_bytes)
        target.seek(0)
        while chunk := await asyncio.to_thread(target.read, _CHUNK_BYTES):
            yield chunk


async def _attach(archive: zipfile.ZipFile, name: str, source: StoredBytes, size_bytes: int) -> None:
    entry = zipfile.ZipInfo(name, _FIXED_DATE)
    entry.file_size = size_bytes
    with archive.open(entry, "w") as target:
        async for chunk in source.chunks():
            await asyncio.to_thread(target.write, chunk)
