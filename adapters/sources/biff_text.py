"""BIFF文本: texts in an xls, which may go on from record to record. Source: [MS-XLS] §2.5.293, §2.4.58."""

import struct
from collections.abc import Sequence

_WIDE, _PHONETIC, _RICH = 1, 4, 8


class BiffText:
    """Reads through a record and the CONTINUE records behind it. Raises struct.error where they end too early."""

    def __init__(self, bodies: Sequence[bytes], at: int) -> None:
        self._bodies, self._part, self._at = bodies, 0, at

    def more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._bodies[self._part]) or self._part + 1 < len(self._bodies)

    def text(self) -> str:
        """The next text, without its formatting and its reading aid."""
        count, flags = struct.unpack("<HB", self._bytes(3))
        (runs,) = struct.unpack("<H", self._bytes(2)) if flags & _RICH else (0,)
        (phonetic,) = struct.unpack("<I", self._bytes(4)) if flags & _PHONETIC else (0,)
        text = self._characters(count, flags & _WIDE)
        self._bytes(4 * runs + phonetic)
        return text

    def _characters(self, count: int, wide: int) -> str:
        parts: list[str] = []
        while count:
            body = self._bodies[self._part]
            ready = (len(body) - self._at) // (2 if wide else 1)
            if not ready:  # the text goes on in the next record, which says anew how wide its characters are
                wide = self._next()[0] & _WIDE
                self._at = 1
                continue
            here = min(count, ready)
            end = self._at + here * (2 if wide else 1)
            parts.append(body[self._at : end].decode("utf-16-le" if wide else "latin-1", "surrogatepass"))
            self._at, count = end, count - here
        return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _bytes(self, count: int) -> bytes:
        found = bytearray()
        while count > len(found):
            if self._at >= len(self._bodies[self._part]):
                self._next()
            body = self._bodies[self._part]
            fresh = body[self._at : self._at + count - len(found)]
            found += fresh
            self._at += len(fresh)
        return bytes(found)

    def _next(self) -> bytes:
        self._part, self._at = self._part + 1, 0
        if self._part >= len(self._bodies) or not self._bodies[self._part]:
            raise struct.error("the text is cut off")
        return self._bodies[self._part]
