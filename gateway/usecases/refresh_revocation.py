"""更新吊销信息: fetch revocation and status lists again and put them into the next generation of the trust store.

What cannot be fetched, is not signed by an authority we know, or is older than what we have, is left as it is: the
list that is held grows stale, and then a strict policy says TRY_LATER.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from gateway.storage.database import Database
from gateway.trust.certificates import CertificateError
from gateway.trust.crls import crl
from gateway.trust.jws import TokenError, take_apart, verify_jws
from gateway.trust.snapshot import TrustSnapshot
from gateway.trust.strict_json import JsonError, strict_object
from gateway.usecases import trust_store
from gateway.usecases.trust_parts import Kind, Read, TrustPart, read_part
from gateway.usecases.trust_store import Change, Generation, Given
from schemas.errors import Invalid

_MOST_ADDRESSES, _MOST_BYTES, _TIMEOUT_S, _AT_ONCE = 500, 20 * 1024**2, 20.0, 4
NOTE = "更新吊销信息 refresh"


class Unusable(Exception):
    """The list is left as it was; the message is a fixed word of ours."""


@dataclass(frozen=True, slots=True)
class Answer:
    """应答; `content` None = it has not changed."""

    content: bytes | None
    etag: str | None = None


Get = Callable[[str, str | None], Awaitable[Answer]]
"""(address, ETag held) → answer; Unusable where there is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One list: where it is, and what is held from there."""

    kind: Kind
    address: str
    held: TrustPart | None = None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """更新结果 of one list. `outcome`: new, same, or the reason why it was left as it was."""

    address: str
    outcome: str


def addresses(current: Generation, snapshot: TrustSnapshot, issuers: dict[str, tuple[str, ...]]) -> list[Wanted]:
    """The lists to fetch: distribution points of the authorities we know, addresses of lists held, of issuers."""
    found: dict[tuple[Kind, str], Wanted] = {}
    for wanted in _wanted(current.manifest.parts, snapshot, issuers):
        found.setdefault((wanted.kind, wanted.address), wanted)
    return list(found.values())[:_MOST_ADDRESSES]


def _wanted(
    held: Sequence[TrustPart], snapshot: TrustSnapshot, issuers: dict[str, tuple[str, ...]]
) -> Iterator[Wanted]:
    for part in held:
        if part.address is not None and part.kind in (Kind.CRL, Kind.STATUS_LIST):
            yield Wanted(part.kind, part.address, part)
    for one in (*(anchor.certificate for anchor in snapshot.anchors), *snapshot.intermediates):
        for point in one.crl_points:
            if point.startswith(("http://", "https://")):
                yield Wanted(Kind.CRL, point)
    for lists in issuers.values():
        for address in lists:
            yield Wanted(Kind.STATUS_LIST, address)


async def is_due(db: Database, every_s: float, now: datetime) -> bool:
    """Whether there is a store, and the newest generation is not itself a refresh of late."""
    current = await trust_store.newest(db)
    if current is None:
        return False
    return current.note != NOTE or (now - current.created_at).total_seconds() >= every_s


async def refresh(db: Database, get: Get, *, by: str, now: Callable[[], datetime]) -> list[Refreshed]:
    """Fetch every list, then make the next generation if anything came. No list, no generation: nothing is done."""
    current = await trust_store.newest(db)
    if current is None:
        return []
    snapshot = await trust_store.load_snapshot(db, current)
    issuers = await trust_store.status_list_addresses(db, current)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(wanted: Wanted) -> tuple[Refreshed, tuple[Read, Given] | None]:
        async with turn:
            return await _refreshed(wanted, snapshot, get, now)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(wanted)) for wanted in addresses(current, snapshot, issuers)]
    done = [task.result() for task in tasks]
    pieces = [piece for _, piece in done if piece is not None]
    if pieces:
        async with db.transaction() as tx:
            await trust_store.change(tx, Change(pieces, note=NOTE), by=by, now=now())
    return [told for told, _ in done]


async def _refreshed(
    wanted: Wanted, snapshot: TrustSnapshot, get: Get, now: Callable[[], datetime]
) -> tuple[Refreshed, tuple[Read, Given] | None]:
    try:
        answer = await get(wanted.address, None if wanted.held is None else wanted.held.etag)
        if answer.content is None:
            return Refreshed(wanted.address, "same"), _renewed(wanted, snapshot, now())
        piece = await asyncio.to_thread(_checked, wanted, answer.content, snapshot)
    except Unusable as error:
        return Refreshed(wanted.address, str(error)), None
    given = Given(source=wanted.address, address=wanted.address, etag=answer.etag, fetched_at=now())
    return Refreshed(wanted.address, "new"), (piece, given)


def _renewed(wanted: Wanted, snapshot: TrustSnapshot, at: datetime) -> tuple[Read, Given] | None:
    """A status list that has not changed is as good as fetched just now: its time to live begins anew."""
    held, listed = wanted.held, snapshot.status_lists.get(wanted.address)
    if held is None or listed is None:
        return None
    given = Given(source=held.source, address=held.address, etag=held.etag, fetched_at=at)
    return Read(Kind.STATUS_LIST, listed.token.encode(), listed.uri), given


def _checked(wanted: Wanted, content: bytes, snapshot: TrustSnapshot) -> Read:
    try:
        (piece,) = read_part(wanted.kind, content, wanted.address)
        if wanted.kind is Kind.CRL:
            _check_crl(content, snapshot)
        else:
            _check_status_list(piece, wanted, snapshot)
    except (Invalid, CertificateError, TokenError, JsonError, ValueError):
        raise Unusable("not a usable list") from None
    return piece


def _check_crl(content: bytes, snapshot: TrustSnapshot) -> None:
    listed = crl(content)
    if not any(listed.signed_by(authority) for authority in snapshot.by_subject.get(listed.issuer, ())):
        raise Unusable("not signed by an authority we know")
    for held in snapshot.lists.get(listed.issuer, ()):
        if held.this_update > listed.this_update:
            raise Unusable("older than the list we have")


def _check_status_list(piece: Read, wanted: Wanted, snapshot: TrustSnapshot) -> None:
    if piece.about != wanted.address:
        raise Unusable("another list than the one asked for")
    token = take_apart(piece.content.decode("ascii"))
    claims = strict_object(token.payload)
    issuer = snapshot.issuers.get(str(claims.get("iss")))
    keys = [] if issuer is None else [key for key in issuer.keys if token.key_id in (None, key.get("kid"))]
    if issuer is None or len(keys) != 1:
        raise Unusable("not signed by an issuer we know")
    verify_jws(token, keys[0], issuer.algorithms)
    held = snapshot.status_lists.get(wanted.address)
    if held is not None and _issued_at(strict_object(take_apart(held.token).payload)) > _issued_at(claims):
        raise Unusable("older than the list we have")


def _issued_at(claims: dict[str, Any]) -> int:
    value = claims.get("iat")
    return value if type(value) is int else 0


async def http_get(address: str, etag: str | None) -> Answer:
    """Over HTTP: bounded in time and size; redirects are not followed."""
    headers = {} if etag is None else {"If-None-Match": etag}
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(address, headers=headers, allow_redirects=False) as response,
        ):
            if response.status == 304 and etag is not None:
                return Answer(None)
            if response.status != 200:
                raise Unusable(f"answered {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(256 * 1024):
                content += chunk
                if len(content) > _MOST_BYTES:
                    raise Unusable("too large")
            return Answer(bytes(content), response.headers.get("ETag"))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        raise Unusable("not reached") from None
