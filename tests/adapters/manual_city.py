"""赣州's adapter with a real tray, and its packets as a person finds them."""

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from adapters.contract import AdapterContext
from adapters.manual import ManualAdapter
from adapters.profile import CityProfile, load_profile
from adapters.profile_file import read_profile_file
from gateway.storage import tray
from gateway.storage.database import Database
from gateway.storage.files import FileStore
from gateway.storage.tray import Left, StoredTray
from schemas.message import FollowUp
from tests.adapters.cities import profile_path

CITY = "360700"


@dataclass
class ManualCity:
    adapter: ManualAdapter
    db: Database
    store: FileStore

    async def left(self) -> list[Left]:
        return await tray.page(self.db, CITY, 0, 1000)

    async def packet(self, message_id: object) -> "Packet":
        found = await tray.get(self.db, str(message_id))
        assert found is not None
        assert found.packet_sha256 is not None
        return Packet(self.store.path(found.packet_sha256).read_bytes())


class Packet:
    """A zip, opened."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.archive = zipfile.ZipFile(io.BytesIO(content))
        assert self.archive.testzip() is None
        self.names = self.archive.namelist()
        self.manifest: dict[str, Any] = json.loads(self.archive.read("manifest.json"))
        self.text = self.archive.read("复制用文本.txt").decode("utf-8-sig")

    def read(self, name: str) -> bytes:
        return self.archive.read(name)

    @property
    def cover(self) -> str:
        """Every text drawn on the cover slip."""
        return printed(self.read("封面.pdf"))


def printed(pdf: bytes) -> str:
    """The texts of an uncompressed PDF drawn in the built-in font: UTF-16 in literal strings."""
    shown = []
    for literal in re.findall(rb"\(((?:\\.|[^\\)])*)\) Tj", pdf, re.DOTALL):
        raw = re.sub(rb"\\([0-7]{3}|.)", _unescaped, literal, flags=re.DOTALL)
        shown.append(raw.decode("utf-16-be"))
    return "\n".join(shown)


def _unescaped(found: "re.Match[bytes]") -> bytes:
    text = found[1]
    if len(text) == 3:
        return bytes([int(text, 8)])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}.get(text, text)


def varied(path: Path, **sheet: Any) -> CityProfile:
    """The shipped profile with other words in `manual.sheet`."""
    data = read_profile_file(profile_path(CITY), {}).data
    data.pop("catalogue")
    data["examples"] = {}
    data["manual"]["sheet"].update(sheet)
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return load_profile(path)


def _no_secret(name: str) -> str:
    raise KeyError(name)


@asynccontextmanager
async def manual_city(
    db: Database, folder: Path, profile: CityProfile | None = None, pdf_font: Path | None = None
) -> AsyncIterator[ManualCity]:
    store = FileStore(folder / "files")
    context = AdapterContext(
        now=lambda: datetime(2026, 11, 23, tzinfo=UTC),
        secret=_no_secret,
        nonce=lambda: "nonce",
        tray=StoredTray(db, store, lambda: 1000),
        pdf_font=pdf_font,
    )
    adapter = ManualAdapter(profile or load_profile(profile_path(CITY)), context)
    yield ManualCity(adapter, db, store)
    await adapter.close()


def follow_up_to(kind: str, application_id: object, **changes: Any) -> FollowUp:
    """A supplement with one paper, or a withdrawal."""
    given: dict[str, Any] = {"reason": "申请人不再办理 𠮷"} if kind == "WITHDRAW" else {"materials": [PAPER]}
    return FollowUp.model_validate(
        {
            "message_id": str(uuid4()),
            "application_id": str(application_id),
            "kind": kind,
            "task_code": "12360700DEMY0008283002017900002",
            "collecting_city": "445200",
            "deciding_city": CITY,
            "case_number": "GZ20261123000001",
            "occurred_at": "2026-11-25T01:02:03Z",
            **given,
            **changes,
        }
    )


PAPER = {"material_code": "P02", "source": "paper", "copies": 3}
