"""PDF结构: signature fields, the revisions they cover, and what was added later; read by pyHanko.

The only module that imports pyHanko (extra `pdf`). It raises whatever the library raises on a malformed file; the
caller makes one fault of all of it. Signatures themselves are not looked into here.
"""

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.decode_limits import DecodeLimits, DocumentDecodeBudget, StreamDecodeLimits
from pyhanko.pdf_utils.generic import ByteStringObject, EncryptedObjAccess, TextStringObject, parse_pdf_date
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader, process_data_at_eof
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffResult, ModificationLevel
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, enumerate_sig_fields

from gateway.trust.pdf_parts import Later, PdfDocument, PdfSignature
from gateway.trust.policy import Policy

_MOST_FIELDS = 256
_MOST_REVISIONS = 64


class UnreadableError(ValueError):
    """A file that breaks a rule of ours; the words are ours."""


def read_document(content: bytes, policy: Policy) -> PdfDocument:
    """The signatures of a PDF. Raises what the library raises, and UnreadableError."""
    most = policy.max_inflated_bytes
    # the budget counts a stream again for every revision that is compared
    limits = DecodeLimits(
        per_stream=StreamDecodeLimits(max_output_size=most),
        document_budget=DocumentDecodeBudget(base_allowance=4 * most, max_ratio=0),
    )
    reader = PdfFileReader(BytesIO(content), strict=True, decode_limits=limits)
    if reader.encrypted:
        return PdfDocument(fault="encrypted")
    revisions = reader.xrefs.total_revisions
    if revisions > _MOST_REVISIONS:
        return PdfDocument(fault="too_many", reason="revisions")
    fields = list(_fields(reader))
    filled = [one for one in fields if one[1] is not None]
    if len(filled) > policy.max_signatures or len(fields) > _MOST_FIELDS:
        return PdfDocument(fault="too_many", reason="signatures")
    if reader.xrefs.hybrid_xrefs_present:
        raise UnreadableError("two cross-reference tables for one revision")
    signatures = tuple(_signature(reader, name, field) for name, _, field in filled)
    return PdfDocument(revisions=revisions, signatures=signatures, covering=_covering(reader, filled, fields))


def _fields(handler: PdfHandler) -> Iterator[tuple[str, Any, Any]]:
    """(name, value or None, field) of every signature field."""
    for name, value, reference in enumerate_sig_fields(handler):
        yield str(name), value or None, reference.get_object()


def _signature(reader: PdfFileReader, name: str, field: Any) -> PdfSignature:
    reference = field.raw_get("/V").reference
    held = reference.get_object()
    byte_range = tuple(int(one) for one in held["/ByteRange"])
    signed = reader.xrefs.get_last_change(reference)
    whole = len(byte_range) == 4 and _ends_revision(reader, signed, byte_range[2] + byte_range[3])
    later, permitted = _later(reader, held, field, signed) if whole else ("content", True)
    return PdfSignature(
        field=name[:100],
        is_stamp=_is_stamp(held),
        sub_filter=str(held.get("/SubFilter", ""))[:60],
        contents_hex=_contents(held).hex(),
        byte_range=byte_range[:16],
        whole_revision=whole,
        later=later,
        within_permission=permitted,
        claimed=_claimed(held),
    )


def _is_stamp(held: Any) -> bool:
    return bool(held.get("/Type") == "/DocTimeStamp" or held.get("/SubFilter") == "/ETSI.RFC3161")


def _contents(held: Any) -> bytes:
    value = held.raw_get("/Contents", decrypt=EncryptedObjAccess.RAW)
    if not isinstance(value, ByteStringObject | TextStringObject):
        raise UnreadableError("a signature value that is no string")
    return bytes(value.original_bytes)


def _claimed(held: Any) -> datetime | None:
    """The time in the dictionary; one that cannot be read or has no zone says nothing."""
    try:
        found: datetime = parse_pdf_date(str(held["/M"]), strict=False)
    except (KeyError, ValueError, OverflowError):
        return None
    return found if found.tzinfo else None


def _ends_revision(reader: PdfFileReader, signed: int, end: int) -> bool:
    """Whether the first `end` bytes are the whole of the revision in which the signature stands.

    Its cross-reference section is announced at the end of those bytes, and every section up to it lies in them.
    """
    size = reader.stream.seek(0, 2)
    if not 0 < end <= size:
        return False
    reader.stream.seek(end - 1)
    try:
        announced = process_data_at_eof(reader.stream)
    except PdfReadError:
        return False
    if announced != reader.xrefs.get_startxref_for_revision(signed):
        return False
    sections = (reader.xrefs.get_xref_container_info(number) for number in range(signed + 1))
    # bytes after the last revision belong to none: nothing may stand there
    return all(one.end_location <= end for one in sections) and (
        end == size or signed + 1 < reader.xrefs.total_revisions
    )


def _later(reader: PdfFileReader, held: Any, field: Any, signed: int) -> tuple[Later, bool]:
    """(what was added after a revision, whether the signature permits it)."""
    if signed + 1 == reader.xrefs.total_revisions:
        return "none", True
    permission, locked = _permission(held, field)
    found = DEFAULT_DIFF_POLICY.review_file(reader, signed, field_mdp_spec=locked, doc_mdp=permission)
    if not isinstance(found, DiffResult):
        return "content", True
    level = found.modification_level
    permitted = permission is None or level.value <= permission.value
    if level <= ModificationLevel.LTA_UPDATES:
        return "archive", permitted
    # filling in other fields changes what is shown (that is how one of the shadow attacks works)
    further = {name for name, value, _ in _fields(reader) if value is not None}
    if level == ModificationLevel.FORM_FILLING and found.changed_form_fields <= further:
        return "signatures", permitted
    return "content", permitted


def _permission(held: Any, field: Any) -> tuple[MDPPerm | None, FieldMDPSpec | None]:
    """What the signature, or the lock of its field, permits afterwards."""
    lock = field.get("/Lock", {})
    whole, single = _transform(held, "/DocMDP"), _transform(held, "/FieldMDP")
    permission = MDPPerm(whole.get("/P", 2)) if whole is not None else None
    if permission is None and "/P" in lock:
        permission = MDPPerm(lock["/P"])
    if single is None and "/Action" in lock:
        single = lock
    return permission, FieldMDPSpec.from_pdf_object(single) if single is not None else None


def _transform(held: Any, method: str) -> Any:
    for one in held.get("/Reference", ()):
        found = one.get_object()
        if found["/TransformMethod"] == method:
            return found.get("/TransformParams", {})
    return None


def _covering(reader: PdfFileReader, filled: list[tuple[str, Any, Any]], fields: list[tuple[str, Any, Any]]) -> int:
    """Visible signature fields newer than the first signature that hold a timestamp or nothing.

    A reader shows their appearance over the page, and no signature of content answers for it.
    """
    if not filled:
        return 0
    first = min(reader.xrefs.get_last_change(field.raw_get("/V").reference) for _, _, field in filled)
    known = {name for name, _, _ in _fields(reader.get_historical_resolver(first))}
    return sum(
        _visible(field)
        for name, value, field in fields
        if name not in known and (value is None or _is_stamp(value.get_object()))
    )


def _visible(field: Any) -> bool:
    widgets = [field, *(one.get_object() for one in field.get("/Kids", ()))]
    rectangles = [[float(side) for side in one["/Rect"]] for one in widgets if "/Rect" in one]
    return any(left != right and top != bottom for left, bottom, right, top in rectangles)
