"""条件请求: ETag and If-None-Match: tags of answers that change with the catalogue or the day, and of documents."""

import hashlib

from aiohttp import web

_SHAPE = 1
"""Counts up when the answers themselves are written differently."""


def entity_tag(request: web.Request, generation: int, day: str) -> str:
    """The tag of this address with this query, at one generation and day."""
    query = "&".join(sorted(f"{name}={value}" for name, value in request.query.items()))
    said = f"{_SHAPE} {request.path} {query}"
    return f'"{generation}-{day}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"'


def body_tag(body: bytes) -> str:
    """The tag of a document: strong, from its bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def held_tags(request: web.Request) -> set[str]:
    """What the caller has already. Tags are compared weakly (RFC 9110 §13.1.2)."""
    return {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}


def not_modified(request: web.Request, tag: str) -> web.Response | None:
    """304 where the caller has this very answer already."""
    return web.Response(status=304, headers=caching(tag)) if tag in held_tags(request) else None


def caching(tag: str) -> dict[str, str]:
    """Headers of an answer with a tag: a cache asks each time whether it still holds."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}
