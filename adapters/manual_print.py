"""打印: lines, tables and a QR code laid out on A4 pages, then drawn; the same pieces are the same bytes.

Layout is a list of what is drawn where, so that it can be looked at without reading a PDF.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.manual_typeface import Typeface

WIDTH, HEIGHT = 595.0, 842.0
"""A4, in points."""
MARGIN = 48.0
_INNER = WIDTH - 2 * MARGIN
_FOOT = 40.0
_LEADING = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """一段文字: wraps; `gap` points above it."""

    text: str
    size: float = 10.5
    gap: float = 2.0


@dataclass(frozen=True, slots=True)
class Grid:
    """表格: the first row is its head and comes again on every page; `widths` are parts of the whole."""

    widths: tuple[float, ...]
    rows: tuple[tuple[str, ...], ...]
    size: float = 8.5


@dataclass(frozen=True, slots=True)
class Code:
    """二维码 in the upper right corner of the first page."""

    content: str
    side: float = 96.0


Piece = Line | Grid | Code


@dataclass(frozen=True, slots=True)
class Text:
    """Drawn: one run of text whose baseline begins at (x, y)."""

    x: float
    y: float
    size: float
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """Drawn: a rectangle from its lower left corner, filled or as a frame."""

    x: float
    y: float
    width: float
    height: float
    filled: bool = False


Drawn = Text | Box


@dataclass(slots=True)
class _Sheet:
    """Fills pages from top to bottom."""

    face: Typeface
    pages: list[list[Drawn]] = field(default_factory=lambda: [[]])
    y: float = HEIGHT - MARGIN
    narrow_until: float = HEIGHT
    narrow_by: float = 0.0

    def room(self, height: float) -> bool:
        """Make room; whether a new page was begun."""
        if self.y - height >= MARGIN + _FOOT:
            return False
        self.pages.append([])
        self.y, self.narrow_until = HEIGHT - MARGIN, HEIGHT
        return True

    def line(self, piece: Line) -> None:
        self.y -= piece.gap
        width = _INNER - (self.narrow_by if self.y > self.narrow_until else 0.0)
        for text in self.face.wrapped(piece.text, piece.size, width):
            self.room(piece.size * _LEADING)
            self.y -= piece.size * _LEADING
            self.pages[-1].append(Text(MARGIN, self.y, piece.size, text))

    def code(self, piece: Code) -> None:
        import segno  # noqa: PLC0415 - most processes never print

        matrix = segno.make(piece.content, error="m", micro=False).matrix
        dot = piece.side / len(matrix)
        left, top = WIDTH - MARGIN - piece.side, HEIGHT - MARGIN
        for row, bits in enumerate(matrix, 1):
            for column, bit in enumerate(bits):
                if bit & 1:
                    self.pages[0].append(Box(left + column * dot, top - row * dot, dot, dot, filled=True))
        self.narrow_until, self.narrow_by = top - piece.side - 8, piece.side + 12

    def grid(self, piece: Grid) -> None:
        self.y = min(self.y, self.narrow_until if self.narrow_by and len(self.pages) == 1 else self.y) - 6
        unit = _INNER / sum(piece.widths)
        widths = [part * unit for part in piece.widths]
        head, *rows = piece.rows
        self._row(head, widths, piece.size)
        for row in rows:
            if self.room(self._height(row, widths, piece.size)):
                self._row(head, widths, piece.size)
            self._row(row, widths, piece.size)

    def _cells(self, row: Sequence[str], widths: Sequence[float], size: float) -> list[list[str]]:
        return [self.face.wrapped(text, size, width - 6) for text, width in zip(row, widths, strict=True)]

    def _height(self, row: Sequence[str], widths: Sequence[float], size: float) -> float:
        return max(map(len, self._cells(row, widths, size))) * size * _LEADING + 5

    def _row(self, row: Sequence[str], widths: Sequence[float], size: float) -> None:
        height, x = self._height(row, widths, size), MARGIN
        for lines, width in zip(self._cells(row, widths, size), widths, strict=True):
            self.pages[-1].append(Box(x, self.y - height, width, height))
            for number, text in enumerate(lines, 1):
                self.pages[-1].append(Text(x + 3, self.y - number * size * _LEADING, size, text))
            x += width
        self.y -= height


def laid_out(pieces: Sequence[Piece], face: Typeface, foot: str) -> list[list[Drawn]]:
    """What is drawn on each page; `foot` and the page's number stand at the end of each."""
    sheet = _Sheet(face)
    for piece in pieces:
        match piece:
            case Line():
                sheet.line(piece)
            case Grid():
                sheet.grid(piece)
            case Code():
                sheet.code(piece)
    for number, page in enumerate(sheet.pages, 1):
        page.append(Text(MARGIN, MARGIN, 8.5, f"{face.printable(foot)}　第 {number} 页，共 {len(sheet.pages)} 页"))
    return sheet.pages


def drawn(pages: Sequence[Sequence[Drawn]], face: Typeface, title: str) -> bytes:
    """The PDF, uncompressed: its bytes depend on nothing but its content."""
    from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]  # noqa: PLC0415

    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(WIDTH, HEIGHT), pageCompression=0, invariant=1)
    canvas.setTitle(title)
    canvas.setLineWidth(0.5)
    for page in pages:
        for one in page:
            if isinstance(one, Box):
                canvas.rect(one.x, one.y, one.width, one.height, stroke=int(not one.filled), fill=int(one.filled))
            else:
                _draw_text(canvas, one, face)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _draw_text(canvas: Any, one: Text, face: Typeface) -> None:
    x = one.x
    for font, run in face.runs(one.text):
        canvas.setFont(font, one.size)
        canvas.drawString(x, one.y, run)
        x += face.width(run, one.size)
