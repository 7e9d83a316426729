"""Signed PDFs that were changed afterwards, in every way we know of: none of them passes."""

# mypy: disable-error-code="no-untyped-call"
# (the library is typed in part)

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest

pytest.importorskip("pyhanko", reason="NOT CHECKED: the extra pdf is not installed")

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PdfFileWriter, copy_into_new_writer
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from gateway.trust.pdf import judge_pdf, read_pdf
from gateway.trust.policy import DEFAULT
from gateway.trust.verify import report, verify
from schemas.verification import Indication, Report
from schemas.verification import SubIndication as Sub
from tests.trust.office.ofd import timestamp
from tests.trust.office.pdf import LATER, cms, embed, page, signed, updated
from tests.trust.test_pdf import PASSED, SM2_OFFICE, failed, judging, look, told

GOOD = signed(SM2_OFFICE)
WITH_FORM = signed(SM2_OFFICE, page(with_form=True))
READ = read_pdf(GOOD, DEFAULT)
FIRST = READ.signatures[0]
GAP = range(FIRST.byte_range[1], FIRST.byte_range[2])
Writer = IncrementalPdfFileWriter


def test_what_is_changed_below_holds_before() -> None:
    assert told(look(GOOD)) == PASSED
    assert told(look(WITH_FORM)) == PASSED


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_of_what_is_covered_passes(position: int, mask: int) -> None:
    assume(position not in GAP)
    changed = bytearray(GOOD)
    changed[position] ^= mask
    assert look(bytes(changed)).indication is not Indication.TOTAL_PASSED


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(GAP), st.integers(1, 255))
def test_a_changed_byte_of_the_value_never_raises(position: int, mask: int) -> None:
    changed = bytearray(GOOD)
    changed[position] ^= mask
    assert look(bytes(changed)).message_zh


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_no_file_cut_short_passes(size: int) -> None:
    assert look(GOOD[:size]).indication is not Indication.TOTAL_PASSED


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_behind_the_header_never_raise(content: bytes) -> None:
    assert look(b"%PDF-1.7\n" + content).indication is not Indication.TOTAL_PASSED


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_nothing_may_follow_the_signed_bytes(tail: bytes) -> None:
    assert look(GOOD + tail).indication is Indication.TOTAL_FAILED


def new_page_content(writer: Writer) -> None:
    first = writer.root["/Pages"]["/Kids"][0]
    first["/Contents"] = writer.add_object(StreamObject(stream_data=b"BT /F1 12 Tf 72 720 Td (Other licence) Tj ET"))
    writer.update_container(first)


def overwritten_content(writer: Writer) -> None:
    content = writer.root["/Pages"]["/Kids"][0]["/Contents"]
    writer.objects[(0, content.container_ref.idnum)] = StreamObject(stream_data=b"BT (Other licence) Tj ET")


def annotation(writer: Writer) -> None:
    first = writer.root["/Pages"]["/Kids"][0]
    box = ArrayObject([NumberObject(side) for side in (60, 700, 400, 740)])
    note = {"/Type": NameObject("/Annot"), "/Subtype": NameObject("/FreeText"), "/Rect": box}
    words = {"/Contents": TextStringObject("Other licence"), "/DA": TextStringObject("/Helv 12 Tf")}
    held = DictionaryObject({NameObject(key): value for key, value in (note | words).items()})
    annotations = ArrayObject(first.get("/Annots", []))
    annotations.append(writer.add_object(held))
    first["/Annots"] = annotations
    writer.update_container(first)


def filled_form(writer: Writer) -> None:
    for field in writer.root["/AcroForm"]["/Fields"]:
        held = field.get_object()
        if held["/T"] == "amount":
            held["/V"] = TextStringObject("999")
            writer.update_container(held)


def replaced_appearance(writer: Writer) -> None:
    """A form field that shows other words than it holds."""
    for field in writer.root["/AcroForm"]["/Fields"]:
        held = field.get_object()
        if held["/T"] == "amount":
            held["/AP"] = DictionaryObject({NameObject("/N"): writer.add_object(form(b"BT (999) Tj ET"))})
            writer.update_container(held)


def form(content: bytes) -> StreamObject:
    box = ArrayObject([FloatObject(side) for side in (0, 0, 120, 20)])
    kind = {"/Type": NameObject("/XObject"), "/Subtype": NameObject("/Form"), "/BBox": box}
    return StreamObject({NameObject(key): value for key, value in kind.items()}, stream_data=content)


def redrawn_fields(writer: Writer) -> None:
    """Fields are drawn anew, with fonts that are put in beside: other digits for the same codes."""
    fields = writer.root["/AcroForm"]
    fields["/NeedAppearances"] = BooleanObject(True)
    fields["/DR"] = DictionaryObject()
    writer.update_container(fields)


def other_seal_picture(writer: Writer) -> None:
    """The signature's own field gets another appearance."""
    field = writer.root["/AcroForm"]["/Fields"][-1]
    field["/AP"] = DictionaryObject({NameObject("/N"): writer.add_object(form(b"BT (999) Tj ET"))})
    writer.update_container(field)


def second_field_of_the_same_name(writer: Writer) -> None:
    """A visible field that hides behind the name of the signed one."""
    first, fields = writer.root["/Pages"]["/Kids"][0], writer.root["/AcroForm"]["/Fields"]
    held = {
        "/FT": NameObject("/Sig"),
        "/T": TextStringObject("Sig1"),
        "/Type": NameObject("/Annot"),
        "/Subtype": NameObject("/Widget"),
        "/Rect": ArrayObject([NumberObject(side) for side in (60, 700, 400, 740)]),
        "/AP": DictionaryObject({NameObject("/N"): writer.add_object(form(b"BT (999) Tj ET"))}),
    }
    added = writer.add_object(DictionaryObject({NameObject(key): value for key, value in held.items()}))
    fields.append(added)
    writer.update_container(fields)
    first["/Annots"] = ArrayObject([*first.get("/Annots", []), added])
    writer.update_container(first)


def open_action(writer: Writer) -> None:
    script = {"/S": NameObject("/JavaScript"), "/JS": TextStringObject("this.getField('amount').value = '999'")}
    writer.root["/OpenAction"] = DictionaryObject({NameObject(key): value for key, value in script.items()})
    writer.update_root()


def removed_page(writer: Writer) -> None:
    pages = writer.root["/Pages"]
    pages["/Kids"] = ArrayObject([])
    pages["/Count"] = NumberObject(0)
    writer.update_container(pages)


def restored_page(writer: Writer) -> None:
    """Another page, so that there is one for the next field."""
    pages = writer.root["/Pages"]
    box = ArrayObject([NumberObject(side) for side in (0, 0, 595, 842)])
    parent = IndirectObject(pages.container_ref.idnum, 0, writer)
    held = {"/Type": NameObject("/Page"), "/MediaBox": box, "/Parent": parent}
    made = DictionaryObject({NameObject(key): value for key, value in held.items()})
    pages["/Kids"] = ArrayObject([writer.add_object(made)])
    pages["/Count"] = NumberObject(1)
    writer.update_container(pages)


def layers(writer: Writer) -> None:
    """Optional content, by which hidden things come to be shown."""
    held = {"/OCGs": ArrayObject(), "/D": DictionaryObject()}
    writer.root["/OCProperties"] = DictionaryObject({NameObject(key): value for key, value in held.items()})
    writer.update_root()


def covering_field(writer: Writer) -> None:
    """An empty signature field over the text; a library calls that harmless."""
    append_signature_field(writer, SigFieldSpec("Cover", box=(60, 700, 400, 740)))


def new_value(writer: Writer) -> None:
    """The signature's own dictionary written again, with another range."""
    field = writer.root["/AcroForm"]["/Fields"][-1]
    held = field["/V"]
    held["/ByteRange"] = ArrayObject([NumberObject(number) for number in (0, 1, 1, 1)])
    writer.update_container(held)


def no_value(writer: Writer) -> None:
    """The signature taken out of its field."""
    field = writer.root["/AcroForm"]["/Fields"][-1]
    del field["/V"]
    writer.update_container(field)


CHANGES = (
    new_page_content,
    overwritten_content,
    annotation,
    open_action,
    removed_page,
    layers,
    covering_field,
    new_value,
    redrawn_fields,
    other_seal_picture,
    second_field_of_the_same_name,
)


@pytest.mark.parametrize("change", [*CHANGES, filled_form, replaced_appearance], ids=lambda one: one.__name__)
def test_a_revision_that_changes_what_is_shown_fails(change: Callable[[Writer], None]) -> None:
    changed = look(updated(WITH_FORM, change))
    assert changed.indication is Indication.TOTAL_FAILED
    assert changed.sub_indication in (Sub.UNSIGNED_CONTENT, Sub.FORMAT_FAILURE)


@pytest.mark.parametrize(
    "change",
    [*(one for one in CHANGES if one is not removed_page), filled_form, replaced_appearance],
    ids=lambda one: one.__name__,
)
def test_neither_a_timestamp_nor_another_signature_makes_it_good(change: Callable[[Writer], None]) -> None:
    changed = updated(WITH_FORM, change)
    if change is removed_page:
        changed = updated(changed, restored_page)
    stamped = embed(changed, lambda content: timestamp(SM2_OFFICE, content, LATER), field="Stamp", as_stamp=True)
    assert look(stamped).indication is Indication.TOTAL_FAILED
    assert look(signed(SM2_OFFICE, changed, field="Sig2")).indication is Indication.TOTAL_FAILED


def test_a_signature_taken_out_does_not_leave_a_pass() -> None:
    assert look(updated(GOOD, no_value)).indication is not Indication.TOTAL_PASSED
    twice = signed(SM2_OFFICE, updated(GOOD, no_value), field="Sig2")
    # the second signer signed what is shown now; nothing says that there was another
    assert len(look(twice).signatures) == 1


def test_a_visible_timestamp_fails() -> None:
    stamped = embed(
        GOOD,
        lambda content: timestamp(SM2_OFFICE, content, LATER),
        field="Stamp",
        as_stamp=True,
        box=(60, 700, 400, 740),
    )
    assert told(look(stamped)) == failed(Sub.UNSIGNED_CONTENT)


def test_a_field_that_was_there_when_it_was_signed_covers_nothing() -> None:
    prepared = updated(page(), covering_field)
    both = signed(SM2_OFFICE, prepared)
    assert told(look(both)) == PASSED
    # but a timestamp that comes into it later shows what nobody signed
    stamped = embed(both, lambda content: timestamp(SM2_OFFICE, content, LATER), field="Cover", as_stamp=True)
    assert told(look(stamped)) == failed(Sub.UNSIGNED_CONTENT)


@pytest.mark.parametrize("kind", ["/Info", "/Version"])
def test_what_is_not_shown_on_a_page_may_follow(kind: str) -> None:
    def change(writer: Writer) -> None:
        if kind == "/Version":
            writer.root["/Version"] = NameObject("/2.0")
            writer.update_root()
        else:
            title = DictionaryObject({NameObject("/Title"): TextStringObject("x")})
            writer.set_info(writer.add_object(title))

    later = [check.evidence["later"] for check in look(updated(GOOD, change)).checks if check.name == "coverage"]
    assert later == ["archive"]


def ranged(numbers: tuple[int, ...], content: bytes = GOOD) -> Report:
    """The report where the signature's dictionary said these numbers."""
    document = replace(READ, signatures=(replace(FIRST, byte_range=numbers),))
    return report(content, judge_pdf(content, document, judging()), judging())


def test_only_the_one_range_around_the_value_is_taken() -> None:
    _, length, begins, rest = FIRST.byte_range
    assert told(ranged((0, length, begins, rest))) == PASSED
    for numbers in (
        (),
        (0, length),
        (0, length, begins, rest, 0, 0),
        (1, length - 1, begins, rest),
        (0, length - 1, begins, rest),
        (0, length + 1, begins, rest),
        (0, length, begins - 1, rest + 1),
        (0, length, begins + 1, rest - 1),
        (0, length, begins, rest + 1),
        (0, length, begins, 0),
        (0, length, 0, rest),
        (0, 0, begins, rest),
        (0, -length, begins, rest),
        (0, begins, length, rest),
    ):
        assert told(ranged(numbers)) == failed(Sub.FORMAT_FAILURE), numbers


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(2**40), 2**40), max_size=6).map(tuple))
def test_no_other_range_passes(numbers: tuple[int, ...]) -> None:
    assume(numbers != FIRST.byte_range)
    assert ranged(numbers).indication is Indication.TOTAL_FAILED


def test_content_moved_behind_the_value_is_found() -> None:
    """Signature wrapping: the second range is moved on, and new content put where it was."""
    _, length, begins, rest = FIRST.byte_range
    new = b"\n9 0 obj <</Type /Page>> endobj\n"
    moved = GOOD[:begins] + new + GOOD[begins:]
    assert look(moved).indication is Indication.TOTAL_FAILED
    assert ranged((0, length, begins + len(new), rest), moved).indication is Indication.TOTAL_FAILED


def test_an_encrypted_file_fails() -> None:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(page())))
    writer.encrypt(owner_pass="owner", user_pass="user")
    output = BytesIO()
    writer.write(output)
    outcome = look(output.getvalue())
    assert told(outcome) == failed(Sub.FORMAT_FAILURE)
    assert "加密" in outcome.message_zh


def test_more_revisions_than_anybody_needs_are_refused() -> None:
    pdf = page()
    for _ in range(70):
        pdf = updated(pdf, lambda writer: writer.update_root())
    assert read_pdf(pdf, DEFAULT).fault == "too_many"


def test_a_file_over_the_size_limit_is_not_opened() -> None:
    limited = replace(judging(), policy=replace(DEFAULT, max_bytes=100))
    assert told(verify(GOOD, limited)) == failed(Sub.FORMAT_FAILURE)


def test_a_stream_that_swells_is_refused() -> None:
    writer = PdfFileWriter(stream_xrefs=True)
    held = DictionaryObject({NameObject("/Fields"): ArrayObject(), NameObject("/X"): TextStringObject("0" * 3_000_000)})
    writer.root["/AcroForm"] = writer.add_object(held, obj_stream=writer.prepare_object_stream())
    output = BytesIO()
    writer.write(output)
    swollen = output.getvalue()
    assert len(swollen) < 100_000
    assert read_pdf(swollen, DEFAULT).fault is None
    assert read_pdf(swollen, replace(DEFAULT, max_inflated_bytes=1_000_000)).fault == "malformed"


def test_a_signature_by_a_stranger_over_a_changed_file_is_not_trusted() -> None:
    other = embed(page(pages=2), lambda content: cms(type(SM2_OFFICE)().signer, content))
    assert told(look(other)) == (Indication.INDETERMINATE, Sub.NO_CERTIFICATE_CHAIN_FOUND)
