"""What follows an application, for tests: a supplement with as many files as wanted, a withdrawal."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from schemas.message import FollowUp, OutboundMessage
from tests.adapters.messages import MemoryFiles, stored


def _follow_up(message: OutboundMessage, case_number: str | None, **changes: Any) -> FollowUp:
    return FollowUp.model_validate(
        {
            "message_id": str(uuid4()),
            "application_id": str(message.application_id),
            "task_code": message.task_code,
            "collecting_city": message.application.collecting_city,
            "deciding_city": message.application.deciding_city,
            "case_number": case_number,
            "occurred_at": datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC),
            **changes,
        }
    )


def supplement_to(
    message: OutboundMessage, contents: Mapping[str, bytes], case_number: str | None = None
) -> tuple[FollowUp, MemoryFiles]:
    """One material per file, from S01 on, and one paper."""
    files = [
        {"material_code": f"S{number:02}", "material_name": f"补正材料{number}", "file": stored(name, content)}
        for number, (name, content) in enumerate(contents.items(), 1)
    ]
    materials: list[dict[str, Any]] = [
        {"material_code": one["material_code"], "files": [one["file"]["file_id"]]}  # type: ignore[index]
        for one in files
    ]
    materials.append({"material_code": "SP1", "source": "paper"})
    memory = MemoryFiles({hashlib.sha256(content).hexdigest(): content for content in contents.values()})
    supplement = _follow_up(
        message, case_number, kind="SUPPLEMENT", reason="已补齐 𠮷", materials=materials, files=files
    )
    return supplement, memory


def withdrawal_of(message: OutboundMessage, case_number: str | None = None) -> FollowUp:
    return _follow_up(message, case_number, kind="WITHDRAW", reason="不再需要 𠮷㐂")
