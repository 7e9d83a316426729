"""信任库: whom we trust, in generations. Every change makes the next generation; none is ever altered.

A report names its generation, so a verdict can be made again with what was trusted then.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.evidence.chain import milliseconds
from gateway.storage import trust
from gateway.storage.database import Database, Transaction
from gateway.storage.trust import GenerationRow
from gateway.trust.snapshot import Purpose, TrustSnapshot
from gateway.usecases.trust_parts import IssuerFile, Kind, Read, TrustPart, snapshot_of
from schemas.errors import Invalid, NotFound
from schemas.model import Model

EMPTY = TrustSnapshot("empty")
"""Nothing is trusted: nothing passes."""


class Manifest(Model):
    """一代信任材料的清单."""

    keeps_sealers: bool = False
    """Whether we keep a list of who may make seals; once begun it is never given up by removing the last one."""
    parts: tuple[TrustPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Generation:
    """信任库的一代; `new` = made by this very change."""

    number: int
    name: str
    created_at: datetime
    created_by: str
    note: str
    manifest: Manifest
    new: bool = False

    def view(self) -> dict[str, Any]:
        """As a command prints it."""
        counts = {kind.value: sum(part.kind is kind for part in self.manifest.parts) for kind in Kind}
        return {
            "number": self.number,
            "generation": self.name,
            "created_at": self.created_at.isoformat(),
            "created_by": self.created_by,
            "note": self.note,
            "keeps_sealers": self.manifest.keeps_sealers,
            "counts": counts,
        }


@dataclass(frozen=True, slots=True)
class Given:
    """What an operator says about the pieces of an import. An anchor needs purposes and a source."""

    purposes: tuple[Purpose, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    source: str = ""
    fetched_at: datetime | None = None
    address: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """变更: pieces to take in, and digests to leave out."""

    pieces: Sequence[tuple[Read, Given]] = ()
    removed: frozenset[str] = field(default_factory=frozenset)
    keeps_sealers: bool = False
    note: str = ""


def _generation(row: GenerationRow, *, new: bool = False) -> Generation:
    created = datetime.fromtimestamp(row.created_at_ms / 1000, UTC)
    manifest = Manifest.model_validate_json(row.body)
    return Generation(row.number, row.name, created, row.created_by, row.note, manifest, new)


async def newest(db: Database | Transaction) -> Generation | None:
    """The generation in force."""
    row = await trust.newest(db)
    return None if row is None else _generation(row)


async def generation(db: Database | Transaction, name: str) -> Generation:
    """One generation by its name. NotFound."""
    row = await trust.by_name(db, name)
    if row is None:
        raise NotFound(f"There is no trust generation {name}.", f"没有名为 {name} 的信任库代次。")
    return _generation(row)


async def generations(db: Database, *, before: int = 2**31, limit: int = 50) -> list[Generation]:
    """Generations, the newest first."""
    return [_generation(row) for row in await trust.page(db, before, limit)]


async def change(tx: Transaction, wanted: Change, *, by: str, now: datetime) -> Generation:
    """Make the next generation; where nothing would change, the one in force is given back.

    A list takes the place of the one of the same issuer and address, an issuer that of its namesake; a certificate
    that is there already gets what is said of it now. Invalid for an anchor without purpose or source.
    """
    await trust.hold(tx)
    current = await newest(tx)
    before = Manifest() if current is None else current.manifest
    added = [(part_of(piece, given), piece.content) for piece, given in wanted.pieces]
    manifest = _merged(before, [part for part, _ in added], wanted)
    if current is not None and manifest == before:
        return current
    number = 1 if current is None else current.number + 1
    body = manifest.model_dump_json().encode()
    row = GenerationRow(
        number,
        f"{number}-{hashlib.sha256(body).hexdigest()[:12]}",
        milliseconds(now),
        by,
        wanted.note,
        body,
    )
    await trust.insert(tx, row, {part.sha256: content for part, content in added})
    return _generation(row, new=True)


def part_of(piece: Read, given: Given) -> TrustPart:
    """A piece with what is said of it. Invalid for an anchor without purpose or source."""
    if piece.kind is Kind.ANCHOR and not (given.purposes and given.source.strip()):
        raise Invalid(
            f"The anchor {piece.about} needs purposes and a source: say what it is trusted for and where it is from.",
            f"信任锚 {piece.about} 须说明用途（--purpose）和来源（--source）。",
        )
    anchor = piece.kind is Kind.ANCHOR
    return TrustPart(
        kind=piece.kind,
        sha256=hashlib.sha256(piece.content).hexdigest(),
        about=piece.about,
        purposes=tuple(sorted(given.purposes)) if anchor else (),
        not_before=given.not_before if anchor else None,
        not_after=given.not_after if anchor else None,
        source=given.source,
        address=given.address,
        etag=given.etag,
        fetched_at=given.fetched_at,
    )


def _key(part: TrustPart) -> tuple[str, ...]:
    if part.kind in (Kind.ISSUER, Kind.STATUS_LIST):
        return part.kind, part.about
    if part.kind is Kind.CRL:
        return part.kind, part.about, part.address or ""
    return part.kind, part.sha256


def _merged(before: Manifest, added: Sequence[TrustPart], wanted: Change) -> Manifest:
    parts = {_key(part): part for part in before.parts if part.sha256 not in wanted.removed}
    parts.update({_key(part): part for part in added})
    sealers = before.keeps_sealers or wanted.keeps_sealers or any(part.kind is Kind.SEALER for part in added)
    return Manifest(keeps_sealers=sealers, parts=tuple(parts[key] for key in sorted(parts)))


async def load_snapshot(db: Database | Transaction, found: Generation | None) -> TrustSnapshot:
    """The snapshot of a generation; without one, the empty snapshot. Reading it takes its time, in a thread."""
    if found is None:
        return EMPTY
    bodies: Mapping[str, bytes] = await trust.contents(db, sorted({part.sha256 for part in found.manifest.parts}))
    pieces = [(part, bodies[part.sha256]) for part in found.manifest.parts]
    sealers = found.manifest.keeps_sealers
    return await asyncio.to_thread(snapshot_of, found.name, pieces, keeps_sealers=sealers, now=found.created_at)


async def status_list_addresses(db: Database | Transaction, found: Generation) -> dict[str, tuple[str, ...]]:
    """Where the issuers of a generation publish their status lists, by issuer."""
    digests = [part.sha256 for part in found.manifest.parts if part.kind is Kind.ISSUER]
    read = [IssuerFile.model_validate_json(content) for content in (await trust.contents(db, digests)).values()]
    return {one.issuer: one.status_lists for one in read}
