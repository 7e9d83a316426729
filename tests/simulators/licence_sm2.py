"""SM2 signing in affine coordinates, slow and plain (GB/T 32918.2), and the little DER a licence office writes."""

import hashlib
import secrets

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
Point = tuple[int, int] | None


def sm3(content: bytes) -> bytes:
    return hashlib.new("sm3", content).digest()


def _add(left: Point, right: Point) -> Point:
    if left is None or right is None:
        return left or right
    if left[0] == right[0] and (left[1] + right[1]) % P == 0:
        return None
    if left == right:
        slope = (3 * left[0] * left[0] + A) * pow(2 * left[1], -1, P)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, P)
    x = (slope * slope - left[0] - right[0]) % P
    return x, (slope * (left[0] - x) - left[1]) % P


def _times(number: int) -> tuple[int, int]:
    total: Point = None
    step: Point = (GX, GY)
    while number:
        if number & 1:
            total = _add(total, step)
        step = _add(step, step)
        number >>= 1
    assert total is not None
    return total


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def whole(number: int) -> bytes:
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    out = b""
    for arc in (40 * first + second, *rest):
        groups, left = [arc & 0x7F], arc >> 7
        while left:
            groups.insert(0, 0x80 | left & 0x7F)
            left >>= 7
        out += bytes(groups)
    return tlv(6, out)


def bit_string(content: bytes) -> bytes:
    return tlv(3, b"\0", content)


class Sm2Key:
    """A key pair; signatures are DER, with the usual identity."""

    def __init__(self) -> None:
        self._private = secrets.randbelow(N - 2) + 1
        x, y = _times(self._private)
        self._public = x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.spki = seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.156.10197.1.301")), bit_string(b"\x04" + self._public))

    def sign(self, message: bytes) -> bytes:
        identity = b"1234567812345678"
        curve = b"".join(number.to_bytes(32, "big") for number in (A, B, GX, GY))
        z = sm3((8 * len(identity)).to_bytes(2, "big") + identity + curve + self._public)
        e = int.from_bytes(sm3(z + message), "big")
        while True:
            k = secrets.randbelow(N - 1) + 1
            r = (e + _times(k)[0]) % N
            s = pow(1 + self._private, -1, N) * (k - r * self._private) % N
            if r and s and r + k != N:
                return seq(whole(r), whole(s))
