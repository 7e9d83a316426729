"""SM2: verify and, for test issuers, sign. Source: GB/T 32918.2-2016 and .5-2017 (GM/T 0003), [M] for the clauses.

Two providers do the arithmetic: libcrypto, where this machine has one that passes the self-test, and pure Python,
which is always there. Ranges, curve and encoding are checked here, before either is asked.
"""

import hashlib
import secrets
from collections import OrderedDict
from functools import lru_cache
from threading import Lock

from gateway.trust import der
from gateway.trust.der import DerError
from gateway.trust.sm2_curve import (
    INFINITY,
    A,
    B,
    G,
    N,
    P,
    Point,
    Table,
    add_from_table,
    generator_table,
    multiply,
    on_curve,
    table_of,
    to_affine,
)
from gateway.trust.sm2_libcrypto import libcrypto

DEFAULT_ID = b"1234567812345678"
"""The signer's distinguishing identifier where nothing else is agreed (GM/T 0009, [M])."""
_KEY_BITS = 5
_MANY = 256
_WORTH_A_TABLE = 3


class BadSignature(ValueError):
    """The signature value is not one: wrong encoding, or r or s out of range."""


def sm3(*parts: bytes) -> bytes:
    """SM3 over the parts one after the other, 32 bytes."""
    digest = hashlib.new("sm3")
    for part in parts:
        digest.update(part)
    return digest.digest()


def point_of(encoded: bytes) -> Point:
    """A public key's point from 65 bytes 04‖x‖y, or 33 bytes compressed; DerError unless it is on the curve."""
    if len(encoded) == 65 and encoded[0] == 4:
        point = int.from_bytes(encoded[1:33], "big"), int.from_bytes(encoded[33:], "big")
    elif len(encoded) == 33 and encoded[0] in (2, 3):
        x = int.from_bytes(encoded[1:], "big")
        y = pow(x * x * x + A * x + B, (P + 1) // 4, P)
        point = x, y if y & 1 == encoded[0] & 1 else P - y
    else:
        raise DerError("not the encoding of a point")
    if not on_curve(point):
        raise DerError("a public key that is not on the curve")
    return point


def encode_point(point: Point) -> bytes:
    """04‖x‖y, 65 bytes."""
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def signature_numbers(signature: bytes, *, raw: bool = False) -> tuple[int, int]:
    """(r, s) from strict DER or, with `raw`, from 64 bytes r‖s. BadSignature unless both are in [1, n−1]."""
    if raw:
        if len(signature) != 64:
            raise BadSignature("not 64 bytes")
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    else:
        try:
            parts = der.sequence(der.read(signature), at_least=2, at_most=2)
            r, s = der.integer(parts[0]), der.integer(parts[1])
        except DerError as error:
            raise BadSignature(str(error)) from None
    if not (0 < r < N and 0 < s < N):
        raise BadSignature("r or s out of range")
    return r, s


def encode_signature(r: int, s: int) -> bytes:
    """The DER form."""
    return der.encode(der.SEQUENCE, der.encode_integer(r) + der.encode_integer(s))


@lru_cache(maxsize=512)
def identity_digest(point: Point, identifier: bytes = DEFAULT_ID) -> bytes:
    """Z: the digest of identifier, curve and public key that every signed message begins with."""
    if len(identifier) > 8191:
        raise ValueError("the identifier is too long")
    numbers = b"".join(number.to_bytes(32, "big") for number in (A, B, *G, *point))
    return sm3((8 * len(identifier)).to_bytes(2, "big"), identifier, numbers)


def message_digest(point: Point, message: bytes, identifier: bytes = DEFAULT_ID) -> bytes:
    """e: SM3 over Z and the message."""
    return sm3(identity_digest(point, identifier), message)


class _Tables:
    """Tables of keys that are seen often; the first sights of a key are not worth one."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Point, int | Table] = OrderedDict()
        self._lock = Lock()

    def get(self, point: Point) -> Table | None:
        with self._lock:
            known = self._seen.get(point, 0)
            if not isinstance(known, int):
                self._seen.move_to_end(point)
                return known
            self._seen[point] = known + 1
            self._seen.move_to_end(point)
            while len(self._seen) > _MANY:
                self._seen.popitem(last=False)
        if known + 1 < _WORTH_A_TABLE:
            return None
        made = table_of(point, _KEY_BITS)
        with self._lock:
            self._seen[point] = made
        return made


_tables = _Tables()


def verify_pure(point: Point, digest: bytes, r: int, s: int) -> bool:
    """Whether (r, s) is a signature over the 32-byte digest e; r and s are in range, the point is on the curve."""
    t = (r + s) % N
    if t == 0:
        return False
    table = _tables.get(point)
    total = multiply(point, t) if table is None else add_from_table(INFINITY, table, t)
    x, _, z = add_from_table(total, generator_table(), s)
    if not z:
        return False
    wanted = (r - int.from_bytes(digest, "big")) % N
    zz = z * z % P
    # x is known modulo n only: it may be `wanted` or, rarely, n more
    return any((candidate * zz - x) % P == 0 for candidate in (wanted, wanted + N) if candidate < P)


def verify(point: Point, message: bytes, r: int, s: int, identifier: bytes = DEFAULT_ID) -> bool:
    """Whether (r, s) is a signature over the message; r and s are in range, the point is on the curve.

    By libcrypto where there is one; keys beyond its limit, and everything where there is none, in pure Python.
    """
    fast = libcrypto()
    if fast is None or (fast.full and not fast.knows(point)):
        return verify_pure(point, message_digest(point, message, identifier), r, s)
    return fast.verify(point, message, encode_signature(r, s), identifier)


def sign(private_key: int, message: bytes, identifier: bytes = DEFAULT_ID) -> tuple[int, int]:
    """(r, s) over a message. For test issuers: not constant in time."""
    if not 0 < private_key < N - 1:
        raise ValueError("not a private key")
    e = int.from_bytes(message_digest(public_point(private_key), message, identifier), "big")
    while True:
        k = secrets.randbelow(N - 1) + 1
        ((x, _),) = to_affine([add_from_table(INFINITY, generator_table(), k)])
        r = (e + x) % N
        s = pow(1 + private_key, -1, N) * (k - r * private_key) % N
        if r and s and r + k != N:
            return r, s


def public_point(private_key: int) -> Point:
    """The public key of a private one."""
    ((x, y),) = to_affine([add_from_table(INFINITY, generator_table(), private_key)])
    return x, y
