"""文本清理: guides come with markup, full-width digits and stray spaces; what is taken out is said."""

import re
from html.parser import HTMLParser

SUSPECT = re.compile(
    r"[<&\x00-\x1f\x7f\u00a0\u200b-\u200f\u2028\u2029\u3000\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|&(?:[a-zA-Z]{2,8}|#[0-9]{1,6}|#x[0-9a-fA-F]{1,6});")
_NARROW = {
    wide: wide - 0xFEE0
    for start, end in ((0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
    for wide in range(start, end + 1)
}
_NARROW |= {0x3000: " ", 0xA0: " ", 0x2028: "\n", 0x2029: "\n", 0xFEFF: None} | dict.fromkeys(range(0x200B, 0x2010))
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]+")
_SPACES = re.compile(r"[ \t]*\n[ \t]*(?:\n[ \t]*)*")
_BREAKS = frozenset("p div br li tr h1 h2 h3 h4 h5 h6 ul ol table section article dt dd blockquote".split())
_SILENT = frozenset("script style head title".split())
_KNOWN = (
    _BREAKS
    | _SILENT
    | frozenset(
        "a abbr address aside audio b base big body button caption center cite code col colgroup dd del dfn dir dl em "
        "embed fieldset figcaption figure font footer form header hr html i iframe img input ins kbd label legend link "
        "main map mark meta nav nobr object option p param pre q s samp select small source span strike strong sub "
        "summary sup svg tbody td textarea tfoot th thead time track tt u var video wbr".split()
    )
)
"""Elements of HTML; a bracket around any other word is text: x<y and z>w."""
_CARRIERS = frozenset("img video audio iframe object embed table a input form svg".split())


def _is_element(tag: str) -> bool:
    return tag in _KNOWN or tag.partition(":")[0] in ("o", "w", "v", "st1")  # office programs' own


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.lost: set[str] = set()
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not _is_element(tag):
            self.handle_data(self.get_starttag_text() or "")
        elif tag in _SILENT:
            self._silent += 1
        elif tag in _CARRIERS and (tag != "a" or any(name == "href" and value for name, value in attrs)):
            self.lost.add(tag)
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if not _is_element(tag):
            self.handle_data(f"</{tag}>")
        elif tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        if tag in _BREAKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)

    def unknown_decl(self, data: str) -> None:
        if data.startswith("CDATA["):
            self.handle_data(data[6:])


def _read(text: str) -> _Reader:
    reader = _Reader()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:  # the parser gives up on a <![ that begins no section: it is text
        return _read(text.replace("<!", "&lt;!"))
    return reader


def clean_text(text: str, *, one_line: bool) -> tuple[str, bool, tuple[str, ...]]:
    """The text without markup, in plain characters; whether markup was taken out; which parts went with it.

    Letters and digits become half-width; Chinese punctuation stays as it is. Nothing to do costs one search.
    """
    if SUSPECT.search(text) is None:
        return text, False, ()
    lost: tuple[str, ...] = ()
    marked = _MARKUP.search(text) is not None
    if marked:
        reader = _read(text)
        plain, lost = "".join(reader.parts), tuple(sorted(reader.lost))
        text, marked = plain, plain != text
    text = text.translate(_NARROW).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    text = _SPACES.sub("\n", _CONTROL.sub("", text)).strip()
    return (text.replace("\n", " ") if one_line else text), marked, lost
