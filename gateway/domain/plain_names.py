"""名称规整: the same name written in different ways becomes the same text."""

import re
import unicodedata
from functools import lru_cache

_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|〔[^〔〕]*〕|<[^<>]*>")


@lru_cache(maxsize=65_536)
def plain_name(text: str) -> str:
    """规整名称: width, case, spaces and punctuation do not count (NFKC, casefold, letters and digits only)."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


@lru_cache(maxsize=65_536)
def bare_name(text: str) -> str:
    """去括号名称: the plain name without what stands in brackets, if anything is left."""
    return plain_name(_BRACKETED.sub("", unicodedata.normalize("NFKC", text))) or plain_name(text)
