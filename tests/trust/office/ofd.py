"""Making sealed OFD documents: the three layouts of seals, signed data, and every part a reader might render."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from tests.trust.office.der import (
    TRUE,
    bits,
    generalized,
    ia5,
    integer,
    octets,
    oid,
    printable,
    seq,
    set_of,
    tlv,
    utc_time,
    utf8,
)
from tests.trust.office.pki import Holder, algorithm, extension, name, root

NS = 'xmlns:ofd="http://www.ofdspec.org/2016"'
SIGNED_AT = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
SM3 = "1.2.156.10197.1.401"
Layout = Literal["v1", "v4", "v5", "gbt35275", "gbt35275_attributes"]


@dataclass
class Office:
    """An office with its authority, its seal maker and two people who may sign."""

    kind: Literal["sm2", "rsa", "ec"] = "sm2"
    root: Holder = field(init=False)
    authority: Holder = field(init=False)
    signer: Holder = field(init=False)
    other: Holder = field(init=False)
    maker: Holder = field(init=False)
    stamper: Holder = field(init=False)

    def __post_init__(self) -> None:
        self.root = root(kind=self.kind)
        self.authority = self.root.issue("演示发证机构", kind=self.kind, authority=True)
        self.signer = self.authority.issue("演示签章人", kind=self.kind)
        self.other = self.authority.issue("演示另一人", kind=self.kind)
        self.maker = self.authority.issue("演示制章者", kind=self.kind)
        stamping = extension("2.5.29.37", seq(oid("1.3.6.1.5.5.7.3.8")), critical=True)
        self.stamper = self.authority.issue("演示时间戳", kind=self.kind, extra=(stamping,))

    def digest(self, content: bytes) -> bytes:
        """The digest that this kind of key signs."""
        return hashlib.new("sm3" if self.kind == "sm2" else "sha256", content).digest()


def sm3(content: bytes) -> bytes:
    return hashlib.new("sm3", content).digest()


@dataclass
class Sealing:
    """How a document is sealed. Functions of the finished pieces allow one thing at a time to be wrong."""

    layout: Layout = "v4"
    at: datetime = SIGNED_AT
    span: tuple[datetime, datetime] = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2033, 1, 1, tzinfo=UTC))
    signer: Holder | None = None
    listed: Holder | None = None
    by_digest: bool = False
    maker: Holder | None = None
    property_info: str | None = None
    check_method: str = SM3
    method: str | None = None
    stamp: bool = False
    references: Callable[[dict[str, bytes]], list[str]] | None = None
    wreck_tbs: Callable[[bytes], bytes] = lambda content: content
    wreck_value: Callable[[bytes], bytes] = lambda content: content
    wreck_seal: Callable[[bytes], bytes] = lambda content: content
    wreck_description: Callable[[bytes], bytes] = lambda content: content
    seal_file: bytes | None = None


def document(extra: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """A one-page document with a resource, an image, a template, an annotation, an attachment and a custom tag."""
    page = f'<ofd:Page {NS}><ofd:Area/><ofd:Template TemplateID="9"/><ofd:Content/></ofd:Page>'
    parts: dict[str, str | bytes] = {
        "OFD.xml": f'<ofd:OFD {NS} Version="1.0" DocType="OFD"><ofd:DocBody><ofd:DocInfo/>'
        "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>"
        "<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures></ofd:DocBody></ofd:OFD>",
        "Doc_0/Document.xml": f"<ofd:Document {NS}><ofd:CommonData><ofd:PublicRes>PublicRes.xml</ofd:PublicRes>"
        '<ofd:TemplatePage ID="9" BaseLoc="Tpls/Tpl_0/Content.xml"/></ofd:CommonData>'
        '<ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages>'
        "<ofd:Annotations>Annots/Annotations.xml</ofd:Annotations>"
        "<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>"
        "<ofd:CustomTags>Tags/CustomTags.xml</ofd:CustomTags></ofd:Document>",
        "Doc_0/PublicRes.xml": f'<ofd:Res {NS} BaseLoc="Res"><ofd:MultiMedias><ofd:MultiMedia ID="3" Type="Image">'
        "<ofd:MediaFile>image.bin</ofd:MediaFile></ofd:MultiMedia></ofd:MultiMedias></ofd:Res>",
        "Doc_0/Res/image.bin": b"\x00\x01\x02" * 50,
        "Doc_0/Tpls/Tpl_0/Content.xml": page.replace('<ofd:Template TemplateID="9"/>', ""),
        "Doc_0/Pages/Page_0/Content.xml": page,
        "Doc_0/Annots/Annotations.xml": f'<ofd:Annotations {NS}><ofd:Page PageID="1"><ofd:FileLoc>Page_0/A.xml'
        "</ofd:FileLoc></ofd:Page></ofd:Annotations>",
        "Doc_0/Annots/Page_0/A.xml": f"<ofd:PageAnnot {NS}/>",
        "Doc_0/Attachs/Attachments.xml": f'<ofd:Attachments {NS}><ofd:Attachment ID="5" Name="x"><ofd:FileLoc>a.txt'
        "</ofd:FileLoc></ofd:Attachment></ofd:Attachments>",
        "Doc_0/Attachs/a.txt": b"attached",
        "Doc_0/Tags/CustomTags.xml": f"<ofd:CustomTags {NS}><ofd:CustomTag><ofd:FileLoc>tag.xml</ofd:FileLoc>"
        "</ofd:CustomTag></ofd:CustomTags>",
        "Doc_0/Tags/tag.xml": f"<ofd:Tag {NS}>演示</ofd:Tag>",
    }
    made = {path: text.encode() if isinstance(text, str) else text for path, text in parts.items()}
    return made | dict(extra or {})


def sealed(office: Office, *sealings: Sealing, parts: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """The parts of a document with one signature for each sealing, in order."""
    parts = dict(document() if parts is None else parts)
    listing = "".join(
        f'<ofd:Signature ID="{number}" Type="{"Sign" if one.layout.startswith("gbt") else "Seal"}" '
        f'BaseLoc="/Doc_0/Signs/Sign_{number}/Signature.xml"/>'
        for number, one in enumerate(sealings)
    )
    for number, one in enumerate(sealings):
        _seal(office, parts, one, f"Doc_0/Signs/Sign_{number}")
    parts["Doc_0/Signs/Signatures.xml"] = f"<ofd:Signatures {NS}>{listing}</ofd:Signatures>".encode()
    return parts


def _seal(office: Office, parts: dict[str, bytes], how: Sealing, folder: str) -> None:
    seal = _seal_bytes(office, how) if how.layout in ("v1", "v4", "v5") else None
    if seal is not None:
        parts[f"{folder}/Seal.esl"] = how.seal_file or seal
    description = how.wreck_description(_description(office, parts, how, folder, with_seal=seal is not None))
    parts[f"{folder}/Signature.xml"] = description
    if seal is None:
        value = _signed_data(office, how, description)
    else:
        value = _ses(office, how, seal, description, how.property_info or f"/{folder}/Signature.xml")
    parts[f"{folder}/SignedValue.dat"] = how.wreck_value(value)


def _description(office: Office, parts: dict[str, bytes], how: Sealing, folder: str, *, with_seal: bool) -> bytes:
    named = sorted(parts) if how.references is None else how.references(parts)
    hashed = {SM3: "sm3", "SM3": "sm3", "MD5": "md5", "1.2.156.10197.1.401.2": "sm3"}.get(how.check_method, "sha256")
    references = "".join(
        f'<ofd:Reference FileRef="/{path}"><ofd:CheckValue>'
        f"{base64.b64encode(hashlib.new(hashed, parts[path]).digest()).decode()}</ofd:CheckValue></ofd:Reference>"
        for path in named
    )
    seal = f"<ofd:Seal><ofd:BaseLoc>/{folder}/Seal.esl</ofd:BaseLoc></ofd:Seal>" if with_seal else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ofd:Signature {NS}><ofd:SignedInfo>'
        '<ofd:Provider ProviderName="演示" Version="1" Company="演示"/>'
        f"<ofd:SignatureMethod>{how.method or office.signer.key.algorithm}</ofd:SignatureMethod>"
        f"<ofd:SignatureDateTime>{how.at:%Y%m%d%H%M%SZ}</ofd:SignatureDateTime>"
        f'<ofd:References CheckMethod="{how.check_method}">{references}</ofd:References>{seal}</ofd:SignedInfo>'
        f"<ofd:SignedValue>/{folder}/SignedValue.dat</ofd:SignedValue></ofd:Signature>"
    ).encode()


def _seal_bytes(office: Office, how: Sealing) -> bytes:
    listed, maker = how.listed or how.signer or office.signer, how.maker or office.maker
    version = {"v1": 1, "v4": 4, "v5": 5}[how.layout]
    time = utc_time if version == 1 else generalized
    dates = (time(datetime(2024, 1, 1, tzinfo=UTC)), time(how.span[0]), time(how.span[1]))
    whole = seq(octets(listed.certificate))
    digests = seq(seq(printable(SM3), octets(sm3(listed.certificate))))
    kind = [] if version == 1 else [integer(2 if how.by_digest else 1)]
    described = seq(integer(1), utf8("演示行政审批专用章"), *kind, digests if how.by_digest else whole, *dates)
    info = seq(
        seq(ia5("ES"), integer(version), ia5("DEMO")),
        ia5("DEMO-0001"),
        described,
        seq(ia5("PNG"), octets(b"picture"), integer(40), integer(40)),
    )
    key = maker.key
    if version == 1:
        made = (octets(maker.certificate), oid(key.algorithm))
        return seq(how.wreck_seal(info), seq(*made, bits(key.sign(seq(info, *made)))))
    return seq(how.wreck_seal(info), octets(maker.certificate), oid(key.algorithm), bits(key.sign(info)))


def seal_value(office: Office, how: Sealing, content: bytes, path: str) -> bytes:
    """A seal's signature over any content."""
    return _ses(office, how, _seal_bytes(office, how), content, path)


def _ses(office: Office, how: Sealing, seal: bytes, description: bytes, path: str) -> bytes:
    signer = how.signer or office.signer
    hashed, key = office.digest(description), signer.key
    if how.layout == "v1":
        parts = (integer(1), seal, bits(utc_time(how.at)), bits(hashed), ia5(path))
        tbs = how.wreck_tbs(seq(*parts, octets(signer.certificate), oid(key.algorithm)))
        return seq(tbs, bits(key.sign(tbs)))
    tbs = seq(integer(4), seal, generalized(how.at), bits(hashed), ia5(path))
    value = key.sign(tbs)
    stamp = [tlv(0xA0, bits(timestamp(office, value, how.at)))] if how.stamp else []
    return seq(how.wreck_tbs(tbs), octets(signer.certificate), oid(key.algorithm), bits(value), *stamp)


def _signed_data(office: Office, how: Sealing, description: bytes) -> bytes:
    hashed = office.digest(description)
    return signed_data(how.signer or office.signer, hashed, attributes=how.layout == "gbt35275_attributes", at=how.at)


def signed_data(
    signer: Holder,
    content: bytes,
    *,
    attributes: bool,
    at: datetime,
    kind: str = "1.2.156.10197.6.1.4.2.1",
    with_certificate: bool = True,
) -> bytes:
    """SignedData over a content that goes with it."""
    hashed = "sm3" if signer.key.kind == "sm2" else "sha256"
    number = algorithm(SM3 if hashed == "sm3" else "2.16.840.1.101.3.4.2.1")
    digest = hashlib.new(hashed, content).digest()
    told = [
        seq(oid("1.2.840.113549.1.9.3"), set_of(oid(kind))),
        seq(oid("1.2.840.113549.1.9.4"), set_of(octets(digest))),
        seq(oid("1.2.840.113549.1.9.5"), set_of(utc_time(at))),
    ]
    signed = set_of(*told)
    value = signer.key.sign(signed if attributes else content)
    issuer = seq(name("演示发证机构"), integer(signer.serial))
    one = seq(
        integer(1),
        issuer,
        number,
        *([b"\xa0" + signed[1:]] if attributes else []),
        algorithm(signer.key.algorithm),
        octets(value),
    )
    held = [tlv(0xA0, signer.certificate)] if with_certificate else []
    body = seq(integer(1), set_of(number), seq(oid(kind), tlv(0xA0, octets(content))), *held, set_of(one))
    return seq(oid("1.2.156.10197.6.1.4.2.2"), tlv(0xA0, body))


def timestamp(office: Office, value: bytes, at: datetime, *, over: bytes | None = None) -> bytes:
    """An RFC 3161 token over a signature value."""
    imprint = seq(algorithm(SM3), octets(sm3(value if over is None else over)))
    info = seq(integer(1), oid("1.2.3.4"), imprint, integer(7), generalized(at), TRUE)
    return signed_data(office.stamper, info, attributes=True, at=at, kind="1.2.840.113549.1.9.16.1.4")


def packed(parts: Mapping[str, bytes]) -> bytes:
    """A zip of the parts, as an ordinary library writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in parts.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 10, 1, 8, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
