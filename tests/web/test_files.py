"""Files: streamed in, digested on the way, sniffed, and shown only to whom they concern."""

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives import hashes

from gateway.domain.access import Role
from tests.gateways import Gateway
from tests.web.conftest import body, rows
from tests.web.test_applications import problem


def ofd() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Doc_0/Document.xml", "<x/>")
        archive.writestr("OFD.xml", "<ofd/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"%PDF-1.7 x", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 20, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"0" * 20, "image/jpeg"),
        (ofd(), "application/ofd"),
        (b"hello", "application/octet-stream"),
        (b"<html><script>", "application/octet-stream"),
    ],
)
async def test_digests_and_type_come_from_the_bytes(gateway: Gateway, content: bytes, media_type: str) -> None:
    answer = await gateway.upload(content, "%E8%BA%AB%E4%BB%BD%E8%AF%81%F0%A0%AE%B7.pdf")
    assert answer.status == 201, answer.body
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(content)
    assert answer.body["name"] == "身份证𠮷.pdf"
    assert answer.body["media_type"] == media_type
    assert answer.body["sha256"] == hashlib.sha256(content).hexdigest()
    assert answer.body["sm3"] == sm3.finalize().hex()
    back = await gateway.call("GET", answer.headers["Location"])
    assert back.body == content
    assert back.headers["X-Content-Type-Options"] == "nosniff"
    assert back.headers["Content-Disposition"].startswith("attachment")


async def test_limits_and_names(gateway: Gateway) -> None:
    before = await rows(gateway)
    limit = gateway.services.settings.max_file_bytes
    problem(await gateway.upload(b"x" * (limit + 1)), 413, "request.too_large")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(limit // 65536 + 2):
            yield b"x" * 65536

    headers = {"Authorization": f"Bearer {gateway.token()}"}
    async with gateway.session.post(f"{gateway.url}/v1/files?name=a", data=endless(), headers=headers) as response:
        assert response.status == 413
    for name in ("", "a/b", "%00", "x" * 201, "a%5Cb"):
        problem(await gateway.upload(b"x", name), 422, "request.invalid")
    problem(await gateway.upload(b""), 422, "request.invalid")
    assert await rows(gateway) == before
    store = gateway.services.settings.data_dir / "files"
    assert not list((store / "incoming").iterdir())


async def test_thirty_megabytes_pass_whole(gateway: Gateway) -> None:
    content = bytes(range(256)) * (30 * 4096)
    answer = await gateway.upload(content)
    assert (answer.status, answer.body["size_bytes"]) == (201, 30 * 1024 * 1024)
    assert answer.body["sha256"] == hashlib.sha256(content).hexdigest()


async def test_a_file_is_seen_by_its_bringer_and_the_case_s_cities(gateway: Gateway) -> None:
    uploaded = await gateway.upload(b"%PDF-1.4 one")
    path = uploaded.headers["Location"]
    problem(await gateway.call("GET", path, role=Role.PARTNER, city="441300"), 404, "request.not_found")
    whole = body(gateway)
    whole["materials"][0] = {
        "material_code": whole["materials"][0]["material_code"],
        "files": [uploaded.body["file_id"]],
    }
    taken = await gateway.submit(whole)
    assert taken.status == 202
    assert (await gateway.call("GET", path, role=Role.PARTNER, city="441300")).status == 200
    problem(await gateway.call("GET", path, role=Role.PARTNER, city="441400"), 404, "request.not_found")
    listed = (await gateway.call("GET", f"/v1/applications/{taken.body['application_id']}/files")).body["data"]
    assert [(file["role"], file["sha256"]) for file in listed] == [("application", uploaded.body["sha256"])]
    stranger = gateway.token(caller="another-window")
    problem(await gateway.submit(whole, token=stranger), 422, "request.file_unknown")


async def test_the_same_bytes_are_kept_once(gateway: Gateway) -> None:
    one, two = await gateway.upload(b"%PDF same", "a.pdf"), await gateway.upload(b"%PDF same", "b.pdf")
    assert one.body["file_id"] != two.body["file_id"]
    store = gateway.services.settings.data_dir / "files"
    assert len([path for path in store.rglob("*") if path.is_file()]) == 1
