"""Making signed PDFs: signature values of our own writing and of pyHanko's signer, and updates added afterwards."""

# mypy: disable-error-code="no-untyped-call"
# (the library is typed in part)

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO

from asn1crypto import keys, x509  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko.pdf_utils.generic import NameObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, PdfSignedData, SignatureObject
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from tests.trust.office.der import integer, octets, oid, seq, set_of, tlv, utc_time
from tests.trust.office.ofd import SIGNED_AT, SM3, Office
from tests.trust.office.pki import Holder, Key, algorithm, name

_SIZE = 6000
SHA256, SHA1, RSA = "2.16.840.1.101.3.4.2.1", "1.3.14.3.2.26", "1.2.840.113549.1.1.1"
_HASHED = {SM3: "sm3", SHA256: "sha256", SHA1: "sha1"}
GM, PKCS = "1.2.156.10197.6.1.4.2", "1.2.840.113549.1.7"
Value = Callable[[bytes], bytes]
"""From the covered bytes to a signature value."""


def page(*, with_form: bool = False, pages: int = 1) -> bytes:
    """An unsigned licence of an invented person."""
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for number in range(pages):
        canvas.drawString(72, 720, f"Demo licence 0001, page {number + 1}")
        if with_form and number == 0:
            canvas.acroForm.textfield(name="amount", value="100", x=72, y=600, width=120, height=20)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def embed(
    pdf: bytes,
    value: Value,
    *,
    field: str = "Sig1",
    sub_filter: SigSeedSubFilter = SigSeedSubFilter.PADES,
    box: tuple[int, int, int, int] | None = None,
    permission: MDPPerm | None = None,
    certify: bool = False,
    lock: FieldMDPSpec | None = None,
    as_stamp: bool = False,
    named: str | None = None,
) -> bytes:
    """The PDF with one more signature, its value made from what it covers."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    if box is not None:
        append_signature_field(writer, SigFieldSpec(field, box=box))
    held: PdfSignedData = DocumentTimestamp(bytes_reserved=2 * _SIZE)
    if not as_stamp:
        held = SignatureObject(timestamp=SIGNED_AT, subfilter=sub_filter, bytes_reserved=2 * _SIZE)
    if named is not None:
        held["/SubFilter"] = NameObject(named)
    steps = PdfCMSEmbedder().write_cms(field, writer)
    next(steps)
    setup = SigMDPSetup("sha256", certify=certify, docmdp_perms=permission, field_lock=lock)
    steps.send(SigObjSetup(sig_placeholder=held, mdp_setup=None if as_stamp else setup))
    prepared, output = steps.send(SigIOSetup("sha256"))
    written = output.getvalue()
    start, end = prepared.reserved_region_start, prepared.reserved_region_end
    steps.send(value(written[:start] + written[end:]))
    signed: bytes = output.getvalue()
    return signed


def cms(
    signer: Holder,
    content: bytes,
    *,
    attributes: bool = True,
    family: str = PKCS,
    digest: str | None = None,
    inside: bytes | None = None,
    message_digest: bytes | None = None,
    named: bytes | None = None,
    naming: str = "2.47",
    number: str | None = None,
    stamp: Callable[[bytes], bytes] | None = None,
    held: tuple[bytes, ...] | None = None,
    raw: Callable[[bytes], bytes] = lambda value: value,
    at: datetime = SIGNED_AT,
) -> bytes:
    """SignedData over a content that does not go with it, unless `inside` says what does."""
    used = digest or (SM3 if signer.key.kind == "sm2" else SHA256)
    hashed = hashlib.new(_HASHED[used], content if inside is None else inside).digest()
    told = [
        seq(oid("1.2.840.113549.1.9.3"), set_of(oid(f"{family}.1"))),
        seq(oid("1.2.840.113549.1.9.4"), set_of(octets(message_digest or hashed))),
        seq(oid("1.2.840.113549.1.9.5"), set_of(utc_time(at))),
    ]
    if named is not None:
        hashed = hashlib.new("sha1" if naming == "2.12" else "sha256", named).digest()
        told.append(seq(oid(f"1.2.840.113549.1.9.16.{naming}"), set_of(seq(seq(seq(octets(hashed)))))))
    signed = set_of(*told)
    value = raw(signer.key.sign(signed if attributes else content if inside is None else inside))
    unsigned = [tlv(0xA1, seq(oid("1.2.840.113549.1.9.16.2.14"), set_of(stamp(value))))] if stamp else []
    who = seq(
        integer(1),
        seq(name("演示发证机构"), integer(signer.serial)),
        algorithm(used),
        *([b"\xa0" + signed[1:]] if attributes else []),
        algorithm(number or signer.key.algorithm),
        octets(value),
        *unsigned,
    )
    kept = (signer.certificate,) if held is None else held
    body = seq(
        integer(1),
        set_of(algorithm(used)),
        seq(oid(f"{family}.1"), *([] if inside is None else [tlv(0xA0, octets(inside))])),
        *([tlv(0xA0, *kept)] if kept else []),
        set_of(who),
    )
    return seq(oid(f"{family}.2"), tlv(0xA0, body))


def signed(office: Office, pdf: bytes | None = None, *, field: str = "Sig1") -> bytes:
    """A PDF with a usual signature of the office's signer."""
    return embed(page() if pdf is None else pdf, lambda content: cms(office.signer, content), field=field)


def signed_by_library(office: Office, pdf: bytes, *, pss: bool = False) -> bytes:
    """A PDF signed by pyHanko's own signer."""
    store = SimpleCertificateStore()
    store.register(x509.Certificate.load(office.authority.certificate))
    certificate = x509.Certificate.load(office.signer.certificate)
    signer = SimpleSigner(certificate, private_key(office.signer.key), store, prefer_pss=pss)
    meta = PdfSignatureMetadata(field_name="Sig1", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
    output = sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)), meta, signer)
    written: bytes = output.getvalue()
    return written


def private_key(key: Key) -> keys.PrivateKeyInfo:
    assert isinstance(key.private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    plain = serialization.NoEncryption()
    return keys.PrivateKeyInfo.load(
        key.private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)
    )


def updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """The PDF with a revision added."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    change(writer)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


LATER = datetime(2026, 10, 2, 8, 0, tzinfo=UTC)
