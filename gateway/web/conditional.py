"""条件请求: ETag and If-None-Match for answers that change with the catalogue's generation or the day only."""

import hashlib

from aiohttp import web

_SHAPE = 1
"""Counts up when the answers themselves are written differently."""


def entity_tag(request: web.Request, generation: int, day: str) -> str:
    """The tag of this address with this query, at one generation and day."""
    query = "&".join(sorted(f"{name}={value}" for name, value in request.query.items()))
    said = f"{_SHAPE} {request.path} {query}"
    return f'"{generation}-{day}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"'


def not_modified(request: web.Request, tag: str) -> web.Response | None:
    """304 where the caller has this very answer already. Tags are compared weakly (RFC 9110 §13.1.2)."""
    given = request.headers.get("If-None-Match", "")
    held = {one.strip().removeprefix("W/") for one in given.split(",")}
    return web.Response(status=304, headers=caching(tag)) if tag in held else None


def caching(tag: str) -> dict[str, str]:
    """Headers of an answer with a tag: a cache asks each time whether it still holds."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}
