"""A partner's XML: what is refused before it costs anything, and how the rest becomes an object."""

import resource
import socket
import time
import tracemalloc
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialect import DialectError
from adapters.expression_functions import Unmappable
from adapters.xml_reading import XmlLimits, XmlRefused, as_words, decoded, parsed
from adapters.xml_writing import check_package, in_charset, written

LIMITS = XmlLimits(max_bytes=8 * 1024**2, max_depth=32)
NOTHING: frozenset[str] = frozenset()


def words(text: str, *lists: str, limits: XmlLimits = LIMITS) -> Any:
    return as_words(parsed(text, limits), frozenset(lists))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11))
HOSTILE = {
    "billion laughs": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l10;</a>',
    "quadratic blowup": f'<!DOCTYPE a [<!ENTITY b "{"x" * 50_000}">]><a>{"&b;" * 50_000}</a>',
    "external entity": '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>',
    "external DTD": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]><a/>',
    "DTD behind comments": "<?xml version='1.0'?>\n<!-- > ?> --> <?pi <a> ?><!-- --><!DOCTYPE a []><a/>",
    "empty DTD": "<!DOCTYPE a><a/>",
    "DTD in lower case": "<!doctype a><a/>",
    "DTD in the middle": "<a><!DOCTYPE a><b/></a>",
    "undefined entity": "<a>&e;</a>",
    "10,000 levels": "<a>" * 10_000 + "</a>" * 10_000,
    "33 levels": "<a>" * 33 + "</a>" * 33,
    "a million elements": f"<a>{'<b/>' * 1_000_000}</a>",
    "a million attributes": "<a " + " ".join(map('b{}=""'.format, range(1_000_000))) + "/>",
    "50 MB of text": f"<a>{'x' * 50 * 1024**2}</a>",
    "not closed": "<a><b></a>",
    "two roots": "<a/><b/>",
    "empty": "",
    "no XML": "ok",
    "JSON": '{"code":"00"}',
    "control character": "<a>\x0b</a>",
    "reference to a control character": "<a>&#11;</a>",
    "NUL": "<a>\x00</a>",
    "half a surrogate": "<a>\ud842</a>",
    "reference to half a surrogate": "<a>&#xD842;</a>",
    "prefix without a namespace": "<x:a/>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_quickly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_arguments: Any) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(XmlRefused):
        parsed(HOSTILE[name], LIMITS)
    assert time.monotonic() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 150 * 1024


def test_a_refusal_says_nothing_of_the_document() -> None:
    with pytest.raises(XmlRefused) as caught:
        parsed("<a>陈某某</b>", LIMITS)
    assert "陈" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_text_may_be_larger_than_libxml2_takes_by_itself() -> None:
    text = "x" * 12_000_000
    assert words(f"<a><b>{text}</b></a>", limits=XmlLimits(16 * 1024**2, 32)) == {"a": {"b": text}}


def test_as_many_levels_as_allowed() -> None:
    parsed("<a>" * 32 + "</a>" * 32, LIMITS)


def test_objects_lists_and_text() -> None:
    assert words("<P><A> x </A><B/><C><D>1</D></C></P>") == {"P": {"A": "x", "B": None, "C": {"D": "1"}}}
    assert words("<P><R>1</R></P>", "R") == {"P": {"R": ["1"]}}
    assert words("<P><R>1</R><R>2</R></P>") == {"P": {"R": ["1", "2"]}}
    assert words('<n:P xmlns:n="urn:x" a="1"><n:A>x</n:A></n:P>') == {"P": {"@a": "1", "A": "x"}}
    assert words("<P><!-- c --><A>x<!-- c -->y</A><?pi?></P>") == {"P": {"A": "xy"}}
    assert words("<P><A><![CDATA[<&]]></A></P>") == {"P": {"A": "<&"}}
    assert words("\ufeff\n <?xml version='1.0' encoding='GB18030'?><P>𠮷</P>") == {"P": "𠮷"}
    with pytest.raises(XmlRefused):
        words('<P a="1" n:a="2" xmlns:n="urn:x"/>')


DECODED = [
    ("<?xml version='1.0' encoding='GB18030'?><a>𠮷</a>", "gb18030", None),
    ("<?xml version='1.0' encoding='GBK'?><a>𠮷㐂</a>", "gb18030", None),
    ("<?xml version='1.0' encoding='gb2312'?><a>镕</a>", "gbk", None),
    ("<?xml version='1.0'?><a>𠮷</a>", "utf-8", None),
    ("<?xml version='1.0' encoding='UTF-8'?><a>𠮷</a>", "utf-8-sig", "gb18030"),
    ("<a>𠮷</a>", "utf-16", None),
    ("<?xml version='1.0' encoding='UTF-8'?><a>𠮷</a>", "gb18030", "GB18030"),
]


@pytest.mark.parametrize(("text", "codec", "charset"), DECODED)
def test_the_encoding(text: str, codec: str, charset: str | None) -> None:
    assert decoded(text.encode(codec), charset).lstrip("\ufeff") == text


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        (b"<a>\xff\xfe</a>", None),
        (b"<a/>", "utf-7"),
        (b"<a/>", "no-such"),
        (b"<?xml version='1.0' encoding='EBCDIC-CP-US'?><a/>", None),
        ("<a>汉</a>".encode("gb18030"), "utf-8"),
    ],
)
def test_encodings_that_are_not_taken(content: bytes, charset: str | None) -> None:
    with pytest.raises(XmlRefused):
        decoded(content, charset)


# ---- writing

names = st.from_regex(r"[A-Z中证_][A-Z0-9_]{0,4}", fullmatch=True)
xml_text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff") | st.just("\n"),
    min_size=1,
).filter(lambda text: text == text.strip() and text)
values = st.recursive(xml_text, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=4), max_leaves=12)
packages = st.dictionaries(names, st.dictionaries(names, values, min_size=1, max_size=5), min_size=1, max_size=1)


@given(packages, st.sampled_from(["UTF-8", "GB18030", "GBK", "GB2312"]))
def test_what_is_written_is_read_back(package: dict[str, Any], declared: str) -> None:
    text = written(package, declared)
    assert words(text) == package
    text.encode(declared)  # its declaration is true of it
    envelope = f"<e>{escape(text)}</e>"
    sent = in_charset(envelope, declared).encode(declared)
    assert words(words(decoded(sent, declared))["e"]) == package


def test_written_in_the_order_of_the_profile() -> None:
    package = {
        "P": {"@v": "1", "B": {"#text": "x", "@a": quoteattr("<")}, "A": ["1", 2], "C": None, "D": True, "E": []}
    }
    assert written(package, "GB18030") == (
        '<?xml version="1.0" encoding="GB18030"?>'
        '<P v="1"><B a="&quot;&lt;&quot;">x</B><A>1</A><A>2</A><C></C><D>true</D></P>'
    ).replace("&quot;&lt;&quot;", "&quot;&amp;lt;&quot;")


@pytest.mark.parametrize("value", ["\x00", "a\x0bb", "\ud842", "\uffff", [["1"]]])
def test_what_xml_does_not_have(value: Any) -> None:
    with pytest.raises(Unmappable) as caught:
        written({"P": {"A": value}}, "UTF-8")
    assert str(value) not in caught.value.message


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"P": {"1A": "a"}}, ("x", "P", "1A")),
        ({"P": {"A B": "a"}}, ("x", "P", "A B")),
        ({"P": {"n:A": "a"}}, ("x", "P", "n:A")),
        ({"P": {"乲": "a"}}, ("x", "P", "乲")),
        ({"P": {"A": {"each": "a", "object": {"<": "a"}}}}, ("x", "P", "A", "object", "<")),
        ({"P": {}, "Q": {}}, ("x",)),
        ({"P": "a"}, ("x",)),
        ({}, ("x",)),
    ],
)
def test_trees_that_are_no_xml(tree: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(DialectError) as caught:
        check_package(tree, ("x",), "GB2312")
    assert caught.value.place == place


def test_reading_holds_no_more_than_the_document(tmp_path: Path) -> None:
    rows = "".join(f"<RECORD><A>{n}</A><B>受理</B></RECORD>" for n in range(15_000))
    tracemalloc.start()
    try:
        found = words(f"<P>{rows}</P>", "RECORD")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found["P"]["RECORD"]) == 15_000
    assert peak_bytes < 30 * 1024**2
