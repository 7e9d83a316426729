"""The trust store: generations that never change, on both databases."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.storage.database import Database
from gateway.trust.snapshot import Purpose
from gateway.usecases import trust_store
from gateway.usecases.trust_folder import read_folder, trust_folder
from gateway.usecases.trust_parts import Kind, Read, guess_kind, read_part
from gateway.usecases.trust_store import Change, Generation, Given
from schemas.errors import Invalid, NotFound
from tests.trust.office.ofd import Office
from tests.trust.office.tokens import LIST, TokenKey, status_list

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ANCHOR = Given((Purpose.SIGNER,), source="演示根，当面交付")
OFFICE = Office()
KEY = TokenKey()


def issuer_file(**changes: Any) -> bytes:
    whole = {"issuer": "https://office.example", "algorithms": ["ES256"], "keys": [KEY.jwk]} | changes
    return json.dumps(whole).encode()


def pieces(kind: Kind, content: bytes) -> list[Read]:
    return read_part(kind, content, "演示文件")


async def made(db: Database, change: Change) -> Generation:
    async with db.transaction() as tx:
        return await trust_store.change(tx, change, by="operator", now=NOW)


def root_change() -> Change:
    return Change([(one, ANCHOR) for one in pieces(Kind.ANCHOR, OFFICE.root.certificate)])


async def test_from_nothing_to_a_snapshot_and_back(db: Database) -> None:
    assert await trust_store.newest(db) is None
    assert (await trust_store.load_snapshot(db, None)).generation == "empty"
    first = await made(db, root_change())
    again = await made(db, root_change())
    assert (first.new, again.new, again.name) == (True, False, first.name)
    crl = OFFICE.root.crl(this=NOW, following=None)
    status = status_list(KEY, [0, 1]).token.encode()
    rest = [
        *pieces(Kind.INTERMEDIATE, OFFICE.authority.certificate),
        *pieces(Kind.CRL, crl),
        *pieces(Kind.ISSUER, issuer_file()),
        *pieces(Kind.STATUS_LIST, status),
    ]
    second = await made(db, Change([(one, Given()) for one in rest], note="演示"))
    third = await made(db, Change([(one, Given()) for one in pieces(Kind.SEALER, OFFICE.maker.certificate)]))
    snapshot = await trust_store.load_snapshot(db, second)
    assert snapshot.generation == second.name != third.name
    assert [one.certificate.der for one in snapshot.anchors] == [OFFICE.root.certificate]
    assert snapshot.anchors[0].purposes == {Purpose.SIGNER}
    assert len(snapshot.intermediates) == len(snapshot.crls) == len(snapshot.lists) == 1
    assert snapshot.issuers["https://office.example"].algorithms == {"ES256"}
    assert snapshot.status_lists[LIST].fetched_at == NOW
    assert snapshot.sealers is None
    assert (await trust_store.load_snapshot(db, third)).sealers == frozenset({OFFICE.maker.sha256})
    assert [one.number for one in await trust_store.generations(db)] == [3, 2, 1]
    assert (await trust_store.generation(db, first.name)).manifest == first.manifest


async def test_the_last_seal_maker_that_goes_leaves_an_empty_list(db: Database) -> None:
    await made(db, Change([(one, Given()) for one in pieces(Kind.SEALER, OFFICE.maker.certificate)]))
    left = await made(db, Change(removed=frozenset({OFFICE.maker.sha256})))
    assert (await trust_store.load_snapshot(db, left)).sealers == frozenset()


async def test_a_list_takes_the_place_of_its_issuers_last(db: Database) -> None:
    older = OFFICE.authority.crl(this=NOW, following=None)
    OFFICE.authority.revoke(OFFICE.other, NOW)
    newer = OFFICE.authority.crl(this=NOW, following=None)
    await made(db, Change([(one, Given()) for one in pieces(Kind.CRL, older)]))
    last = await made(db, Change([(one, Given()) for one in pieces(Kind.CRL, newer)]))
    assert [part.kind for part in last.manifest.parts] == [Kind.CRL]
    snapshot = await trust_store.load_snapshot(db, last)
    assert set(snapshot.crls[0].entries) == {OFFICE.other.serial}


async def test_an_anchor_needs_purpose_and_source(db: Database) -> None:
    for given in (Given(), Given((Purpose.SIGNER,)), Given(source="演示")):
        change = Change([(one, given) for one in pieces(Kind.ANCHOR, OFFICE.root.certificate)])
        with pytest.raises(Invalid):
            await made(db, change)
    assert await trust_store.newest(db) is None
    with pytest.raises(NotFound):
        await trust_store.generation(db, "9-nothing")


BAD = {
    "no certificate": (Kind.ANCHOR, b"x"),
    "no list": (Kind.CRL, b"x"),
    "no issuer": (Kind.ISSUER, b"{}"),
    "no JSON": (Kind.ISSUER, b"{"),
    "a private key": (Kind.ISSUER, issuer_file(keys=[KEY.jwk | {"d": "AA"}])),
    "a secret key": (Kind.ISSUER, issuer_file(keys=[{"kty": "oct", "k": "AA"}])),
    "an algorithm we refuse": (Kind.ISSUER, issuer_file(algorithms=["HS256"])),
    "no token": (Kind.STATUS_LIST, b"abc"),
    "a token that is no list": (Kind.STATUS_LIST, KEY.token({"iss": "x"}).encode()),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_named(name: str) -> None:
    kind, content = BAD[name]
    with pytest.raises(Invalid, match="演示文件"):
        read_part(kind, content, "演示文件")


def test_kinds_are_guessed_but_for_certificates() -> None:
    assert guess_kind(b' {"issuer": 1}', "a") is Kind.ISSUER
    assert guess_kind(OFFICE.root.crl(this=NOW, following=None), "a") is Kind.CRL
    with pytest.raises(Invalid, match="--kind"):
        guess_kind(OFFICE.root.certificate, "a")


def test_a_folder_with_issuers_and_status_lists(tmp_path: Path) -> None:
    for folder, content in (("issuers", issuer_file()), ("status_lists", status_list(KEY, [0]).token.encode())):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one").write_bytes(content)
    assert {one.kind for one in read_folder(tmp_path)} == {Kind.ISSUER, Kind.STATUS_LIST}
    snapshot = trust_folder(tmp_path)
    assert set(snapshot.issuers) == {"https://office.example"}
    assert set(snapshot.status_lists) == {LIST}
