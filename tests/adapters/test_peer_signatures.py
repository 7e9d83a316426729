"""Signatures between gateways: a published vector, an independent implementation both ways, all that must fail."""

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from hypothesis import given
from hypothesis import strategies as st

from adapters.signing import http_signature as ours
from adapters.signing.http_signature import Request, Response, Verified
from schemas.errors import Unauthenticated
from tests.simulators import peer_signing as theirs

NOW = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
BODY = '{"name": "陈𠮷㐂"}'.encode()
KEY, OTHER = theirs.Key.new(), theirs.Key.new()
NONCE = "0123456789abcdef0123456789abcdef"
RFC9421 = {  # appendix B.1.3 and B.2.4
    "x": "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA",
    "y": "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0",
    "d": "UpuF81l-kOxbjf7T4mNSv0r5tN67Gim7rnf6EFpcYDs",
    "kid": "test-key-ecc-p256",
}
RFC9421_HEADERS = {
    "Content-Type": "application/json",
    "Content-Digest": (
        "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"
    ),
    "Content-Length": "23",
    "Signature-Input": (
        'sig-b24=("@status" "content-type" "content-digest" "content-length")'
        ';created=1618884473;keyid="test-key-ecc-p256"'
    ),
    "Signature": "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:",
}


def headers_of(body: bytes = BODY, /, **more: str) -> dict[str, str]:
    named = {
        "Content-Digest": ours.content_digest(hashlib.sha256(body).digest()),
        "Tongban-To": "350600",
        "Tongban-From": "445200",
    }
    return named | {"Tongban-Version": "1", "Content-Type": "application/json"} | more


def signed(
    key: theirs.Key = KEY, *, now: datetime = NOW, target: str = "/v1/peer/applications?a=1&b=%E9%99%88"
) -> Request:
    request = Request("POST", target, headers_of())
    return Request("POST", target, headers_of() | ours.sign_request(request, key, now=now, nonce=NONCE))


def find(kid: str) -> ec.EllipticCurvePublicKey | None:
    return theirs.public_keys({"keys": [KEY.jwk]}).get(kid)


def verify(request: Request, *, now: datetime = NOW) -> Verified:
    return ours.verify_request(request, find, now=now, tolerance_s=300)


def lower(request: Request) -> theirs.Request:
    return theirs.Request(request.method, request.target, {n.lower(): v for n, v in request.headers.items()})


def changed(request: Request, **headers: str) -> Request:
    return replace(request, headers={**dict(request.headers.items()), **headers})


def without(request: Request, name: str) -> Request:
    return replace(request, headers={n: v for n, v in request.headers.items() if n != name})


class _One(HTTPSignatureKeyResolver):
    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self.key = key

    def resolve_public_key(self, key_id: str) -> ec.EllipticCurvePublicKey:
        assert key_id == RFC9421["kid"]
        return self.key


def test_the_published_vector_by_both_implementations() -> None:
    key = theirs.public_keys({"keys": [RFC9421]})[RFC9421["kid"]]
    response = Response(200, RFC9421_HEADERS, Request("POST", "/", {}))
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_One(key))
    (result,) = verifier.verify(response, max_age=None)
    base = "\n".join(f"{name}: {value}" for name, value in result.covered_components.items()).encode()
    signature = base64.b64decode(RFC9421_HEADERS["Signature"].partition("=:")[2].removesuffix(":"))
    assert theirs.is_signed(key, signature, base)
    assert not theirs.is_signed(key, signature, base + b"x")
    private = ec.derive_private_key(int.from_bytes(theirs.unbase64url(RFC9421["d"]), "big"), ec.SECP256R1())
    assert theirs.Key(private).jwk["x"] == RFC9421["x"]


class _Library(HTTPMessageVerifier):
    """A general implementation of the RFC; it reads the machine's clock, which is not what is tested here."""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        assert type(sig_input.params["created"]) is int


class _Ours(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> ec.EllipticCurvePublicKey | None:
        return find(key_id)

    def resolve_private_key(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        return KEY.private


COVERED = tuple("@method @path @query content-digest tongban-from tongban-to tongban-version content-type".split())


@dataclass
class _Message:
    """As the library wants a request; with a status, a response."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass
class _Answer:
    status_code: int
    headers: dict[str, str]
    request: _Message


def for_library(request: Request) -> _Message:
    return _Message(request.method, f"http://peer{request.target}", dict(request.headers.items()))


def test_a_general_implementation_verifies_what_we_sign() -> None:
    library = _Library(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_Ours())
    request = for_library(signed())
    (result,) = library.verify(request, max_age=None, expect_tag="tongban-peer", require_components=COVERED, body=BODY)
    assert (result.nonce, result.parameters["keyid"]) == (NONCE, KEY.kid)
    replied = answer(signed(), **{"Idempotent-Replayed": "true"})
    named = _Answer(replied.status_code, dict(replied.headers.items()), for_library(signed()))
    named.request.headers |= dict(replied.request.headers.items())
    wanted = ("@status", "content-digest", "content-type", "idempotent-replayed", '"signature";req;key="tongban"')
    library.verify(named, max_age=None, expect_tag="tongban-peer", require_components=wanted, body=b"answer")


@given(order=st.permutations([*COVERED, "date"]), label=st.from_regex(r"[a-z*][a-z0-9_.*-]{0,8}", fullmatch=True))
def test_we_verify_what_a_general_implementation_signs(order: list[str], label: str) -> None:
    library = HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_Ours())
    request = _Message("POST", "http://peer/v1/peer/x?a=%20b", headers_of() | {"Date": "Tue, 20 Apr 2021 02:07:56 GMT"})
    library.sign(
        request,
        key_id=KEY.kid,
        created=NOW,
        expires=NOW + timedelta(seconds=120),
        nonce=NONCE,
        label=label,
        tag="tongban-peer",
        covered_component_ids=order,
        use_existing_digest=True,
    )
    received = Request("POST", "/v1/peer/x?a=%20b", request.headers)
    assert verify(received).label == label
    bare = Response(200, headers_of(b"answer"), received, label)
    named = headers_of(b"answer") | ours.sign_response(bare, KEY, now=NOW)
    response = Response(200, named, received, label)
    assert ours.verify_response(response, find, now=NOW, tolerance_s=300) == hashlib.sha256(b"answer").digest()
    reply = _Answer(200, headers_of(b"answer"), request)
    binding = f'"signature";req;key="{label}"'
    library.sign(
        reply,
        key_id=KEY.kid,
        created=NOW,
        tag="tongban-peer",
        covered_component_ids=("content-type", "@status", binding, "content-digest"),
        use_existing_digest=True,
    )
    theirs_answer = Response(200, reply.headers, received, label)
    assert ours.verify_response(theirs_answer, find, now=NOW, tolerance_s=300) == hashlib.sha256(b"answer").digest()


def test_a_request_is_what_the_page_says() -> None:
    request = signed()
    created = int(NOW.timestamp())
    listed = '"@method" "@path" "@query" "content-digest" "tongban-from" "tongban-to" "tongban-version" "content-type"'
    wanted = f'({listed});created={created};keyid="{KEY.kid}";alg="ecdsa-p256-sha256";expires={created + 300}'
    named = dict(request.headers.items())
    assert named["Signature-Input"] == f'tongban={wanted};nonce="{NONCE}";tag="tongban-peer"'
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    base = "\n".join(
        [
            '"@method": POST',
            '"@path": /v1/peer/applications',
            '"@query": ?a=1&b=%E9%99%88',
            f'"content-digest": sha-256=:{digest}:',
            '"tongban-from": 445200',
            '"tongban-to": 350600',
            '"tongban-version": 1',
            '"content-type": application/json',
            f'"@signature-params": {wanted};nonce="{NONCE}";tag="tongban-peer"',
        ]
    )
    signature = base64.b64decode(named["Signature"].removeprefix("tongban=:").removesuffix(":"))
    assert theirs.is_signed(KEY.private.public_key(), signature, base.encode())


def test_what_was_verified() -> None:
    found = verify(signed())
    assert (found.kid, found.nonce, found.label) == (KEY.kid, NONCE, "tongban")
    assert found.holds(hashlib.sha256(BODY).digest())
    assert not found.holds(hashlib.sha256(BODY + b" ").digest())
    assert found.expires_at > NOW + timedelta(seconds=300)


@given(
    path=st.text("abcXYZ019-._~/%20", max_size=30),
    query=st.text("abc=&%E9?/", max_size=20) | st.none(),
    body=st.binary(max_size=100),
    late_s=st.integers(-299, 299),
)
def test_both_implementations_agree(path: str, query: str | None, body: bytes, late_s: int) -> None:
    clean = path.replace("%", "%25")
    target = f"/{clean}" if query is None else f"/{clean}?{query.replace('%', '%25')}"
    headers = headers_of(body)
    request = Request("PUT", target, headers)
    by_us = Request("PUT", target, headers | ours.sign_request(request, KEY, now=NOW, nonce=NONCE))
    now = NOW + timedelta(seconds=late_s)
    keys = theirs.public_keys({"keys": [KEY.jwk]})
    assert theirs.check_request(lower(by_us), keys, now=now.timestamp()) == (KEY.kid, NONCE)
    by_them = theirs.sign_request(lower(request), KEY, now=NOW.timestamp(), nonce=NONCE)
    theirs_whole = Request("PUT", target, headers | by_them)
    found = verify(theirs_whole, now=now)
    assert (found.label, found.sha256) == ("their", hashlib.sha256(body).digest())

    answer = headers_of(b"answer")
    by_them = theirs.sign_response(
        202, {n.lower(): v for n, v in answer.items()}, lower(by_us), KEY, now=now.timestamp()
    )
    response = Response(202, answer | by_them, by_us)
    digest = ours.verify_response(response, find, now=now, tolerance_s=300)
    assert digest == hashlib.sha256(b"answer").digest()


CHANGES: dict[str, Any] = {
    "method": lambda r: replace(r, method="PUT"),
    "path": lambda r: replace(r, target=r.target.replace("applications", "reports")),
    "query": lambda r: replace(r, target=r.target + "&c=1"),
    "query dropped": lambda r: replace(r, target=r.target.partition("?")[0]),
    "digest": lambda r: changed(r, **{"Content-Digest": ours.content_digest(hashlib.sha256(b"x").digest())}),
    "city": lambda r: changed(r, **{"Tongban-To": "441300"}),
    "sender": lambda r: changed(r, **{"Tongban-From": "441300"}),
    "version": lambda r: changed(r, **{"Tongban-Version": "2"}),
    "type": lambda r: changed(r, **{"Content-Type": "text/plain"}),
    "no digest": lambda r: without(r, "Content-Digest"),
    "no city": lambda r: without(r, "Tongban-To"),
    "no signature": lambda r: without(r, "Signature"),
    "no input": lambda r: without(r, "Signature-Input"),
    "type added": lambda r: signed_without_type(),
    "two signatures": lambda r: changed(
        r,
        **{
            name: f"{value}, other={value.partition('=')[2]}"
            for name, value in r.headers.items()
            if name.startswith("Signature")
        },
    ),
    "not to be read": lambda r: changed(r, **{"Signature-Input": "(((", "Signature": ":::"}),
    "another label": lambda r: changed(r, Signature=r.headers["Signature"].replace("tongban", "other")),
    "no target": lambda r: replace(r, target="/a b\u9648"),
}


def signed_without_type() -> Request:
    headers = headers_of()
    del headers["Content-Type"]
    request = Request("POST", "/v1", headers)
    whole = headers | ours.sign_request(request, KEY, now=NOW, nonce=NONCE)
    return Request("POST", "/v1", whole | {"Content-Type": "application/json"})


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_request_is_refused(change: str) -> None:
    request = signed()
    verify(request)
    with pytest.raises(Unauthenticated):
        verify(CHANGES[change](request))


def test_other_keys_and_times_are_refused() -> None:
    with pytest.raises(Unauthenticated, match="not this peer"):
        verify(signed(OTHER))
    for late_s in (-301, 301, 3600):
        with pytest.raises(Unauthenticated, match="too far") as caught:
            verify(signed(), now=NOW + timedelta(seconds=late_s))
        assert caught.value.facts == {"tolerance_s": 300}
    with pytest.raises(Unauthenticated):  # the right name, the wrong key
        ours.verify_request(signed(), lambda _: OTHER.private.public_key(), now=NOW, tolerance_s=300)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f';nonce="{NONCE}"', ""),
        (NONCE, "short"),
        (f";expires={int(NOW.timestamp()) + 300}", ""),
        (f";expires={int(NOW.timestamp()) + 300}", f";expires={int(NOW.timestamp()) + 301}"),
        (f";expires={int(NOW.timestamp()) + 300}", f";expires={int(NOW.timestamp())}"),
        (f";expires={int(NOW.timestamp()) + 300}", ";expires=1.5"),
        (f"created={int(NOW.timestamp())};", ""),
        ("tongban-peer", "another-tag"),
        ('alg="ecdsa-p256-sha256"', 'alg="hmac-sha256"'),
        ('"@query" ', ""),
        ('"content-digest" ', ""),
        ('"tongban-to" ', ""),
        ('"tongban-from" ', ""),
        (' "content-type"', ""),
    ],
)
def test_parameters_the_protocol_needs(old: str, new: str) -> None:
    """Signed for real, with other parameters: only the rule stands against it."""
    request = lower(signed())
    text = request.headers["signature-input"].partition("=")[2]
    assert old in text
    altered = text.replace(old, new)
    names = [part for part in altered.partition(")")[0].removeprefix("(").replace('"', "").split(" ") if part]
    lines = [f'"{name}": {request.value(name)}' for name in names]
    signature = base64.b64encode(KEY.sign("\n".join([*lines, f'"@signature-params": {altered}']).encode())).decode()
    whole = {"Signature-Input": f"tongban={altered}", "Signature": f"tongban=:{signature}:"}
    with pytest.raises(Unauthenticated):
        verify(Request("POST", request.target, headers_of() | whole))


@pytest.mark.parametrize(
    "digest",
    ["", "sha-256=:AAAA:", "sha-512=:AAAA:", "sha-256=x", "md5=:AAAA:", "𠮷", "sha-256=:AAAA:, sha-256=:AAAA:"],
)
def test_digests_that_are_none(digest: str) -> None:
    with pytest.raises(Unauthenticated):
        ours.signed_sha256({"Content-Digest": digest})


def answer(request: Request, key: theirs.Key = KEY, /, **more: str) -> Response:
    status = 202
    headers = headers_of(b"answer", **more)
    bare = Response(status, headers, request)
    return Response(status, headers | ours.sign_response(bare, key, now=NOW), request)


def test_an_answer_is_bound_to_its_request() -> None:
    request = signed()
    response = answer(request, **{"Idempotent-Replayed": "true"})
    assert ours.verify_response(response, find, now=NOW, tolerance_s=300) == hashlib.sha256(b"answer").digest()
    once_more = signed(now=NOW + timedelta(seconds=1))
    wrong: list[Response] = [
        replace(response, request=once_more),
        replace(response, status_code=200),
        answer(request, OTHER),
        replace(response, headers={**dict(response.headers.items()), "Idempotent-Replayed": "false"}),
        replace(response, headers=headers_of(b"answer")),
        replace(response, headers={**dict(response.headers.items()), **headers_of(b"other")}),
    ]
    for one in wrong:
        with pytest.raises(Unauthenticated):
            ours.verify_response(one, find, now=NOW, tolerance_s=300)
    for late_s in (-301, 301):
        with pytest.raises(Unauthenticated):
            ours.verify_response(response, find, now=NOW + timedelta(seconds=late_s), tolerance_s=300)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=40))
def test_whatever_is_in_the_headers_is_refused_and_nothing_else(given_input: str, signature: str, digest: str) -> None:
    headers = headers_of() | {"Signature-Input": given_input, "Signature": signature, "Content-Digest": digest}
    with pytest.raises(Unauthenticated):
        verify(Request("POST", "/v1", headers))


@given(st.data())
def test_a_single_changed_character_is_refused(data: st.DataObject) -> None:
    request = signed()
    name = data.draw(st.sampled_from(["Signature-Input", "Signature", "Content-Digest", "Tongban-To", "Tongban-From"]))
    value = dict(request.headers.items())[name]
    place = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != value[place]))
    altered = changed(request, **{name: value[:place] + other + value[place + 1 :]})
    try:
        found = verify(altered)
    except Unauthenticated:
        return
    # only the label, which is not signed, and the unused bits of a base64 text may differ
    assert name == "Signature"
    assert found.holds(hashlib.sha256(BODY).digest())
