"""检索词: what the item index holds of an item, and what a search asks of it. The same for both databases.

A token is a kind letter and lower-case ASCII letters and digits, so that no tokenizer of a database has an opinion on
it, however rare the character. Two neighbouring characters of a name are one token; a phrase of such pairs finds any
substring exactly.

n pair of name characters   u one name character   i pair of initials   j one initial   t beginning of a code
c city   m mode   h handling area   s served   k status   z every item   x a gap
"""

import string
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from schemas.agreement import Mode
from schemas.service_item import HandlingArea, ItemStatus, Served, ServiceItem

_DIGITS = string.digits + string.ascii_lowercase
_SHORTEST_CODE = 3
_LONGEST_EDGE = 12
"""Beginnings of codes are tokens up to this length; longer ones are found by prefix, rare as they are."""
EVERY = "z"
_GAP = "x"


@dataclass(frozen=True, slots=True)
class Terms:
    """检索条件: every token of `all_of`, and at least one phrase of `any_of` unless that is empty.

    A phrase is tokens that follow each other; a token ending in `*` stands for every token that begins so.
    """

    all_of: tuple[str, ...]
    any_of: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """筛选条件: what a list of items is narrowed to; None = not narrowed."""

    city: str | None = None
    mode: Mode | None = None
    handling_area: HandlingArea | None = None
    served: Served | None = None
    status: ItemStatus | None = None
    text: str | None = None


def plain(text: str) -> str:
    """The letters and digits of `text`, full-width and case made one; spaces, punctuation and symbols fall away."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(character for character in folded if _counts(character))
    return unicodedata.normalize("NFKC", kept)  # what stood apart may join now


def _counts(character: str) -> bool:
    """Private-use and unassigned code points count: rare characters of names live there."""
    category = unicodedata.category(character)
    if category.startswith("M"):
        return not ("\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef")
    return category[0] in "LN" or category in {"Co", "Cn"}


def tokens(item: ServiceItem, initials: str) -> str:
    """Everything the index holds of `item`; `initials` are those of its plain name, one for each character."""
    name = plain(item.name)
    unordered = {
        *(f"u{_written(character)}" for character in name),
        *(f"j{initial}" for initial in initials if _is_ascii(initial)),
        *_code_edges(item.item_code),
        *_code_edges(item.task_code),
    }
    narrowing = (
        Filter(city=item.city, status=item.status),
        *(Filter(mode=mode) for mode in item.modes or ()),
        *(Filter(served=group) for group in item.served),
        Filter(handling_area=item.handling_area),
    )
    labels = dict.fromkeys(label for one in narrowing for label in _labels(one))
    return " ".join((*_name_pairs(name), _GAP, *_initial_pairs(initials), _GAP, *sorted(unordered), *labels, EVERY))


def terms(wanted: Filter) -> Terms | None:
    """What to ask of the index; None where a text was given that holds no letter or digit."""
    labels = tuple(_labels(wanted)) or (EVERY,)
    if wanted.text is None:
        return Terms(labels)
    text = plain(wanted.text)
    return Terms(labels, tuple(_phrases(text))) if text else None


def _phrases(text: str) -> Iterator[tuple[str, ...]]:
    yield _name_pairs(text) if len(text) > 1 else (f"u{_written(text)}",)
    if not _is_ascii(text):
        return
    yield _initial_pairs(text) if len(text) > 1 else (f"j{text}",)
    if len(text) >= _SHORTEST_CODE:
        yield (f"t{text}" if len(text) <= _LONGEST_EDGE else f"t{text}*",)


def _labels(wanted: Filter) -> Iterator[str]:
    given = (
        ("c", wanted.city),
        ("m", wanted.mode),
        ("h", wanted.handling_area),
        ("s", wanted.served),
        ("k", wanted.status),
    )
    for kind, value in given:
        if value is not None:
            yield kind + plain(value)


def _name_pairs(name: str) -> tuple[str, ...]:
    return tuple(f"n{_written(a)}{_written(b)}" for a, b in pairwise(name))


def _initial_pairs(initials: str) -> tuple[str, ...]:
    pairs = pairwise(initials)
    return tuple(f"i{a}{b}" if _is_ascii(a + b) else _GAP for a, b in pairs)


def _code_edges(code: str) -> Iterable[str]:
    text = plain(code)
    return (f"t{text[:length]}" for length in (*range(_SHORTEST_CODE, min(_LONGEST_EDGE, len(text)) + 1), len(text)))


def _is_ascii(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _written(character: str) -> str:
    """A character as four letters or digits."""
    number = ord(character)
    return "".join(_DIGITS[number // 36**place % 36] for place in (3, 2, 1, 0))
