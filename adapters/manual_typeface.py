"""打印字体: which font draws which character, and how wide it is.

The built-in font is not embedded: every reader of PDF brings a Chinese font of its own, and GBK is what those surely
have. A TrueType font of the operator's comes first where it has the character, and is embedded. A character that no
font at hand is sure to have is printed as 〔U+20BB7〕: it must not vanish on paper.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from schemas.errors import SeedInvalid

_BUILT_IN = "STSong-Light"


class Typeface:
    """字体: which font draws which character, and how wide it is."""

    def __init__(self, path: Path | None = None) -> None:
        from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]  # noqa: PLC0415
        from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # type: ignore[import-untyped]  # noqa: PLC0415

        pdfmetrics.registerFont(UnicodeCIDFont(_BUILT_IN))
        self._width: Callable[[str, str, float], float] = pdfmetrics.stringWidth
        self._own = None if path is None else _register(path)
        self._glyphs: Any = {} if self._own is None else pdfmetrics.getFont(self._own).face.charToGlyph

    def printable(self, text: str) -> str:
        """The text with every character that no font has as 〔U+…〕."""
        return "".join(one if self._font_of(one) is not None else f"〔U+{ord(one):04X}〕" for one in text)

    def runs(self, text: str) -> Iterator[tuple[str, str]]:
        """(font, text) of printable text, in order."""
        run, font = "", _BUILT_IN
        for one in text:
            found = self._font_of(one) or _BUILT_IN
            if found != font and run:
                yield font, run
                run = ""
            run, font = run + one, found
        if run:
            yield font, run

    def width(self, text: str, size: float) -> float:
        """In points."""
        return sum(self._width(run, font, size) for font, run in self.runs(text))

    def wrapped(self, text: str, size: float, width: float) -> list[str]:
        """Lines no wider than `width`; Chinese breaks anywhere."""
        lines = []
        for paragraph in self.printable(text.replace("\r\n", "\n").replace("\t", " ")).split("\n"):
            line, used = "", 0.0
            for one in paragraph:
                wide = self.width(one, size)
                if used + wide > width and line:
                    lines.append(line)
                    line, used = "", 0.0
                line, used = line + one, used + wide
            lines.append(line)
        return lines

    def _font_of(self, one: str) -> str | None:
        if ord(one) in self._glyphs:
            return self._own
        return _BUILT_IN if _in_gbk(one) or one == "\n" else None


@cache
def _in_gbk(one: str) -> bool:
    try:
        one.encode("gbk")
    except UnicodeEncodeError:
        return False
    return one.isprintable() or one == "\u3000"


@cache
def _register(path: Path) -> str:
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFError, TTFont  # type: ignore[import-untyped]  # noqa: PLC0415

    name = f"font-{path.stem}"
    try:
        pdfmetrics.registerFont(TTFont(name, str(path)))
    except TTFError:
        raise SeedInvalid(
            f"TONGBAN_PDF_FONT: {path.name} cannot be read as a TrueType font.",
            f"TONGBAN_PDF_FONT：{path.name} 不是可用的 TrueType 字体。",
        ) from None
    return name
