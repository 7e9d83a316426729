"""Writing DER, by hand and independently of the reader it is used to test."""

from datetime import datetime

SEQUENCE, SET = 0x30, 0x31


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(length)]) + length + content


def seq(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(SET, *sorted(parts))


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    arcs = [int(arc) for arc in dotted.split(".")]
    content = b""
    for arc in [40 * arcs[0] + arcs[1], *arcs[2:]]:
        octets = [arc & 127]
        while arc := arc >> 7:
            octets.append(128 | arc & 127)
        content += bytes(reversed(octets))
    return tlv(6, content)


def bits(content: bytes) -> bytes:
    return tlv(3, b"\0" + content)


def octets(content: bytes) -> bytes:
    return tlv(4, content)


def utf8(text: str) -> bytes:
    return tlv(12, text.encode())


def ia5(text: str) -> bytes:
    return tlv(22, text.encode("ascii"))


def printable(text: str) -> bytes:
    return tlv(19, text.encode("ascii"))


def utc_time(moment: datetime) -> bytes:
    return tlv(23, moment.strftime("%y%m%d%H%M%SZ").encode())


def generalized(moment: datetime) -> bytes:
    return tlv(24, moment.strftime("%Y%m%d%H%M%SZ").encode())


TRUE = tlv(1, b"\xff")
"""BOOLEAN true."""
