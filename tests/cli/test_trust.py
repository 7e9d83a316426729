"""`tongban trust`, `tongban verify` and `tongban bench verify` as an operator meets them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import check_schema, tongban
from tests.trust.office.ofd import Office, Sealing, document, packed, sealed
from tests.trust.office.tokens import ISSUER, TokenKey

pytestmark = pytest.mark.slow

OFFICE, KEY = Office(), TokenKey()


def trust_of(folder: Path) -> Path:
    parts = {"anchors/a.der": OFFICE.root.certificate, "intermediates/b.der": OFFICE.authority.certificate}
    for name, content in parts.items():
        path = folder / "trust" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "trust"


def as_json(*words: str, folder: Path) -> Any:
    done = tongban("trust", *words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_from_an_empty_store_to_a_verdict_that_can_be_made_again(tmp_path: Path) -> None:
    data, trust = tmp_path / "data", trust_of(tmp_path)
    licence = tmp_path / "licence.ofd"
    licence.write_bytes(packed(sealed(OFFICE, Sealing())))
    empty = as_json("list", folder=data)
    check_schema("trust_generation", empty)
    assert empty["parts"] == []
    refused = tongban("trust", "import", str(trust), folder=data)
    assert refused.returncode == 1
    assert "--purpose" in refused.stderr
    words = ("--purpose", "signer", "--purpose", "sealer", "--source", "演示，当面交付", "--valid", "2020-01-01/")
    first = as_json("import", str(trust), *words, folder=data)
    check_schema("trust_generation", first)
    assert (first["new"], first["counts"]["anchor"], first["counts"]["intermediate"]) == (True, 1, 1)
    fingerprint = OFFICE.root.sha256
    second = as_json("remove", fingerprint[:16], "--note", "演示撤换", folder=data)
    assert second["counts"]["anchor"] == 0
    held = as_json("show", first["generation"], folder=data)
    check_schema("trust_generation", held)
    anchor = next(part for part in held["parts"] if part["kind"] == "anchor")
    assert (anchor["sha256"], anchor["purposes"], anchor["source"]) == (
        fingerprint,
        ["sealer", "signer"],
        "演示，当面交付",
    )
    listed = as_json("generations", folder=data)
    check_schema("trust_generations", listed)
    assert [one["generation"] for one in listed["data"]] == [second["generation"], first["generation"]]
    expected = {first["generation"]: (0, "TOTAL_PASSED"), "current": (2, "INDETERMINATE")}
    for name, (code, indication) in expected.items():
        done = tongban("verify", str(licence), "--generation", name, "--json", folder=data)
        (found,) = json.loads(done.stdout)
        assert (done.returncode, found["indication"]) == (code, indication), done.stderr
    refreshed = as_json("refresh", folder=data)
    check_schema("trust_refresh", refreshed)


def test_issuers_and_what_cannot_be_imported(tmp_path: Path) -> None:
    issuer, certificate = tmp_path / "issuer.json", tmp_path / "root.der"
    issuer.write_text(json.dumps({"issuer": ISSUER, "algorithms": ["ES256"], "keys": [KEY.jwk]}))
    certificate.write_bytes(OFFICE.root.certificate)
    done = tongban("trust", "import", str(issuer), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for words, told in (
        ((str(certificate),), "--kind"),
        ((str(tmp_path / "nothing"),), "nothing"),
        ((str(issuer), "--valid", "soon/"), "soon"),
    ):
        refused = tongban("trust", "import", *words, folder=tmp_path)
        assert refused.returncode == 1
        assert told in refused.stderr
    for line in ("remove 00000000 --note x", "show 9-x"):
        assert tongban("trust", *line.split(), folder=tmp_path).returncode == 1
    shown = tongban("trust", "list", folder=tmp_path)
    assert ISSUER in shown.stdout


def test_verify_obeys_its_schema_and_exit_codes(tmp_path: Path) -> None:
    trust = trust_of(tmp_path)
    good, forged, unsigned = tmp_path / "good.ofd", tmp_path / "forged.ofd", tmp_path / "unsigned.ofd"
    parts = sealed(OFFICE, Sealing())
    good.write_bytes(packed(parts))
    forged.write_bytes(packed(parts | {"Doc_0/Res/image.bin": b"another"}))
    bare = document()
    bare["OFD.xml"] = bare["OFD.xml"].replace(b"<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>", b"")
    unsigned.write_bytes(packed(bare))
    for files, code, indications in (
        ((good,), 0, ["TOTAL_PASSED"]),
        ((good, unsigned), 2, ["TOTAL_PASSED", "INDETERMINATE"]),
        ((unsigned, forged, good), 1, ["INDETERMINATE", "TOTAL_FAILED", "TOTAL_PASSED"]),
    ):
        done = tongban("verify", *map(str, files), "--trust", str(trust), "--json", folder=tmp_path)
        found = json.loads(done.stdout)
        check_schema("verify", found)
        assert (done.returncode, [one["indication"] for one in found]) == (code, indications), done.stderr
        assert [one["file"] for one in found] == [str(path) for path in files]
    told = tongban("verify", str(forged), "--trust", str(trust), folder=tmp_path)
    assert "不得采信" in told.stdout
    for words in (
        (),
        (str(tmp_path / "nothing"),),
        (str(good), "--at", "soon"),
        (str(good), "--policy", "lax"),
        (str(good), "--trust", str(tmp_path / "files")),
        (str(good), "--trust", str(trust), "--generation", "current"),
        (str(good), "--generation", "9-x"),
    ):
        assert tongban("verify", *words, folder=tmp_path).returncode == 64, words


def test_bench_verify_obeys_its_schema() -> None:
    done = tongban("bench", "verify", "--json", "--rounds", "2", "--seconds", "0.3", "--tokens", "100", timeout_s=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    check_schema("bench_verify", found)
    assert {one["indication"] for one in found["results"]} == {"TOTAL_PASSED"}
