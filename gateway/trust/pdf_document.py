"""PDF结构: signature fields, the revisions they cover, and what was added later; read by pyHanko.

The only module that imports pyHanko (extra `pdf`). It raises whatever the library raises on a malformed file; the
caller makes one fault of all of it. Signatures themselves are not looked into here.
"""

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.decode_limits import DecodeLimits, DocumentDecodeBudget, StreamDecodeLimits
from pyhanko.pdf_utils.form_tools import enumerate_fields_in
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


def _at(holder: Any, key: str, default: Any) -> Any:
    """What stands under a key, an indirect object followed; the library's `get` does not follow it."""
    try:
        return holder[key]
    except KeyError:
        return default


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
        sub_filter=str(_at(held, "/SubFilter", ""))[:60],
        contents_hex=_contents(held).hex(),
        byte_range=byte_range[:16],
        whole_revision=whole,
        later=later,
        within_permission=permitted,
        claimed=_claimed(held),
    )


def _is_stamp(held: Any) -> bool:
    return bool(_at(held, "/Type", "") == "/DocTimeStamp" or _at(held, "/SubFilter", "") == "/ETSI.RFC3161")


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
    if any(_redrawn(reader.get_historical_resolver(one)) for one in range(signed + 1, reader.xrefs.total_revisions)):
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


def _redrawn(revision: PdfHandler) -> bool:
    """Whether a reader draws form fields anew: then fonts and settings that count as harmless change what is shown."""
    form = _at(revision.root, "/AcroForm", {})
    if not _at(form, "/NeedAppearances", False):
        return False
    fields = _at(form, "/Fields", ())
    return any(
        True
        for kind in ("/Tx", "/Btn", "/Ch")
        for _ in enumerate_fields_in(fields, refs_seen=set(), target_field_type=kind)  # type: ignore[no-untyped-call]
    )


def _permission(held: Any, field: Any) -> tuple[MDPPerm | None, FieldMDPSpec | None]:
    """What the signature, or the lock of its field, permits afterwards."""
    lock = _at(field, "/Lock", {})
    whole, single = _transform(held, "/DocMDP"), _transform(held, "/FieldMDP")
    permission = MDPPerm(_at(whole, "/P", 2)) if whole is not None else None
    if permission is None and "/P" in lock:
        permission = MDPPerm(lock["/P"])
    if single is None and "/Action" in lock:
        single = lock
    return permission, FieldMDPSpec.from_pdf_object(single) if single is not None else None


def _transform(held: Any, method: str) -> Any:
    for one in _at(held, "/Reference", ()):
        found = one.get_object()
        if found["/TransformMethod"] == method:
            return _at(found, "/TransformParams", {})
    return None


def _covering(reader: PdfFileReader, filled: list[tuple[str, Any, Any]], fields: list[tuple[str, Any, Any]]) -> int:
    """Visible signature fields that hold a timestamp or nothing, and did not when the first signature was made.

    A reader shows their appearance over the page, and no signature of content answers for it.
    """
    signed = [field for _, value, field in filled if not _is_stamp(value.get_object())]
    if not signed:
        return 0
    first = min(reader.xrefs.get_last_change(field.raw_get("/V").reference) for field in signed)
    before = reader.get_historical_resolver(first)
    known = {_mark(value, field) for _, value, field in _fields(before)}
    return sum(
        _visible(field)
        for _, value, field in fields
        if _mark(value, field) not in known and (value is None or _is_stamp(value.get_object()))
    )


def _mark(value: Any, field: Any) -> tuple[int, bool]:
    """A field by its number (names can be given twice), and whether it is filled."""
    return field.container_ref.idnum, value is not None


def _visible(field: Any) -> bool:
    widgets = [field, *(one.get_object() for one in _at(field, "/Kids", ()))]
    rectangles = [[float(side) for side in one["/Rect"]] for one in widgets if "/Rect" in one]
    return any(left != right and top != bottom for left, bottom, right, top in rectangles)
