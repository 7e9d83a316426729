"""SM2 through libcrypto: the system's OpenSSL by ctypes, used only where it passes the test of the standard's example.

OpenSSL 3 takes the empty identifier by default: it is always set here. Calls release the GIL; a loaded key may be
used by several threads at a time.
"""

import ctypes
import ctypes.util
from collections import OrderedDict
from functools import lru_cache
from threading import Lock
from typing import Any

from gateway.trust import der
from gateway.trust.sm2_curve import Point

_CANDIDATES = ("libcrypto.so.3", "libcrypto.so", "libcrypto.so.1.1")
_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
_SM2_CURVE = bytes.fromhex("06082a811ccf5501822d")
_MANY_KEYS = 512
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "d2i_PUBKEY": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_long]),
    "EVP_PKEY_free": (None, [ctypes.c_void_p]),
    "EVP_MD_CTX_new": (ctypes.c_void_p, []),
    "EVP_MD_CTX_free": (None, [ctypes.c_void_p]),
    "EVP_MD_CTX_set_pkey_ctx": (None, [ctypes.c_void_p, ctypes.c_void_p]),
    "EVP_PKEY_CTX_new": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]),
    "EVP_PKEY_CTX_free": (None, [ctypes.c_void_p]),
    "EVP_PKEY_CTX_set1_id": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]),
    "EVP_sm3": (ctypes.c_void_p, []),
    "EVP_DigestVerifyInit": (ctypes.c_int, [ctypes.c_void_p] * 5),
    "EVP_DigestVerify": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t],
    ),
    "ERR_clear_error": (None, []),
}


class LibcryptoVerifier:
    """Verifies with one loaded libcrypto. Raises OSError or AttributeError where the library lacks what is needed."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        self._call = {}
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            self._call[name] = function
        self._keys: OrderedDict[Point, int] = OrderedDict()
        self._lock = Lock()

    def verify(self, point: Point, message: bytes, signature_der: bytes, identifier: bytes) -> bool:
        """Whether the DER signature over the message holds; the caller has checked point, ranges and encoding."""
        call = self._call
        with self._lock:
            key = self._key(point)
            context, key_context = call["EVP_MD_CTX_new"](), call["EVP_PKEY_CTX_new"](key, None)
        try:
            if not context or not key_context:
                raise MemoryError
            if call["EVP_PKEY_CTX_set1_id"](key_context, identifier, len(identifier)) <= 0:
                return False
            call["EVP_MD_CTX_set_pkey_ctx"](context, key_context)
            if call["EVP_DigestVerifyInit"](context, None, call["EVP_sm3"](), None, key) != 1:
                return False
            good = call["EVP_DigestVerify"](context, signature_der, len(signature_der), message, len(message))
            return bool(good == 1)
        finally:
            call["EVP_MD_CTX_free"](context)
            call["EVP_PKEY_CTX_free"](key_context)
            call["ERR_clear_error"]()

    def _key(self, point: Point) -> int:
        """An EVP_PKEY. It is never freed while it may be in use: keys beyond the limit are kept, new ones are not."""
        known = self._keys.get(point)
        if known is not None:
            return known
        encoded = b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")
        algorithm = der.encode(der.SEQUENCE, _EC_PUBLIC_KEY + _SM2_CURVE)
        spki = der.encode(der.SEQUENCE, algorithm + der.encode(der.BIT_STRING, b"\x00" + encoded))
        start = ctypes.c_char_p(spki)
        key = self._call["d2i_PUBKEY"](None, ctypes.byref(start), len(spki))
        if not key:
            raise ValueError("libcrypto does not take this key")
        self._keys[point] = key
        return int(key)

    @property
    def full(self) -> bool:
        """Whether it holds as many keys as it may; the pure verifier serves the keys beyond."""
        return len(self._keys) >= _MANY_KEYS

    def knows(self, point: Point) -> bool:
        """Whether the key is loaded."""
        return point in self._keys


@lru_cache(maxsize=1)
def libcrypto() -> LibcryptoVerifier | None:
    """The system's libcrypto, if it gives the right answers to the standard's example; looked for once."""
    for path in dict.fromkeys((*_CANDIDATES, ctypes.util.find_library("crypto"))):
        if path is None:
            continue
        try:
            verifier = LibcryptoVerifier(path)
            if passes_self_test(verifier):
                return verifier
        except (OSError, AttributeError, ValueError):
            continue
    return None


_X = 0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020
_Y = 0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13
_SIGNATURE = bytes.fromhex(
    "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


def passes_self_test(verifier: LibcryptoVerifier) -> bool:
    """The example of GB/T 32918.5-2017 verifies; with another message or identifier it does not."""
    point, identifier = (_X, _Y), b"1234567812345678"
    return (
        verifier.verify(point, b"message digest", _SIGNATURE, identifier)
        and not verifier.verify(point, b"message digesT", _SIGNATURE, identifier)
        and not verifier.verify(point, b"message digest", _SIGNATURE, b"")
    )
