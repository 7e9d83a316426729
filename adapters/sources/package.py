"""压缩包: the zip file that an xlsx or ods is, judged by its directory before anything is unpacked."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from adapters.sources.record import Place

_MOST_PARTS = 10_000
_MOST_BYTES = 4 * 1024**3
_LARGE_BYTES = 8 * 1024**2
_MOST_RATIO = 300
"""Deflate cannot exceed 1,032; a sheet of equal rows reaches 100."""
_SMALL_BYTES = 32 * 1024**2
_MACROS = ("vbaproject.bin", "xl/macrosheets/", "basic/", "scripts/")
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    etree.LxmlError,
    Warning,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    UnicodeError,
    ValueError,
    struct.error,
)
"""What the libraries are known to raise for files that contradict themselves; warnings where they are made errors."""


@contextmanager
def damage(place: Place) -> Iterator[None]:
    """What the unpacking libraries raise becomes SourceUnreadable."""
    try:
        yield
    except DAMAGE as error:
        raise place.error("the file is damaged", "文件已损坏") from error


def open_package(path: Path, place: Place) -> zipfile.ZipFile:
    """The opened zip file. Raises SourceUnreadable for damage, a bomb, a password and macros."""
    with damage(place):
        package = zipfile.ZipFile(path)
    try:
        _judge(package.infolist(), path, place)
    except BaseException:
        package.close()
        raise
    return package


def _judge(parts: list[zipfile.ZipInfo], path: Path, place: Place) -> None:
    if any(part.flag_bits & 1 for part in parts):
        place.fail("the file is protected by a password", "文件有密码保护")
    total = sum(part.file_size for part in parts)
    swollen = any(part.file_size > max(_LARGE_BYTES, _MOST_RATIO * part.compress_size) for part in parts)
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        place.fail("the file is packed in an unusual way", "文件的压缩方式不受支持")
    if len(parts) > _MOST_PARTS or total > _MOST_BYTES or swollen:
        place.fail("unpacked, the file would be far too large", "文件解压后过大，疑为压缩炸弹")
    macros = any(name in part.filename.lower() for part in parts for name in _MACROS)
    if macros or path.suffix.lower() in (".xlsm", ".xltm", ".xlam"):
        refuse_macros(place)


def refuse_macros(place: Place) -> None:
    """Raise: macros are never needed to read values."""
    place.fail("the file may hold macros; save it as .xlsx", "文件可能带有宏，请另存为.xlsx格式")


def small_part(package: zipfile.ZipFile, name: str, place: Place) -> Any:
    """The root element of a part that is read whole. Raises SourceUnreadable for one that is too large."""
    if package.getinfo(name).file_size > _SMALL_BYTES:
        place.fail(f"the part {name} is too large", f"文件中的{name}过大")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    root = etree.fromstring(package.read(name), parser)
    _refuse_entities(root, place)
    return root


def elements(
    file: Any, tags: tuple[str, ...], place: Place, *, starts: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """(event, element) for the ends of `tags` and the starts of `starts`; an element is freed after its end."""
    events = ("start", "end") if starts else ("end",)
    parser = etree.iterparse(
        file,
        events=events,
        tag=(*tags, *starts),
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    first = True
    for event, element in parser:
        if first:
            _refuse_entities(element, place)
            first = False
        yield event, element
        if event == "end":
            free(element)


def free(element: Any) -> None:
    """Drop an element that has been read, and those before it."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]


def _refuse_entities(element: Any, place: Place) -> None:
    if element.getroottree().docinfo.doctype:
        place.fail("a document type is not accepted here: it can define entities", "不接受文档类型声明（DOCTYPE）")
