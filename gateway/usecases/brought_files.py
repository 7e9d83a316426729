"""带来的文件: files that a request names by their ids, and what is said where one of them is not here."""

from collections.abc import Iterable, Sequence

from gateway.storage import files
from gateway.storage.database import Database, Transaction
from schemas.application import StoredFile
from schemas.errors import FieldProblem, FileUnknown


async def brought_by(db: Database | Transaction, caller: str, ids: Sequence[str]) -> dict[str, StoredFile]:
    """The files by id. FileUnknown, naming each, where one is not here or another caller brought it."""
    known = await files.by_ids(db, ids) if ids else {}
    unknown = [one for one in ids if one not in known or known[one][1] != caller]
    if unknown:
        detail = "A referenced file was never uploaded by this caller."
        raise unknown_files("/materials", unknown, detail, "引用的文件不存在，或不是由同一调用方上传的。")
    return {one: known[one][0] for one in ids}


def unknown_files(pointer: str, ids: Iterable[str], detail: str, detail_zh: str) -> FileUnknown:
    """The error that names each missing file at the field that named it."""
    problems = (FieldProblem(pointer, "file_unknown", f"file {i} is not here", f"没有文件 {i}") for i in ids)
    return FileUnknown(detail, detail_zh, errors=tuple(problems))
