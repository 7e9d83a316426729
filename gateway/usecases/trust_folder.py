"""信任目录: a trust snapshot from a folder: anchors/ intermediates/ crls/ sealers/, PEM or DER.

Without a folder sealers/ no list of seal makers is kept, and that check is skipped.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.trust.certificates import Certificate, CertificateError, from_file
from gateway.trust.crls import Crl, crl
from gateway.trust.snapshot import Anchor, TrustSnapshot, generation_of
from schemas.errors import Invalid

_PARTS = ("anchors", "intermediates", "crls", "sealers")


def trust_folder(folder: Path) -> TrustSnapshot:
    """Read a folder. Invalid names the first file that cannot be used; a folder without any part is one too."""
    if not any((folder / part).is_dir() for part in _PARTS):
        raise Invalid(
            f"{folder} holds none of anchors/, intermediates/, crls/, sealers/.",
            f"目录 {folder} 中没有 anchors/、intermediates/、crls/、sealers/ 任何一个。",
        )
    contents = {part: dict(_files(folder / part)) for part in _PARTS}
    anchors = _certificates(contents["anchors"])
    sealers = _certificates(contents["sealers"]) if (folder / "sealers").is_dir() else None
    everything = [part.encode() + content for part in _PARTS for content in contents[part].values()]
    return TrustSnapshot(
        generation=generation_of(everything),
        anchors=tuple(Anchor(one, source=str(folder)) for one in anchors),
        intermediates=tuple(_certificates(contents["intermediates"])),
        crls=tuple(_crl(path, content) for path, content in contents["crls"].items()),
        sealers=None if sealers is None else frozenset(one.sha256 for one in sealers),
    )


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield path, path.read_bytes()


def _certificates(contents: dict[Path, bytes]) -> list[Certificate]:
    found: list[Certificate] = []
    for path, content in contents.items():
        try:
            found += from_file(content)
        except CertificateError as error:
            raise _unusable(path, error) from None
    return found


def _crl(path: Path, content: bytes) -> Crl:
    try:
        return crl(content)
    except CertificateError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: Exception) -> Invalid:
    return Invalid(f"{path} cannot be used: {error}.", f"文件 {path} 无法使用（{error}），请核对后重新导入。")
