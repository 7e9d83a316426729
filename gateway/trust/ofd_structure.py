"""OFD结构: from OFD.xml to its documents and the signatures each lists (GB/T 33190 chapter 18, [M])."""

import base64
import binascii
from dataclasses import dataclass, field

from gateway.trust.checks import Ledger
from gateway.trust.ofd_xml import Element, children, everywhere, folder, local, location, only, read_xml, word, words
from gateway.trust.zip_container import Package, PackageError

ROOT = "OFD.xml"
_DIGESTS = {
    "1.2.156.10197.1.401": "sm3",
    "SM3": "sm3",
    "1.2.156.10197.1.401.2": "sm3",  # a wrong number that real files carry
    "2.16.840.1.101.3.4.2.1": "sha256",
    "SHA256": "sha256",
    "SHA-256": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.3.14.3.2.26": "sha1",
    "SHA1": "sha1",
    "SHA-1": "sha1",
    "MD5": "md5",
    "1.2.840.113549.2.5": "md5",
}
_STANDARD_DIGESTS = frozenset({"1.2.156.10197.1.401", "MD5", "SHA1"})


@dataclass(frozen=True, slots=True)
class Reference:
    """引用: a part and the digest it must have."""

    part: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class SignatureEntry:
    """签名 as Signatures.xml lists it and Signature.xml describes it."""

    number: str
    kind: str
    """Seal or Sign."""
    part: str
    """Where Signature.xml is."""
    method: str | None
    digest: str
    """Name of the digest of its references, as hashlib knows it; or as it is written, where unknown."""
    claimed_time: str | None
    references: tuple[Reference, ...]
    value_part: str
    seal_part: str | None


@dataclass(slots=True)
class Structure:
    """OFD结构."""

    bodies: list[Element] = field(default_factory=list)
    signatures: list[SignatureEntry] = field(default_factory=list)
    machinery: set[str] = field(default_factory=set)
    """Parts that make up signatures: they cannot be covered by themselves."""


def read_structure(package: Package, ledger: Ledger, *, most: int) -> Structure:
    """PackageError where what must be there is missing, or there are more than `most` signatures."""
    root = read_xml(package, ROOT)
    if local(root) != "OFD":
        raise PackageError("OFD.xml 的根元素不是 OFD。", ROOT)
    found = Structure(bodies=children(root, "DocBody"))
    if not found.bodies:
        raise PackageError("OFD.xml 中没有文档。", ROOT)
    for body in found.bodies:
        listed = only(body, "Signatures", ROOT)
        if listed is not None and (text := words(listed, ROOT)):
            _read_list(package, location(text, "", ROOT), found, ledger, most)
    return found


def _read_list(package: Package, part: str, found: Structure, ledger: Ledger, most: int) -> None:
    if part in found.machinery:
        return  # two documents share one list
    if part not in package:
        raise PackageError("缺少签名列表。", part)
    found.machinery.add(part)
    for listed in everywhere(read_xml(package, part), "Signature"):
        if len(found.signatures) >= most:
            raise PackageError(f"签名超过 {most} 个。", part)
        base = listed.get("BaseLoc")
        if not base:
            raise PackageError("签名列表中缺少位置。", part)
        kind = listed.get("Type")
        if kind is None:
            ledger.dialect("signature_without_type")
        entry = _read_signature(package, location(base, folder(part), part), listed.get("ID") or "", kind, ledger)
        found.signatures.append(entry)
        found.machinery |= {entry.part, entry.value_part, *([entry.seal_part] if entry.seal_part else [])}


def _read_signature(package: Package, part: str, number: str, kind: str | None, ledger: Ledger) -> SignatureEntry:
    root = read_xml(package, part)
    info = only(root, "SignedInfo", part)
    if info is None:
        raise PackageError("签名描述中没有 SignedInfo。", part)
    listed = only(info, "References", part)
    if listed is None:
        raise PackageError("签名描述中没有引用列表。", part)
    value = word(root, "SignedValue", part)
    if not value:
        raise PackageError("签名描述中没有签名值的位置。", part)
    seal = only(info, "Seal", part)
    seal_text = None if seal is None else word(seal, "BaseLoc", part)
    return SignatureEntry(
        number=number,
        kind=kind or "Seal",
        part=part,
        method=word(info, "SignatureMethod", part),
        digest=_digest_name(listed.get("CheckMethod"), ledger),
        claimed_time=word(info, "SignatureDateTime", part),
        references=tuple(_reference(one, part) for one in children(listed, "Reference")),
        value_part=location(value, folder(part), part),
        seal_part=location(seal_text, folder(part), part) if seal_text else None,
    )


def _digest_name(written: str | None, ledger: Ledger) -> str:
    """The standard's default, where nothing is written, is MD5."""
    text = (written or "MD5").strip()
    name = _DIGESTS.get(text) or _DIGESTS.get(text.upper())
    if name is not None and text not in _STANDARD_DIGESTS:
        ledger.dialect(f"check_method:{text}")
    return name or text


def _reference(element: Element, part: str) -> Reference:
    where, value = element.get("FileRef"), word(element, "CheckValue", part)
    if not where or value is None:
        raise PackageError("引用缺少位置或摘要。", part)
    try:
        digest = base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        raise PackageError("引用的摘要不是 base64。", part) from None
    return Reference(location(where, folder(part), part), digest)
