"""JSON文本: a window that moves over a JSON text, one value parsed at a time."""

import json
import math
import re
from collections.abc import Iterator
from typing import IO, Any, NoReturn

from adapters.sources.record import Place

_CHUNK = 256 * 1024
_LONGEST = 16 * 1024**2
"""Characters of one value."""
_MARGIN = 16
"""A fault this close to the end of the window may be a value that goes on behind it."""
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER_TAIL = re.compile(r"[-+.eE0-9]*")
_DEEP = ("the value is nested too deeply", "嵌套层数过多")
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _Refused(ValueError):
    def __init__(self, what: str, what_zh: str) -> None:
        super().__init__(what)
        self.what, self.what_zh = what, what_zh


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"the key {twice!r} occurs twice in one object", f"同一对象中键“{twice}”重复")
    return made


def _decimal(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Refused("a number is too large", "数字过大")
    return number


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a JSON number", f"{name}不是有效的JSON数字")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_decimal, parse_constant=_constant)


class JsonText:
    """Reads on as needed. Raises SourceUnreadable with line and column, both from 1, of what is at fault."""

    def __init__(self, handle: IO[str], place: Place) -> None:
        self._handle, self._place = handle, place
        self._text, self._at, self._ended = "", 0, False
        self._line, self._column = 1, 1  # of the window's first character

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self._at = self._space_end(self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def value(self, deepest: int) -> Any:
        """The next value."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._may_go_on(error) and self._more():
                    continue
                self.fail(f"this is not JSON: {error.msg}", "JSON语法有误", error.pos)
            except _Refused as error:
                self._refuse(error.what, error.what_zh, deepest)
            except RecursionError:
                self._refuse(*_DEEP, deepest)
            except ValueError:
                self._refuse("a number has too many digits", "数字位数过多", deepest)
            if self._number_goes_on(value, end) and self._more():
                continue
            return self._checked(value, end, deepest)

    def list_elements(self, deepest: int) -> Iterator[Any]:
        """The elements of a list that begins here."""
        for _ in self._elements():
            yield self.value(deepest - 1)

    def _elements(self) -> Iterator[None]:
        """Stops before each element; the caller reads it before it asks for the next."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self._take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """The keys of an object that begins here; the caller reads the value of each before it asks for the next."""
        self._take("{")
        seen: set[str] = set()
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                self.fail("a key in quotation marks is expected", "此处应为带引号的键名")
            here = self._here(self._at)
            name = self.value(1)
            if name in seen:
                here.fail(f"the key {name!r} occurs twice in one object", f"同一对象中键“{name}”重复")
            seen.add(name)
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def skip(self, deepest: int) -> None:
        """Read over a value, lists and objects part by part."""
        opening = self.peek()
        if deepest < 0:
            self.fail(*_DEEP)
        if opening == "[":
            for _ in self.list_elements(deepest):
                pass
        elif opening == "{":
            for _ in self.members():
                self.skip(deepest - 1)
        else:
            self.value(deepest)

    def fail(self, what: str, what_zh: str, at: int | None = None) -> NoReturn:
        """Raise SourceUnreadable for the place `at` in the window, or where reading has come to."""
        self._here(self._at if at is None else at).fail(what, what_zh)

    def _here(self, at: int) -> Place:
        before = self._text[:at]
        lines = before.count("\n")
        column = len(before) - before.rindex("\n") if lines else self._column + len(before)
        return self._place.at(self._line + lines, column)

    def _refuse(self, what: str, what_zh: str, deepest: int) -> NoReturn:
        """Fail for something in the value that begins here: at its own place, which is found by walking there."""
        here = self._here(self._at)
        if self.peek() in ("[", "{"):
            self._walk(deepest)
        here.fail(what, what_zh)

    def _walk(self, deepest: int) -> None:
        opening = self.peek()
        if opening in ("[", "{") and deepest <= 0:
            self.fail(*_DEEP)
        if opening == "[":
            for _ in self._elements():
                self._walk(deepest - 1)
        elif opening == "{":
            for _ in self.members():
                self._walk(deepest - 1)
        else:
            self.value(deepest)

    def _take(self, wanted: str) -> str:
        found = self.peek()
        if not found or found not in wanted:
            words = " or ".join(wanted), "或".join(wanted)
            self.fail(f"{words[0]} is expected", f"此处应为{words[1]}")
        self._at += 1
        return found

    def _space_end(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _more(self) -> bool:
        """Drop what has been read and read on; False at the end."""
        if self._ended:
            return False
        if len(self._text) - self._at > _LONGEST:
            self.fail(f"one value is longer than {_LONGEST} characters", "单个值过长")
        fresh = self._handle.read(max(_CHUNK, len(self._text) - self._at))
        if not fresh:
            self._ended = True
            return False
        read = self._text[: self._at]
        lines = read.count("\n")
        self._column = len(read) - read.rindex("\n") if lines else self._column + len(read)
        self._line += lines
        self._text, self._at = self._text[self._at :] + fresh, 0
        return True

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        unfinished = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _MARGIN
        return unfinished and not self._ended

    def _number_goes_on(self, value: Any, end: int) -> bool:
        """`12` at the end of the window may become `123`, and `12.` or `12e` is no number yet."""
        if not isinstance(value, int | float):
            return False
        tail = _NUMBER_TAIL.match(self._text, end)
        return tail is not None and tail.end() == len(self._text)

    def _checked(self, value: Any, end: int, deepest: int) -> Any:
        if _too_deep(value, deepest):
            self._refuse(*_DEEP, deepest)
        if _LONE_SURROGATE.search(self._text, self._at, end):
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                self._refuse(
                    "half a surrogate pair stands for no character", "含有不成对的代理项，不是有效字符", deepest
                )
        self._at = end
        return value


def _too_deep(value: Any, deepest: int) -> bool:
    if type(value) is dict:
        return deepest <= 0 or any(_too_deep(one, deepest - 1) for one in value.values() if type(one) in (dict, list))
    if type(value) is list:
        return deepest <= 0 or any(_too_deep(one, deepest - 1) for one in value if type(one) in (dict, list))
    return False
