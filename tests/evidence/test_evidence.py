"""Chain, keys and receipts: what was stored can be proven, and what was changed is found."""

import hashlib
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence.chain import Link, Tail, canonical, first_break, link, milliseconds, timestamp
from gateway.evidence.jws import Signer
from gateway.evidence.keys import KeyRing, create_key, load_keys
from gateway.evidence.receipts import ReceiptContent, ReceiptSigner, read_receipt
from schemas.message import Step

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT | st.lists(TEXT, max_size=3)
KEYS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=12)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_the_fast_canonical_form_is_rfc_8785_on_what_we_hash(data: dict[str, object]) -> None:
    assert canonical(data) == rfc8785.dumps(data)  # type: ignore[arg-type]


def chain(length: int) -> list[Link]:
    links: list[Link] = []
    tail = Tail()
    for number in range(length):
        links.append(
            link(
                tail,
                "case",
                Step.SUBMITTED,
                occurred_at_ms=1000 + number,
                recorded_at_ms=2000 + number,
                side="system",
                data={"n": number, "files": ["a"]},
            )
        )
        tail = links[-1].tail
    return links


def test_a_hash_is_over_the_documented_members() -> None:
    first = chain(1)[0]
    content = {
        "alg": "sha256-rfc8785",
        "application_id": "case",
        "data": {"files": ["a"], "n": 0},
        "occurred_at": "1970-01-01T00:00:01.000Z",
        "previous_hash": None,
        "recorded_at": "1970-01-01T00:00:02.000Z",
        "seq": 1,
        "side": "system",
        "type": "SUBMITTED",
    }
    assert first.hash == hashlib.sha256(rfc8785.dumps(content)).hexdigest()  # type: ignore[arg-type]


@given(st.integers(2, 8), st.data())
def test_any_change_of_a_chain_is_found_at_its_place(length: int, data: st.DataObject) -> None:
    links = chain(length)
    assert first_break(links) is None
    index = data.draw(st.integers(0, length - 1))
    changes: list[dict[str, object]] = [
        {"data": {"n": 99}},
        {"occurred_at_ms": 5},
        {"side": "deciding"},
        {"type": Step.DECIDED},
        {"hash": "0" * 64},
        {"previous_hash": "1" * 64},
    ]
    changed = replace(links[index], **data.draw(st.sampled_from(changes)))  # type: ignore[arg-type]
    assert first_break([*links[:index], changed, *links[index + 1 :]]) == index + 1
    without = [*links[:index], *links[index + 1 :]]
    assert (first_break(without) is None) == (index == length - 1)


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive_to_the_millisecond(moment: datetime) -> None:
    ms = milliseconds(moment)
    back = datetime.fromisoformat(timestamp(ms))
    assert milliseconds(back) == ms
    assert abs((back - moment).total_seconds()) < 0.001


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    create_key(tmp_path)
    loaded = load_keys(tmp_path)
    assert loaded is not None
    return loaded


def test_receipts_verify_with_pyjwt_and_only_as_receipts(ring: KeyRing) -> None:
    jws = ReceiptSigner(ring, "445200").sign(ReceiptContent("app", "d" * 64, "caller", 1_700_000_000_123))
    claims = read_receipt(jws, ring)
    assert claims["sub"] == "app"
    assert claims["body_sha256"] == "d" * 64
    assert claims["accepted_at_ms"] == 1_700_000_000_123
    token = Signer(ring, "at+jwt").sign({"iss": "x", "sub": "app", "iat": 1})
    with pytest.raises(jwt.InvalidTokenError):
        read_receipt(token, ring)
    head, payload, signature = jws.split(".")
    with pytest.raises(jwt.InvalidTokenError):
        read_receipt(f"{head}.{payload[:-2]}AA.{signature}", ring)


def test_old_receipts_verify_after_rotation_and_the_old_private_key_is_gone(tmp_path: Path) -> None:
    old_kid = create_key(tmp_path)
    before = load_keys(tmp_path)
    assert before is not None
    jws = ReceiptSigner(before, "445200").sign(ReceiptContent("app", "d" * 64, "caller", 1))
    new_kid = create_key(tmp_path)
    after = load_keys(tmp_path)
    assert after is not None
    assert (after.kid, old_kid != new_kid) == (new_kid, True)
    assert read_receipt(jws, after)["sub"] == "app"
    assert not (tmp_path / f"{old_kid}.private.pem").exists()
    assert {key["kid"] for key in after.jwks()["keys"]} == {old_kid, new_kid}
    assert all("d" not in key for key in after.jwks()["keys"])
    mode = (tmp_path / f"{new_kid}.private.pem").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_receipt_of_another_gateway_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    create_key(tmp_path / "other")
    other = load_keys(tmp_path / "other")
    assert other is not None
    jws = ReceiptSigner(other, "441300").sign(ReceiptContent("app", "d" * 64, "caller", 1))
    with pytest.raises(jwt.InvalidTokenError):
        read_receipt(jws, ring)
    assert load_keys(tmp_path / "none") is None


async def test_groups_are_signed_in_another_process_and_survive_its_death(ring: KeyRing) -> None:
    signer = ReceiptSigner(ring, "445200", own_process=True)
    contents = [ReceiptContent(f"app{n}", "d" * 64, "caller", n) for n in range(20)]
    try:
        for expected in (contents, contents[:2]):
            signed = await signer.sign_all(expected)
            assert [read_receipt(jws, ring)["sub"] for jws in signed] == [one.application_id for one in expected]
        assert signer._pool is not None
        for process in list(signer._pool._processes.values()):
            process.kill()
        signed = await signer.sign_all(contents)
        assert [read_receipt(jws, ring)["sub"] for jws in signed] == [one.application_id for one in contents]
        assert signer._pool is None
    finally:
        signer.close()
