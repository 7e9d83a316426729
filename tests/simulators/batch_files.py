"""Sets of files as 潮州 writes and reads them: CSV in GB18030, a zip, a manifest with SM3 digests."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.simulators import shapes
from tests.simulators.books import Upload, digest

CHARSET = "gb18030"
APPLY: dict[str, shapes.Rule] = {
    "SJBS": shapes.REFERENCE,
    "YSBLSH": shapes.REFERENCE,
    "SXBM": shapes.SOME_TEXT,
    "SXMC": shapes.SOME_TEXT,
    "BJLX": shapes.ONE_OR_TWO,
    "SBSJ": shapes.TIME,
    "TBMS": frozenset({"0", "1", "2", "3"}),
    "SQRMC": shapes.SOME_TEXT,
    "SQRLX": shapes.ONE_OR_TWO,
    "SQRZJLX": shapes.PAPERS,
    "SQRZJHM": shapes.SOME_TEXT,
    "LXRXM": shapes.SOME_TEXT,
    "LXRSJ": str,
    "SQRXZQHDM": shapes.DIVISION,
    "SJXZQHDM": shapes.DIVISION,
    "SDXZQHDM": shapes.DIVISION,
    "HYFS": shapes.IDENTITY | {""},
    "BDNR": dict,
    "CLQD": [
        {
            "CLBH": str,
            "CLMC": shapes.SOME_TEXT,
            "CLLX": shapes.ONE_OR_TWO,
            "FS": int,
            "WJ?": shapes.SOME_TEXT,
            "WJM?": shapes.SOME_TEXT,
            "WJDX?": int,
            "SM3?": shapes.SHA256,
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Received:
    """One row; `fault` says what the wire does not allow in it."""

    message_id: str
    our_ref: str
    sha256: str
    mode: str
    task_code: str
    files: list[Upload]
    fault: str | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One row of the table of what follows: `kind` 1 is a supplement, 2 a withdrawal."""

    message_id: str
    our_ref: str
    kind: str
    reason: str
    files: list[Upload]
    fault: str | None


def sm3(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.new("sm3")).hexdigest()


def sm3_hex(content: bytes) -> str:
    return hashlib.new("sm3", content).hexdigest()


def is_whole(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Every file is there, with the stated size and digest."""
    for one in manifest["WJQD"]:
        path = folder / one["WJM"]
        if not path.is_file() or path.stat().st_size != one["WJDX"] or sm3(path) != one["ZYZ"]:
            return False
    return True


def read_batch(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Received]:
    """The rows of a whole batch."""
    names = {one["WJLX"]: one["WJM"] for one in manifest["WJQD"]}
    with (
        zipfile.ZipFile(folder / names["FJ"]) as packed,
        (folder / names["SB"]).open(encoding=CHARSET, newline="") as table,
    ):
        count = 0
        for count, row in enumerate(csv.DictReader(table), 1):  # noqa: B007
            yield _received(row, packed)
        assert count == manifest["JLS"], f"{count} rows, {manifest['JLS']} stated"


FOLLOW_UP: dict[str, shapes.Rule] = {
    "HXLSH": shapes.REFERENCE,
    "YSBLSH": shapes.REFERENCE,
    "SBLSH": str,
    "HXLX": shapes.ONE_OR_TWO,
    "SJ": shapes.TIME,
    "SM": str,
    "CLQD": APPLY["CLQD"],
}


def read_follow_ups(folder: Path, manifest: Mapping[str, Any]) -> Iterator[FollowUp]:
    """The rows of the table of what follows, if the batch has one."""
    names = {one["WJLX"]: one["WJM"] for one in manifest["WJQD"]}
    if "HX" not in names:
        return
    with (
        zipfile.ZipFile(folder / names["FJ"]) as packed,
        (folder / names["HX"]).open(encoding=CHARSET, newline="") as table,
    ):
        for row in csv.DictReader(table):
            yield _followed(row, packed)


def _followed(row: Mapping[str, str], packed: zipfile.ZipFile) -> FollowUp:
    spoken: dict[str, Any] = dict(row)
    files: list[Upload] = []
    try:
        spoken["CLQD"] = orjson.loads(row["CLQD"])
    except (orjson.JSONDecodeError, KeyError):
        fault: str | None = "CLQD 不是 JSON"
    else:
        fault = shapes.wrong(FOLLOW_UP, spoken, "HX") or _take_files(spoken, packed, files)
    return FollowUp(str(row["HXLSH"]), str(row["YSBLSH"]), str(row["HXLX"]), str(row["SM"]), files, fault)


def _received(row: Mapping[str, str], packed: zipfile.ZipFile) -> Received:
    spoken: dict[str, Any] = dict(row)
    fault = None
    try:
        spoken |= {name: orjson.loads(row[name]) for name in ("BDNR", "CLQD")}
    except (orjson.JSONDecodeError, KeyError):
        fault = "BDNR 或 CLQD 不是 JSON"
    fault = fault or shapes.wrong(APPLY, spoken, "SB")
    files: list[Upload] = []
    if fault is None:
        fault = _take_files(spoken, packed, files)
    message = {name: value for name, value in spoken.items() if name != "SJBS"}
    return Received(
        str(row.get("SJBS")),
        str(row.get("YSBLSH")),
        digest(orjson.dumps(message, option=orjson.OPT_SORT_KEYS)),
        str(row.get("TBMS")),
        str(row.get("SXBM")),
        files,
        fault,
    )


def _take_files(spoken: Mapping[str, Any], packed: zipfile.ZipFile, files: list[Upload]) -> str | None:
    for material in spoken["CLQD"]:
        if material.get("WJ") is None:
            continue
        try:
            content = packed.read(material["WJ"])
        except KeyError:
            return f"压缩包中没有 {material['WJ']}"
        if sm3_hex(content) != material["SM3"] or len(content) != material["WJDX"]:
            return f"材料文件大小或摘要不符: {material['WJM']}"
        files.append(Upload(spoken["YSBLSH"], material["WJM"], len(content), digest(content)))
    return None


def table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(CHARSET)


def zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def manifest(number: str, files: Mapping[str, tuple[str, bytes]], *, spoilt: bool = False) -> bytes:
    """`files` is name → (kind, content)."""
    listed = [
        {
            "WJLX": kind,
            "WJM": name,
            "WJDX": len(content),
            "ZYZ": sm3_hex(b"other" if spoilt else content),
        }
        for name, (kind, content) in files.items()
    ]
    return orjson.dumps({"PCH": number, "WJQD": listed})
