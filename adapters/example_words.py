"""样例的词: what an example's message has on its way that a message by itself has not: numbers, rows, kept values."""

from typing import Any
from uuid import UUID, uuid5

from adapters.examples import SubmitExample


def fill_in(words: dict[str, Any], example: SubmitExample, message_id: UUID) -> None:
    """Into the words of the example's message."""
    words |= {"now": example.now, "batch": "EXAMPLE", "kept": example.kept}
    numbers, kept = iter(example.uploaded), iter(example.kept_files)
    for number, material in enumerate(words["materials"]):
        file = material["file"]
        material["row_id"] = str(uuid5(message_id, str(number)))
        material["uploaded"] = next(numbers, None) if file else None
        material["content"] = "BASE64" if file else None
        if file and (of_file := next(kept, None)) is not None:
            material["kept"] = file["kept"] = of_file
