"""The peer protocol's own OpenAPI document: the published one, valid, and about nothing but the protocol.

`python -m tests.web.test_peer_document` writes docs/peer-openapi.json anew; the difference belongs into the change.
"""

import json
from pathlib import Path

import orjson
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.web.app import VERSION
from gateway.web.peer_routes import OPEN_ROUTES, PEER_ROUTES, peer_document
from gateway.web.routes import ROUTES

CITIES = ("Tongban-From", "Tongban-To")
SNAPSHOT = Path(__file__).resolve().parents[2] / "docs" / "peer-openapi.json"


def snapshot() -> bytes:
    return orjson.dumps(peer_document(VERSION), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def test_the_document_is_the_published_one() -> None:
    assert SNAPSHOT.read_bytes() == snapshot(), "write it anew: python -m tests.web.test_peer_document"


def test_the_document_is_valid_and_says_how_to_sign() -> None:
    document = json.loads(snapshot())
    OpenAPIV31SpecValidator(document).validate()
    for word in ("ecdsa-p256-sha256", "tongban-peer", "content-digest", "tongban-to", "body_sha256"):
        assert word in document["info"]["description"]
    signed = [one for path in document["paths"].values() for one in path.values() if one["security"]]
    assert len(signed) == len(PEER_ROUTES)
    for operation in signed:
        named = {one["$ref"].rpartition("/")[2] for one in operation["parameters"] if "$ref" in one}
        assert named == {*CITIES, "Tongban-Version", "Content-Digest", "Signature-Input", "Signature"}


def test_no_route_is_in_both_documents() -> None:
    both = {(one.method, one.path) for one in ROUTES} & {(one.method, one.path) for one in (*PEER_ROUTES, *OPEN_ROUTES)}
    assert both == set()


if __name__ == "__main__":
    SNAPSHOT.write_bytes(snapshot())
