"""拼音首字母: the first letter of each character's reading, for people who type 社会保障卡 as shbzk."""

from functools import lru_cache
from typing import Any

from gateway.domain.item_words import plain


@lru_cache(maxsize=4096)
def initials(name: str) -> str:
    """One lower-case letter for each character of the plain name; a character without a reading stands for itself.

    The readings take 40 MB of memory once loaded, so only publishing loads them. A character with several readings
    gets the one its word has.
    """
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - see above

    text = plain(name)
    letters = lazy_pinyin(text, style=Style.FIRST_LETTER, errors=_themselves)
    return "".join(_one(letter, itself) for letter, itself in zip(letters, text, strict=True))


def _themselves(run: str) -> Any:
    """Characters without a reading, each by itself."""
    return list(run)


def _one(letter: str, itself: str) -> str:
    return letter if len(letter) == 1 else itself
