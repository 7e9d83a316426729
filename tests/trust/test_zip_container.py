"""The container: what two readers could understand differently is refused, naming the part."""

import io
import struct
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.trust.policy import DEFAULT
from gateway.trust.zip_container import Package, PackageError, open_package

PARTS = {"a.xml": b"<a/>" * 40, "dir/b.bin": bytes(range(256))}


def packed(parts: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, content in parts.items():
            archive.writestr(zipfile.ZipInfo(path), content, method)
        archive.comment = comment
    return buffer.getvalue()


class Unseekable(io.RawIOBase):
    """A sink that makes zipfile write data descriptors."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.content += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def streamed() -> bytes:
    sink = Unseekable()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in PARTS.items():
            archive.writestr(path, content)
    return bytes(sink.content)


def opened(content: bytes, **changes: Any) -> Package:
    return open_package(content, replace(DEFAULT, **changes))


@pytest.mark.parametrize("content", [packed(PARTS), packed(PARTS, method=zipfile.ZIP_STORED), streamed()])
def test_ordinary_files_open(content: bytes) -> None:
    package = opened(content)
    assert {name: package.read(name) for name in package.names()} == PARTS
    assert package.read("a.xml") is package.read("a.xml")
    with pytest.raises(KeyError):
        package.read("none")


@settings(max_examples=60)
@given(st.dictionaries(st.text("abcdefgh/", min_size=1, max_size=8), st.binary(max_size=2000), max_size=6))
def test_what_opens_holds_what_was_put_in(parts: dict[str, bytes]) -> None:
    try:
        package = opened(packed(parts))
    except PackageError:
        return
    assert {name: package.read(name) for name in package.names()} == {
        name: content for name, content in parts.items() if not name.endswith("/")
    }


NAMES = ["../a", "/a", "a//b", "./a", "a\\b", "C:a", "a\x01", "a/../b", " a", "a/ ", "x" * 600]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere(name: str) -> None:
    content = packed({"placeholder" + "x" * (len(name.encode()) - 11): b"x"}) if len(name) > 11 else None
    content = content.replace(b"placeholder", name[:11].encode()) if content else packed({"q" * len(name): b"x"})
    content = content.replace(("q" * len(name)).encode(), name.encode())
    with pytest.raises(PackageError):
        opened(content)


def test_names_that_are_the_same() -> None:
    for first, second in (("a.xml", "A.XML"), ("\u00e9", "e\u0301"), ("d/x", "D/x")):
        with pytest.raises(PackageError, match="重名"):
            opened(packed({first: b"1", second: b"2"}))
    doubled = packed({"aa": b"1", "ab": b"2"}).replace(b"ab", b"aa")
    with pytest.raises(PackageError, match="重名"):
        opened(doubled)


def field(content: bytes, signature: bytes, offset: int, form: str, value: int, which: int = 0) -> bytes:
    """The file with one number in a header set to another value."""
    place = -1
    for _ in range(which + 1):
        place = content.index(signature, place + 1)
    return content[: place + offset] + struct.pack(form, value) + content[place + offset + struct.calcsize(form) :]


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
GOOD = packed(PARTS)
WRONG = {
    "empty": b"",
    "no zip": b"hello" * 20,
    "a prefix": b"#!/bin/sh\n" + GOOD,
    "something behind": GOOD + b"x",
    "a comment": packed(PARTS, comment=b"x"),
    "two disks": field(GOOD, END, 4, "<H", 1),
    "a count too high": field(field(GOOD, END, 8, "<H", 3), END, 10, "<H", 3),
    "a count too low": field(field(GOOD, END, 8, "<H", 1), END, 10, "<H", 1),
    "zip64": field(field(GOOD, END, 8, "<H", 0xFFFF), END, 10, "<H", 0xFFFF),
    "a directory elsewhere": field(GOOD, END, 16, "<L", 0),
    "no directory entry": GOOD.replace(CENTRAL, b"PK\x01\x09"),
    "encrypted": field(GOOD, CENTRAL, 8, "<H", 1),
    "another method": field(GOOD, CENTRAL, 10, "<H", 12),
    "sizes of 4 GB": field(GOOD, CENTRAL, 24, "<L", 0xFFFFFFFF),
    "another size": field(GOOD, CENTRAL, 24, "<L", 3),
    "another checksum": field(GOOD, CENTRAL, 16, "<L", 3),
    "a local method": field(GOOD, LOCAL, 8, "<H", 0),
    "a local name": GOOD.replace(b"a.xml", b"c.xml", 1),
    "a local size": field(GOOD, LOCAL, 22, "<L", 3),
    "a local header elsewhere": field(GOOD, CENTRAL, 42, "<L", 5),
    "no local header": GOOD.replace(LOCAL, b"PK\x03\x09", 1),
    "overlapping entries": field(GOOD, CENTRAL, 42, "<L", 0, which=1),
    "a link": field(field(GOOD, CENTRAL, 4, "<H", 0x0314), CENTRAL, 38, "<L", 0o120777 << 16),
    "an entry on another disk": field(GOOD, CENTRAL, 34, "<H", 1),
    "a name longer than the directory": field(GOOD, CENTRAL, 28, "<H", 60_000),
    "no UTF-8": field(GOOD.replace(b"a.xml", b"\xff.xml"), CENTRAL, 8, "<H", 0x800),
    "no UTF-8 and no flag": GOOD.replace(b"a.xml", b"\xff.xml"),
    "a descriptor that lies": streamed().replace(struct.pack("<L", len(PARTS["a.xml"])), struct.pack("<L", 7), 1),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    with pytest.raises(PackageError) as caught:
        package = opened(WRONG[name])
        for part in package.names():
            package.read(part)
    assert caught.value.message_zh


def test_damaged_data_and_lies_about_its_length() -> None:
    start = GOOD.index(b"a.xml") + 5
    damaged = GOOD[:start] + bytes([GOOD[start] ^ 0xFF]) + GOOD[start + 1 :]
    with pytest.raises(PackageError):
        opened(damaged).read("a.xml")
    for offset, number in ((LOCAL, 22), (CENTRAL, 24)):
        assert offset
        assert number
    shorter = field(field(GOOD, LOCAL, 22, "<L", 10), CENTRAL, 24, "<L", 10)
    with pytest.raises(PackageError, match="长度"):
        opened(shorter).read("a.xml")


def test_limits() -> None:
    with pytest.raises(PackageError, match="条目超过"):
        opened(GOOD, max_entries=1)
    with pytest.raises(PackageError, match="过大"):
        opened(GOOD, max_inflated_bytes=100)
    with pytest.raises(PackageError, match="压缩比"):
        opened(packed({"bomb": bytes(10_000_000)}))
    folder = packed({"dir/": b""})
    assert opened(folder).names() == []
    with pytest.raises(PackageError, match="目录条目"):
        opened(packed({"dir/": b"x"}))
    stored = packed({"a": b"xyz"}, method=zipfile.ZIP_STORED)
    with pytest.raises(PackageError, match="两个长度"):
        opened(field(stored, CENTRAL, 20, "<L", 2))


def test_a_second_name_in_an_extra_field() -> None:
    info = zipfile.ZipInfo("a.xml")
    info.extra = struct.pack("<2H", 0x7075, 4) + b"evil"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"x")
    with pytest.raises(PackageError, match="第二个"):
        opened(buffer.getvalue())
    info.extra = struct.pack("<2H", 0x5455, 4) + b"time"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"x")
    assert opened(buffer.getvalue()).read("a.xml") == b"x"
