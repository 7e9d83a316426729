"""DER: a strict reader for the few ASN.1 types that seals, signatures and certificates are made of (X.690 §8, §10).

Definite and shortest lengths only, one-byte tags, no trailing bytes; depth and size are bounded. What is malformed
raises DerError; nothing else leaves this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A
UTF8, PRINTABLE, T61, IA5, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x14, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
UNIVERSAL, BMP, VISIBLE, NUMERIC = 0x1C, 0x1E, 0x1A, 0x12
MAX_DEPTH = 24
MAX_BYTES = 16 * 1024 * 1024
_BEIJING = timezone(timedelta(hours=8))
_TEXT = {UTF8: "utf-8", PRINTABLE: "ascii", T61: "latin-1", IA5: "ascii", VISIBLE: "ascii", NUMERIC: "ascii"}
_TEXT |= {BMP: "utf-16-be", UNIVERSAL: "utf-32-be"}


class DerError(ValueError):
    """Not DER, or not the type that must stand here."""


@dataclass(frozen=True, slots=True)
class Node:
    """One element: its tag octet and where its header, content and end are in `data`."""

    data: bytes
    tag: int
    start: int
    body: int
    end: int
    depth: int

    @property
    def content(self) -> bytes:
        """The content octets."""
        return self.data[self.body : self.end]

    @property
    def der(self) -> bytes:
        """Header and content as they are encoded."""
        return self.data[self.start : self.end]

    def children(self, *, at_most: int = 100_000) -> tuple["Node", ...]:
        """The elements of a constructed one."""
        if not self.tag & 0x20:
            raise DerError("a primitive element has no parts")
        return tuple(_elements(self.data, self.body, self.end, self.depth + 1, at_most))

    def expect(self, *tags: int) -> "Node":
        """Itself, where its tag is one of `tags`."""
        if self.tag not in tags:
            raise DerError(f"tag 0x{self.tag:02x} where {', '.join(f'0x{tag:02x}' for tag in tags)} must stand")
        return self


def read(data: bytes) -> Node:
    """The one element that `data` is; bytes after it are an error."""
    if len(data) > MAX_BYTES:
        raise DerError("too large")
    node = _element(data, 0, len(data), 0)
    if node.end != len(data):
        raise DerError("bytes after the end")
    return node


def leading(data: bytes) -> tuple[bytes, bytes]:
    """(the element at the beginning, the bytes after it): for a value that is padded to a fixed size."""
    if len(data) > MAX_BYTES:
        raise DerError("too large")
    node = _element(data, 0, len(data), 0)
    return node.der, data[node.end :]


def sequence(node: Node, *, at_least: int = 0, at_most: int = 100_000) -> tuple[Node, ...]:
    """The parts of a SEQUENCE with so many parts."""
    parts = node.expect(SEQUENCE).children(at_most=at_most)
    if len(parts) < at_least:
        raise DerError(f"a SEQUENCE of {len(parts)} parts where at least {at_least} must be")
    return parts


def _elements(data: bytes, position: int, end: int, depth: int, at_most: int) -> Iterator[Node]:
    count = 0
    while position < end:
        count += 1
        if count > at_most:
            raise DerError("too many parts")
        node = _element(data, position, end, depth)
        yield node
        position = node.end


def _element(data: bytes, start: int, limit: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise DerError("nested too deeply")
    if limit - start < 2:
        raise DerError("cut short")
    tag = data[start]
    if tag & 0x1F == 0x1F:
        raise DerError("tags of several octets are not used here")
    body, length = _length(data, start + 1, limit)
    if length > limit - body:
        raise DerError("longer than what holds it")
    return Node(data, tag, start, body, body + length, depth)


def _length(data: bytes, position: int, limit: int) -> tuple[int, int]:
    """(where the content begins, how long it is)."""
    first, body = data[position], position + 1
    if first < 0x80:
        return body, first
    octets = first & 0x7F
    if octets == 0 or octets > 4:
        raise DerError("indefinite or absurd length")
    if limit - body < octets:
        raise DerError("cut short")
    length = int.from_bytes(data[body : body + octets], "big")
    if length < 0x80 or length >> (8 * (octets - 1)) == 0:
        raise DerError("a length not in its shortest form")
    return body + octets, length


def integer(node: Node) -> int:
    """An INTEGER or ENUMERATED in its shortest form."""
    content = node.expect(INTEGER, ENUMERATED).content
    if not content:
        raise DerError("an empty INTEGER")
    if len(content) > 1 and content[0] in (0, 0xFF) and content[0] >> 7 == content[1] >> 7:
        raise DerError("an INTEGER not in its shortest form")
    return int.from_bytes(content, "big", signed=True)


def boolean(node: Node) -> bool:
    """A BOOLEAN: 00 or FF."""
    content = node.expect(BOOLEAN).content
    if content not in (b"\x00", b"\xff"):
        raise DerError("a BOOLEAN that is neither 00 nor FF")
    return content == b"\xff"


def octets(node: Node) -> bytes:
    """An OCTET STRING's bytes."""
    return node.expect(OCTET_STRING).content


def bits(node: Node) -> tuple[bytes, int]:
    """A BIT STRING's bytes and how many of its last bits are unused; those are zero."""
    content = node.expect(BIT_STRING).content
    if not content or content[0] > 7 or (content[0] and len(content) == 1):
        raise DerError("a BIT STRING with an impossible number of unused bits")
    unused = content[0]
    if unused and content[-1] & ((1 << unused) - 1):
        raise DerError("a BIT STRING whose unused bits are set")
    return content[1:], unused


def whole_bits(node: Node) -> bytes:
    """A BIT STRING of whole octets."""
    content, unused = bits(node)
    if unused:
        raise DerError("a BIT STRING that is not of whole octets")
    return content


def oid(node: Node) -> str:
    """An OBJECT IDENTIFIER in dotted form."""
    content = node.expect(OID).content
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise DerError("an OBJECT IDENTIFIER cut short")
    arcs: list[int] = []
    value, fresh = 0, True
    for octet in content:
        if fresh and octet == 0x80:
            raise DerError("an OBJECT IDENTIFIER not in its shortest form")
        value = value << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def text(node: Node) -> str:
    """A character string of any of the usual types."""
    encoding = _TEXT.get(node.tag)
    if encoding is None:
        raise DerError(f"tag 0x{node.tag:02x} where text must stand")
    try:
        return node.content.decode(encoding)
    except UnicodeDecodeError:
        raise DerError("text that is not in its encoding") from None


def time(node: Node) -> datetime:
    """A UTCTime or GeneralizedTime; fractions are read, a missing zone is Beijing time.

    Real seals carry `20200723130907.763Z` and `20221031141634`; whether such a form is a dialect is for the caller.
    """
    raw = node.expect(UTC_TIME, GENERALIZED_TIME).content
    try:
        return moment(raw.decode("ascii"), short_year=node.tag == UTC_TIME)
    except UnicodeDecodeError:
        raise DerError("a time that is not ASCII") from None


def moment(written: str, *, short_year: bool = False) -> datetime:
    """A time as ASN.1 writes it, as UTC."""
    zone: timezone = _BEIJING
    if written.endswith("Z"):
        zone, written = UTC, written[:-1]
    elif len(written) > 5 and written[-5] in "+-" and written[-4:].isdigit():
        offset = timedelta(hours=int(written[-4:-2]), minutes=int(written[-2:]))
        zone = timezone(offset if written[-5] == "+" else -offset) if offset < timedelta(hours=24) else UTC
        written = written[:-5]
    whole, _, fraction = written.partition(".")
    if short_year:
        whole = ("19" if whole[:2] >= "50" else "20") + whole
    if not whole.isdigit() or len(whole) not in (12, 14) or (fraction and not fraction.isdigit()):
        raise DerError("a time that cannot be read")
    try:
        found = datetime.strptime(whole.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=zone)
        return (found + timedelta(seconds=float(f"0.{fraction or 0}"))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DerError("a time that does not exist") from None


def encode(tag: int, content: bytes) -> bytes:
    """One element; for keys and signatures we build ourselves."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def encode_integer(value: int) -> bytes:
    """A non-negative INTEGER in its shortest form."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
