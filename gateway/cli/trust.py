"""tongban trust: whom licences are checked against (信任库). Every change makes the next generation."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import App, Parameter

from gateway.cli.opening import open_database
from gateway.cli.output import print_json, print_table
from gateway.clock import now
from gateway.domain.days import BEIJING
from gateway.settings import Settings
from gateway.storage.database import Database
from gateway.trust.snapshot import Purpose
from gateway.usecases import refresh_revocation, trust_store
from gateway.usecases.refresh_revocation import Refreshed
from gateway.usecases.trust_folder import keeps_sealers, read_folder
from gateway.usecases.trust_parts import Kind, guess_kind, read_part
from gateway.usecases.trust_store import Change, Generation, Given
from schemas.errors import Invalid, NotFound

app = App(name="trust", help="信任库: anchors, authorities, revocation lists, seal makers and issuers of tokens.")
Json = Annotated[bool, Parameter(negative=(), help="Print one JSON document.")]
T = TypeVar("T")


@app.command(name="import")
def import_(
    path: Path,
    *,
    kind: Kind | None = None,
    purpose: tuple[Purpose, ...] = (),
    source: str = "",
    valid: str = "/",
    address: str | None = None,
    note: str = "",
    json: Json = False,
) -> int:
    """导入: take in a file, or a folder with anchors/ intermediates/ crls/ sealers/ issuers/ status_lists/.

    No anchor comes with the product: get each from the authority itself, and compare its fingerprint by another way.

    Parameters
    ----------
    path
        The file or folder.
    kind
        What a file with certificates holds; lists and issuers are recognised.
    purpose
        What anchors are trusted for: signer, sealer, tsa, jwt, status; repeat for several.
    source
        Where they are from, as an auditor can follow it. Needed for anchors.
    valid
        From when and until when anchors are trusted, FROM/UNTIL in ISO 8601; an empty side = as each certificate says.
    address
        Of a revocation or status list: where `trust refresh` fetches it again, http:// or https://.
    note
        A word on this change.
    """
    begins, _, ends = valid.partition("/")
    span = _moment(begins), _moment(ends)
    given = Given(purpose, *span, source.strip(), fetched_at=now(), address=address)
    change = _change(path, kind, given, note)
    made = asyncio.run(_with_store(lambda db: _apply(db, change)))
    _show_generation(made, json=json)
    return 0


@app.command
def remove(fingerprint: str, *, note: str, json: Json = False) -> int:
    """移除: leave a piece out of the next generation; older generations keep it.

    Parameters
    ----------
    fingerprint
        Its SHA-256, or the first eight or more digits.
    note
        Why.
    """

    async def work(db: Database) -> Generation:
        current = await trust_store.newest(db)
        wanted = fingerprint.lower().replace(":", "")
        found = {part.sha256 for part in (current.manifest.parts if current else ()) if part.sha256.startswith(wanted)}
        if len(found) != 1 or len(wanted) < 8:
            raise NotFound(
                f"{len(found)} pieces in force begin with {fingerprint}.",
                f"指纹以 {fingerprint} 开头的有 {len(found)} 项。",
            )
        return await _apply(db, Change(removed=frozenset(found), note=note))

    _show_generation(asyncio.run(_with_store(work)), json=json)
    return 0


@app.command(name="list")
def list_(*, generation: str | None = None, json: Json = False) -> int:
    """列出: what is trusted now, or was in one generation."""
    found = asyncio.run(_with_store(lambda db: _find(db, generation)))
    if json:
        print_json(_whole(found))
        return 0
    rows = [
        (part.about, part.source, part.kind, part.sha256[:16], " ".join(part.purposes), _day(part.not_after))
        for part in (found.manifest.parts if found else ())
    ]
    title = "信任库为空 nothing is trusted yet" if found is None else f"信任库 generation {found.name}"
    print_table(title, ("内容 about", "来源 source", "种类 kind", "指纹 SHA-256", "用途 purposes", "至 until"), rows)
    return 0


@app.command
def show(generation: str, *, json: Json = False) -> int:
    """查看: one generation, by its name, with everything in it."""
    return list_(generation=generation, json=json)


@app.command
def refresh(*, json: Json = False) -> int:
    """更新: fetch revocation and status lists again; a running gateway does so by itself. Exit 2 if any was left."""

    async def work(db: Database) -> list[Refreshed]:
        return await refresh_revocation.refresh(db, refresh_revocation.http_get, by=getpass.getuser(), now=now)

    done = asyncio.run(_with_store(work))
    if json:
        print_json({"data": [asdict(one) for one in done]})
    else:
        print_table(
            "更新吊销信息 refresh", ("地址 address", "结果 outcome"), [(one.address, one.outcome) for one in done]
        )
    return 2 if any(one.outcome not in ("new", "same") for one in done) else 0


@app.command
def generations(*, limit: int = 20, json: Json = False) -> int:
    """代次: the changes of the store, the newest first."""
    found = asyncio.run(_with_store(lambda db: trust_store.generations(db, limit=limit)))
    if json:
        print_json({"data": [one.view() for one in found]})
        return 0
    rows = [
        (
            one.name,
            one.note,
            one.created_at.astimezone(BEIJING).isoformat("T", "seconds"),
            one.created_by,
            len(one.manifest.parts),
        )
        for one in found
    ]
    print_table("信任库代次 generations", ("代次 name", "说明 note", "时间 at", "操作人 by", "项数 parts"), rows)
    return 0


def _change(path: Path, kind: Kind | None, given: Given, note: str) -> Change:
    if path.is_dir():
        pieces = list(read_folder(path))
        return Change([(one, given) for one in pieces], keeps_sealers=keeps_sealers(path), note=note)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.", f"无法读取文件 {path}：{error.strerror}。") from None
    pieces = read_part(kind or guess_kind(content, str(path)), content, str(path))
    return Change([(one, given) for one in pieces], note=note)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text} is no ISO 8601 time.", f"{text} 不是 ISO 8601 时间。") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(BEIJING).date().isoformat()


async def _with_store(work: Callable[[Database], Awaitable[T]]) -> T:
    async with open_database(Settings()) as db:
        return await work(db)


async def _apply(db: Database, change: Change) -> Generation:
    async with db.transaction() as tx:
        return await trust_store.change(tx, change, by=getpass.getuser(), now=now())


async def _find(db: Database, name: str | None) -> Generation | None:
    return await trust_store.newest(db) if name is None else await trust_store.generation(db, name)


def _whole(found: Generation | None) -> dict[str, Any]:
    if found is None:
        return {"generation": None, "parts": []}
    return found.view() | {"parts": [part.model_dump(mode="json") for part in found.manifest.parts]}


def _show_generation(made: Generation, *, json: bool) -> None:
    if json:
        print_json(made.view() | {"new": made.new})
        return
    title = f"{'新的代次 new generation' if made.new else '没有变化 nothing changed'}: {made.name}"
    print_table(title, ("种类 kind", "项数 parts"), list(made.view()["counts"].items()))
