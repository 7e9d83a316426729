"""Text clean-up: markup goes, what it said stays, what is lost is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.normalization.cleaning import SUSPECT, clean_text

ONE_LINE = [
    # text, what is left, markup taken out, elements lost with it
    ("甲乙", "甲乙", False, ()),
    ("１２３ＡＢｃ", "123ABc", False, ()),
    ("甲　乙", "甲 乙", False, ()),
    ("，。（）", "，。（）", False, ()),
    ("甲\r\n乙\t丙", "甲 乙 丙", False, ()),
    ("甲\x00\x07乙\u200b", "甲乙", False, ()),
    ("\ufeff甲", "甲", False, ()),
    ("<p>甲</p><p>乙</p>", "甲 乙", True, ()),
    ("甲<br/>乙", "甲 乙", True, ()),
    ("<o:p>甲</o:p>", "甲", True, ()),
    ("<tr><td>甲</td><td>乙</td></tr>", "甲 乙", True, ()),
    ("&lt;甲&gt;&amp;&nbsp;乙&#20013;", "<甲>& 乙中", True, ()),
    ("甲&乙", "甲&乙", False, ()),
    ("甲<!-- 注 -->乙", "甲乙", True, ()),
    ("<p>甲<![CDATA[乙]]></p>", "甲乙", True, ()),
    ("<p>甲<![if !x]>乙</p>", "甲乙", True, ()),
    ("<script>alert(1)</script>甲<style>p{}</style>", "甲", True, ()),
    ("</script>甲<p>", "甲", True, ()),
    ("<img src=x>甲", "甲", True, ("img",)),
    ("<a href='u'>甲</a><table><td>乙</table>", "甲 乙", True, ("a", "table")),
    ("<a name='u'>甲</a>", "甲", True, ()),
    ("年龄<18且收入>5", "年龄<18且收入>5", False, ()),
    ("x<y and z>w", "x<y and z>w", False, ()),
    ("甲<b且丙>丁", "甲<b且丙>丁", False, ()),
    ("甲</x>乙<br>", "甲</x>乙", True, ()),
    ("<p", "<p", False, ()),
    ("甲<![<b>乙</b>", "甲<![乙", True, ()),
    ("甲<!-- 注 --><![x<b>乙</b>", "甲<!-- 注 --><![x乙", True, ()),
]


@pytest.mark.parametrize(("text", "left", "marked", "lost"), ONE_LINE, ids=[row[0][:12] for row in ONE_LINE])
def test_one_line(text: str, left: str, marked: bool, lost: tuple[str, ...]) -> None:
    assert clean_text(text, one_line=True) == (left, marked, lost)


def test_lines_stay_where_they_may() -> None:
    assert clean_text("甲 \n\n 乙", one_line=False) == ("甲\n乙", False, ())
    assert clean_text("<div>甲</div> <div>乙</div>", one_line=False)[0] == "甲\n乙"


PIECES = [
    "<p>",
    "</",
    "<",
    ">",
    "<!",
    "[",
    "<![",
    "CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&#x",
    "&amp",
    ";",
    "<a href=x",
    "<?",
    "A",
    "甲",
]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_cleaning_never_fails_and_leaves_nothing_to_narrow(text: str) -> None:
    cleaned, _, _ = clean_text(text, one_line=True)
    assert not any("０" <= letter <= "９" or letter in "\x00\u3000\ufeff\n" for letter in cleaned)


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp"], exclude_characters="<&")))
def test_ordinary_text_costs_one_search(text: str) -> None:
    if SUSPECT.search(text) is None:
        assert clean_text(text, one_line=True) == (text, False, ())
