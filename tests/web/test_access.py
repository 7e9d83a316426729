"""Tokens: only what this gateway or a partner signed for itself, unexpired and well-formed, opens a door."""

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.profile import Inbound
from gateway.clock import now
from gateway.domain.access import Role
from gateway.evidence.jws import Signer
from gateway.evidence.keys import jwk
from gateway.evidence.receipts import ReceiptContent, ReceiptSigner
from gateway.wiring import open_services
from schemas.errors import AlreadyRunning
from tests.gateways import Gateway, running_gateway, settings_for
from tests.web.conftest import body
from tests.web.test_applications import problem


def claims(**changes: Any) -> dict[str, Any]:
    issued = int(now().timestamp())
    whole = {"aud": "tongban", "sub": "w", "role": "clerk", "city": "445200", "iat": issued, "exp": issued + 60}
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(gateway: Gateway, header: object, payload: object) -> str:
    """Any header and payload, really signed by the gateway's key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    message = f"{b64(header)}.{b64(payload)}"
    r, s = decode_dss_signature(gateway.services.ring.private_key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{message}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


async def test_a_good_token_opens_and_every_other_is_401(gateway: Gateway) -> None:
    kid = gateway.services.ring.kid
    header = {"alg": "ES256", "typ": "at+jwt", "kid": kid}
    good = signed(gateway, header, claims())
    assert (await gateway.call("GET", "/v1/cities", token=good)).status == 200
    issued = int(now().timestamp())
    duplicate = b'{"aud":"tongban","sub":"w","role":"clerk","role":"admin","city":"445200","iat":1,"exp":9999999999}'
    stranger = ec.generate_private_key(ec.SECP256R1())
    bad = {
        "no token": "",
        "not a token": "abc",
        "two parts": "a.b",
        "expired": signed(gateway, header, claims(exp=issued - 1)),
        "no exp": signed(gateway, header, claims(exp=...)),
        "fractional exp": signed(gateway, header, claims(exp=issued + 60.5)),
        "text nbf": signed(gateway, header, claims(nbf="0")),
        "not yet": signed(gateway, header, claims(nbf=issued + 3600)),
        "from the future": signed(gateway, header, claims(iat=issued + 3600)),
        "no audience": signed(gateway, header, claims(aud=...)),
        "other audience": signed(gateway, header, claims(aud="other")),
        "unknown role": signed(gateway, header, claims(role="king")),
        "no city": signed(gateway, header, claims(city=...)),
        "odd caller": signed(gateway, header, claims(sub="a b")),
        "duplicate claim": signed(gateway, header, duplicate),
        "payload not an object": signed(gateway, header, [1]),
        "wrong typ": signed(gateway, header | {"typ": "JWT"}, claims()),
        "crit": signed(gateway, header | {"crit": ["x"]}, claims()),
        "alg none": f"{b64(header | {'alg': 'none'})}.{b64(claims())}.",
        "unknown kid": signed(gateway, header | {"kid": "x"}, claims()),
        "embedded key": signed(
            gateway, header | {"kid": "x", "jwk": jwk(gateway.services.ring.private_key.public_key())}, claims()
        ),
        "another key": jwt.encode(claims(), stranger, algorithm="ES256", headers={"kid": kid, "typ": "at+jwt"}),
        "a receipt": ReceiptSigner(gateway.services.ring, "445200").sign(ReceiptContent("a", "d" * 64, "c", 1)),
        "cut": good[:-4],
        "padded": good + "==",
    }
    for what, token in bad.items():
        answer = await gateway.call(
            "GET", "/v1/cities", token=token or "", headers={"Authorization": "Basic x"} if what == "no token" else None
        )
        problem(answer, 401, "request.unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), what


async def test_a_partners_own_key_speaks_for_that_partner_only(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = jwk(private.public_key()) | {"kid": "huizhou-1"}
    async with running_gateway(settings_for(tmp_path, None, lanes=False)) as gateway:
        profiles = dict(gateway.services.profiles)
        inbound = profiles["441300"].inbound or Inbound()
        inbound = inbound.model_copy(update={"keys": (public,)})
        profiles["441300"] = profiles["441300"].model_copy(update={"inbound": inbound})
        gateway.services.profiles = profiles

        def token(**changes: Any) -> str:
            headers = {"kid": "huizhou-1", "typ": "at+jwt"}
            return jwt.encode(
                claims(role="partner", city="441300", **changes), private, algorithm="ES256", headers=headers
            )

        whole = body(gateway, city="445200") | {"collecting_city": "441300"}
        whole["identity_check"]["by_city"] = "441300"
        assert (await gateway.submit(whole, token=token())).status == 202
        for changes in ({"city": "441500"}, {"role": "admin"}, {"role": "clerk"}):
            bad = jwt.encode(
                claims(role="partner", city="441300") | changes,
                private,
                algorithm="ES256",
                headers={"kid": "huizhou-1", "typ": "at+jwt"},
            )
            problem(await gateway.call("GET", "/v1/cities", token=bad), 401, "request.unauthenticated")


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        ("GET", "/v1/outbox", {Role.ADMIN, Role.AUDITOR}),
        ("GET", "/v1/reviews", {Role.ADMIN, Role.AUDITOR}),
        ("GET", "/v1/inbound", {Role.ADMIN, Role.AUDITOR, Role.OFFICER}),
        ("GET", "/v1/items", set(Role)),
        ("GET", "/v1/agreements", set(Role)),
    ],
)
async def test_roles(gateway: Gateway, method: str, path: str, roles: set[Role]) -> None:
    for role in Role:
        answer = await gateway.call(method, path, role=role)
        assert answer.status == (200 if role in roles else 403), role
    for path_of_act in ("/v1/outbox/x/replay", "/v1/outbox/x/settle"):
        problem(await gateway.call("POST", path_of_act, role=Role.AUDITOR), 403, "request.forbidden")
        problem(await gateway.call("POST", path_of_act, role=Role.ADMIN), 404, "request.not_found")


async def test_a_second_process_on_the_same_folder_is_refused(gateway: Gateway) -> None:
    with pytest.raises(AlreadyRunning, match="exactly one process"):
        async with open_services(gateway.services.settings):
            pass


async def test_two_processes_under_one_node_name_are_refused(tmp_path: Path, postgres_url: str) -> None:
    settings = settings_for(tmp_path, postgres_url)
    async with running_gateway(settings):
        with pytest.raises(AlreadyRunning, match="TONGBAN_NODE"):
            async with open_services(settings):
                pass
        async with open_services(settings.model_copy(update={"node": "another"})) as second:
            assert second.ready


def test_the_signer_is_read_by_pyjwt(tmp_path: Path) -> None:
    from gateway.evidence.keys import create_key, load_keys

    create_key(tmp_path)
    ring = load_keys(tmp_path)
    assert ring is not None
    token = Signer(ring, "at+jwt").sign(claims())
    assert jwt.decode(token, ring.private_key.public_key(), algorithms=["ES256"], audience="tongban")["sub"] == "w"
