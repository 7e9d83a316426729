"""Messages for tests: one applicant, as many files as wanted."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from schemas.application import StoredFile
from schemas.message import OutboundMessage

RESIDENT = "441302189902280026"
CHUNK = 256 * 1024


@dataclass
class MemoryFiles:
    """A FileSource over bytes in memory; `reads` counts how often each was opened."""

    contents: dict[str, bytes] = field(default_factory=dict)
    reads: int = 0

    def open(self, file: StoredFile) -> AsyncIterator[bytes]:
        self.reads += 1
        return self._chunks(self.contents[file.sha256])

    async def _chunks(self, content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), CHUNK):
            yield content[start : start + CHUNK]


def stored(name: str, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    return {
        "file_id": str(uuid4()),
        "name": name,
        "media_type": "application/pdf",
        "size_bytes": len(content),
        "sha256": digest,
        "sm3": hashlib.new("sm3", content).hexdigest(),
    }


def message_to(
    city: str,
    contents: Mapping[str, bytes] | None = None,
    *,
    name: str = "陈𠮷㐂",
    form: dict[str, object] | None = None,
) -> tuple[OutboundMessage, MemoryFiles]:
    """An application with one material per file and one paper."""
    contents = contents or {}
    files = [
        {"material_code": f"M{number:02}", "material_name": f"材料{number}", "file": stored(file_name, content)}
        for number, (file_name, content) in enumerate(contents.items(), 1)
    ]
    materials: list[dict[str, object]] = [
        {"material_code": one["material_code"], "files": [one["file"]["file_id"]]}  # type: ignore[index]
        for one in files
    ]
    message = {
        "message_id": str(uuid4()),
        "application_id": str(uuid4()),
        "task_code": "12441300DEMY00023B3002017900002",
        "item_name": "出具贷款职工住房公积金缴存使用证明",
        "project_type": "PROMISED",
        "received_at": "2026-11-23T01:02:03Z",
        "application": {
            "item_code": "002017900002",
            "mode": "COLLECT",
            "applicant_division": "445202",
            "collecting_city": "445200",
            "deciding_city": city,
            "applicant": {"kind": "person", "name": name, "document_number": RESIDENT, "phone": "13800000001"},
            "identity_check": {
                "method": "card_reader",
                "by": "W001",
                "by_city": "445200",
                "at": "2026-11-23T09:00:00+08:00",
            },
            "consent": {"at": "2026-11-23T09:00:30+08:00", "text_version": "1"},
            "form": form or {"account": "0001", "remark": "𠮷㐂"},
            "materials": [*materials, {"material_code": "P01", "source": "paper", "copies": 2}],
        },
        "files": files,
    }
    memory = MemoryFiles({hashlib.sha256(content).hexdigest(): content for content in contents.values()})
    return OutboundMessage.model_validate(message), memory
