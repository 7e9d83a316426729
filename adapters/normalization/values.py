"""取值转换: one source value becomes one of ours, or a Trouble says why not. Nothing is ever guessed.

Converters are made once per field and called for every record: `convert(value, notes)`. `notes` takes what was
noticed about a value that could be used all the same.
"""

import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any

from adapters.normalization.cleaning import SUSPECT, clean_text
from adapters.normalization.item_dialect import CodeMeaning, CodeTable
from schemas.finding import Severity

SHOWN = 200
"""Characters of an offending value that a finding repeats."""


class Trouble(Exception):
    """取值有误: the value cannot be used."""

    def __init__(self, rule: str, message_zh: str, value: object) -> None:
        super().__init__(rule)
        self.rule, self.message_zh, self.value = rule, message_zh, value


@dataclass(frozen=True, slots=True)
class Note:
    """取值提示: the value is used; `costs` = something was lost, so the field does not count as filled."""

    rule: str
    severity: Severity
    message_zh: str
    value: object
    costs: bool


Notes = list[Note]
Convert = Callable[[Any, Notes], Any]
NONE = object()
"""What a converter gives for a word that says there is none."""


class _Outline(reprlib.Repr):
    """The beginning of a value, however deep or long it is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 4, SHOWN, SHOWN
        self.maxdict = self.maxlist = 20

    def repr_int(self, x: int, level: int) -> str:
        return str(x) if _speakable(x) else f"{x.bit_length()}位二进制整数"


_OUTLINE = _Outline()
_SURROGATE = re.compile("[\ud800-\udfff]")


def _speakable(number: int) -> bool:
    return number.bit_length() < 256


def printable(text: str) -> str:
    """The text with what no UTF-8 can carry replaced."""
    return _SURROGATE.sub("\ufffd", text)


def shown(value: object) -> str | None:
    """A value as a finding repeats it."""
    if value is None:
        return None
    text = value[: SHOWN + 1] if isinstance(value, str) else _OUTLINE.repr(value)
    text = printable(text)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def plain(value: Any) -> str:
    """A scalar as text: a whole number without its decimal point, yes and no as true and false."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not _speakable(value):
            raise Trouble("out_of_range", "整数过大", value)
        return str(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise Trouble("malformed", "不是有效的数", value)
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    raise Trouble("malformed", "应为单个取值，而不是列表或对象", value)


def text_converter(*, one_line: bool, max_length: int | None, clean: bool, cut: bool) -> Convert:
    """Text; None where nothing is left of it."""
    longest = max_length or 1_000_000

    def convert(value: Any, notes: Notes) -> str | None:
        text = value if type(value) is str else plain(value)
        if (not clean or SUSPECT.search(text) is None) and len(text) <= longest:
            return text  # nearly always
        if clean:
            text, marked, lost = clean_text(text, one_line=one_line)
            if lost:
                notes.append(
                    Note("lossy", Severity.WARNING, f"清理标记时丢失了内容：{'、'.join(lost)}", value, costs=True)
                )
            elif marked:
                notes.append(Note("cleaned", Severity.INFO, "已去除文本中的HTML标记", value, costs=False))
        if max_length is not None and len(text) > max_length:
            if not cut:
                raise Trouble("out_of_range", f"文本长{len(text)}字，超过上限{max_length}字", value)
            notes.append(
                Note("lossy", Severity.WARNING, f"文本长{len(text)}字，已截断为{max_length}字", value, costs=True)
            )
            text = text[:max_length]
        return text or None

    return convert


_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,10})?")
_GREATEST = 10**18


def integer(value: Any, _notes: Notes) -> int:
    """A whole number, or a text that is one."""
    if type(value) is int:
        if -_GREATEST < value < _GREATEST:
            return value
        raise Trouble("out_of_range", "整数过大", value)
    if type(value) is str and len(value) < 18 and value.isascii() and value.isdecimal():
        return int(value)
    text = clean_text(plain(value), one_line=True)[0].strip()
    if _WHOLE.fullmatch(text) is None:
        raise Trouble("malformed", "应为整数", value)
    return int(text.partition(".")[0])


def integer_converter(table: CodeTable | None, times: int) -> Convert:
    """A whole number, where words may stand for some, and one of theirs may be several of ours: 5.5元, 550分."""
    if table is None and times == 1:
        return integer
    meanings = code_table(None, table or {})

    def convert(value: Any, notes: Notes) -> int | None:
        text = plain(value).strip()
        if text in meanings:
            to = _translated(meanings, text, notes).to
            return None if to is None else int(to)
        if times == 1:
            return integer(value, notes)
        text = clean_text(text, one_line=True)[0]
        number = Decimal(text) * times if _DECIMAL.fullmatch(text) else None
        if number is None or number != int(number):
            raise Trouble("malformed", f"应为数值，且乘以{times}后为整数", value)
        return int(number)

    return convert


YES_NO: CodeTable = {
    **dict.fromkeys(("1", "是", "true", "True", "TRUE", "Y", "y", "有", "支持", "√"), "true"),
    **dict.fromkeys(("0", "否", "false", "False", "FALSE", "N", "n", "无", "不支持", "×"), "false"),
}
"""Words for yes and no where the dialect gives no table of its own."""


def boolean_converter(table: CodeTable | None) -> Convert:
    """Yes or no, by the dialect's table or the usual words."""
    meanings = code_table(None, YES_NO if table is None else table)

    def convert(value: Any, notes: Notes) -> bool | None:
        to = _translated(meanings, value, notes).to
        return None if to is None else to == "true"

    return convert


def _meaning(one: str | CodeMeaning) -> CodeMeaning:
    return one if isinstance(one, CodeMeaning) else CodeMeaning(to=one)


def _translated(meanings: Mapping[str, CodeMeaning], value: Any, notes: Notes) -> CodeMeaning:
    meaning = meanings.get(value) if type(value) is str else None
    if meaning is None:
        meaning = meanings.get(plain(value).strip())
    if meaning is None:
        raise Trouble("unknown_code", "代码表中没有该取值，不作猜测，须由该市说明含义", value)
    if meaning.lossy is not None:
        notes.append(Note("lossy", Severity.WARNING, f"转换有损失：{meaning.lossy}", value, costs=True))
    return meaning


def code_table(codes: type[Enum] | None, table: CodeTable | None) -> dict[str, CodeMeaning]:
    """代码表, theirs → ours; without one a field takes our own words, the national codes where GB/T 39046 has some.

    A code without a meaning is not in it: it stays unknown.
    """
    if table is None:
        return {str(member.value): CodeMeaning(to=str(member.value)) for member in codes or ()}
    return {code: _meaning(one) for code, one in table.items() if one is not None}


def code_converter(meanings: Mapping[str, CodeMeaning]) -> Convert:
    """One code of a closed table."""
    exact = {code: one.to for code, one in meanings.items() if one.lossy is None}

    def convert(value: Any, notes: Notes) -> str | None:
        if type(value) is str and (found := exact.get(value)) is not None:
            return found
        return _translated(meanings, value, notes).to

    return convert


def unit_converter(meanings: Mapping[str, CodeMeaning]) -> Convert:
    """A unit of time: our unit and how many of it one of theirs is."""

    def convert(value: Any, notes: Notes) -> tuple[str, int] | None:
        meaning = _translated(meanings, value, notes)
        return None if meaning.to is None else (meaning.to, meaning.times)

    return convert


def many_converter(one: Convert, *, split: str | None, none_words: frozenset[str]) -> Convert:
    """Several values: a list, or a text divided at any of the characters of `split`; repeats are dropped."""
    divider = re.compile(f"[{re.escape(split)}]") if split else None

    def convert(value: Any, notes: Notes) -> Any:
        if isinstance(value, str):
            if value.strip() in none_words:
                return NONE
            parts: list[Any] = [part for part in (divider.split(value) if divider else [value]) if part.strip()]
        else:
            parts = value if isinstance(value, list) else [value]
        found = [
            one(part.strip() if isinstance(part, str) else part, notes) for part in parts if part not in (None, "")
        ]
        return tuple(dict.fromkeys(part for part in found if part is not None)) or None

    return convert


def verbatim(value: Any, _notes: Notes) -> list[Any]:
    """A list in our own words; the model itself checks it."""
    if not isinstance(value, list):
        raise Trouble("malformed", "应为列表", value)
    return value


def answered(convert: Convert, none_words: frozenset[str]) -> Convert:
    """A value that may also be a word for "there is none"."""

    def convert_or_none(value: Any, notes: Notes) -> Any:
        try:
            return convert(value, notes)
        except Trouble:
            if type(value) is str and value.strip() in none_words:
                return NONE
            raise

    return convert_or_none


def pattern_converter(convert: Convert, pattern: re.Pattern[str]) -> Convert:
    """The part of a text that the pattern's first group finds, converted."""

    def convert_part(value: Any, notes: Notes) -> Any:
        found = pattern.search(plain(value))
        if found is None or not found[1]:
            raise Trouble("malformed", "文本不符合方言规定的格式", value)
        return convert(found[1], notes)

    return convert_part
