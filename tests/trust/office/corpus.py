"""Writing licences and whom to trust for them, for measurements: python -m tests.trust.office.corpus FOLDER.

FOLDER gets trust/ (anchors/ intermediates/ issuers/), files/ (OFD documents of several sizes) and tokens.json.
"""

import argparse
import json
import random
from datetime import UTC, datetime
from pathlib import Path

from tests.trust.office.ofd import Office, Sealing, document, packed, sealed
from tests.trust.office.tokens import ISSUER, TokenKey, claims

_SIZES = {"licence-3k.ofd": (1, 0), "licence-two-seals.ofd": (2, 0), "licence-174k-two-seals.ofd": (2, 168_000)}
_LARGE = {"licence-255k.ofd": (1, 250_000), "licence-1500k-two-seals.ofd": (2, 1_490_000)}


def write(folder: Path, tokens: int, now: datetime) -> None:
    """Everything; the signatures are of `now`'s day or before."""
    office, key = Office(), TokenKey()
    for part, content in (
        ("anchors/root.der", office.root.certificate),
        ("intermediates/authority.der", office.authority.certificate),
        ("issuers/office.json", json.dumps({"issuer": ISSUER, "algorithms": ["ES256"], "keys": [key.jwk]}).encode()),
    ):
        path = folder / "trust" / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "files").mkdir()
    for name, (seals, padding) in (_SIZES | _LARGE).items():
        (folder / "files" / name).write_bytes(_licence(office, seals, padding))
    seconds = int(now.timestamp())
    made = [
        key.token(claims(iat=seconds - 60, exp=seconds + 86_400, number=number, note="演示证照内容" * 20))
        for number in range(tokens)
    ]
    (folder / "files" / "licence.jws").write_text(made[0])
    (folder / "tokens.json").write_text(json.dumps(made))


def _licence(office: Office, seals: int, padding: int) -> bytes:
    """A document with that many seals; a picture of noise makes it as large as it is to be."""
    extra = {"Doc_0/Res/image.bin": random.Random(1).randbytes(padding)} if padding else {}
    return packed(sealed(office, *(Sealing() for _ in range(seals)), parts=document(extra)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=2000)
    options = parser.parse_args()
    write(options.folder, options.tokens, datetime.now(UTC))
