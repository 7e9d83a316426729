"""The DER reader takes what DER is and nothing else; what it refuses it refuses with DerError."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trust import der
from gateway.trust.der import DerError
from tests.trust.office.der import bits, generalized, integer, octets, oid, seq, tlv, utc_time, utf8


@given(st.integers(-(2**300), 2**300))
def test_integers(value: int) -> None:
    assert der.integer(der.read(integer(value))) == value


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=8), st.integers(0, 1), st.integers(0, 39))
def test_object_identifiers(arcs: list[int], first: int, second: int) -> None:
    dotted = ".".join(map(str, [first, second, *arcs]))
    assert der.oid(der.read(oid(dotted))) == dotted
    assert der.oid(der.read(oid("2.999.3"))) == "2.999.3"


@given(st.binary(max_size=70_000))
def test_strings_of_octets_of_any_length(content: bytes) -> None:
    assert der.octets(der.read(octets(content))) == content
    assert der.whole_bits(der.read(bits(content))) == content
    assert der.encode(4, content) == octets(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        node = der.read(content)
    except DerError:
        return
    assert node.der == content
    for read in (der.integer, der.oid, der.bits, der.octets, der.text, der.time, der.boolean, der.sequence):
        try:
            read(node)
        except DerError:
            continue


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02",
        b"\x02\x01",  # cut short
        b"\x02\x01\x01\x00",  # bytes after the end
        b"\x02\x80\x01\x00\x00",  # indefinite
        b"\x02\x81\x01\x01",  # a long form for a short length
        b"\x02\x82\x00\x81" + bytes(129),  # leading zero of a length
        b"\x02\x85\x01\x00\x00\x00\x00",
        b"\x1f\x81\x01\x00",  # a tag of several octets
        b"\x24\x80\x04\x01a\x00\x00",  # BER constructed string
    ],
)
def test_lengths_and_tags(content: bytes) -> None:
    with pytest.raises(DerError):
        der.read(content)


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (der.integer, tlv(2)),
        (der.integer, tlv(2, b"\x00\x01")),
        (der.integer, tlv(2, b"\xff\x80")),
        (der.boolean, tlv(1, b"\x01")),
        (der.oid, tlv(6, b"\x80\x01")),
        (der.oid, tlv(6, b"\x2a\x81")),
        (der.bits, tlv(3)),
        (der.bits, tlv(3, b"\x08\x00")),
        (der.bits, tlv(3, b"\x01\x01")),
        (der.whole_bits, tlv(3, b"\x01\x02")),
        (der.text, tlv(12, b"\xff")),
        (der.text, octets(b"a")),
        (der.time, tlv(24, b"20261301000000Z")),
        (der.time, tlv(24, b"2026")),
        (der.time, tlv(24, b"20260101000000.xZ")),
        (der.time, tlv(23, b"\xff")),
    ],
)
def test_values_that_are_not_of_their_type(read: object, content: bytes) -> None:
    with pytest.raises(DerError):
        read(der.read(content))  # type: ignore[operator]


def test_a_nest_that_is_too_deep_and_a_list_that_is_too_long() -> None:
    deep = integer(1)
    for _ in range(40):
        deep = seq(deep)
    node = der.read(deep)
    with pytest.raises(DerError, match="deep"):
        while True:
            (node,) = der.sequence(node)
    with pytest.raises(DerError, match="many"):
        der.sequence(der.read(seq(*[integer(1)] * 5)), at_most=4)
    with pytest.raises(DerError, match="at least"):
        der.sequence(der.read(seq()), at_least=1)
    with pytest.raises(DerError, match="no parts"):
        der.read(integer(1)).children()


@pytest.mark.parametrize(
    ("content", "moment"),
    [
        (utc_time(datetime(2026, 11, 24, 1, 2, 3)), datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)),  # noqa: DTZ001
        (tlv(23, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (generalized(datetime(2050, 1, 1)), datetime(2050, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
        (tlv(24, b"20200723130907.763Z"), datetime(2020, 7, 23, 13, 9, 7, 763000, tzinfo=UTC)),
        (tlv(24, b"20221031141634"), datetime(2022, 10, 31, 6, 16, 34, tzinfo=UTC)),
        (tlv(24, b"20221031141634+0800"), datetime(2022, 10, 31, 6, 16, 34, tzinfo=UTC)),
        (tlv(24, b"202210311416Z"), datetime(2022, 10, 31, 14, 16, tzinfo=UTC)),
    ],
)
def test_times_as_real_seals_write_them(content: bytes, moment: datetime) -> None:
    assert der.time(der.read(content)) == moment


def test_text_of_every_type() -> None:
    assert der.text(der.read(utf8("陈𠮷"))) == "陈𠮷"
    assert der.text(der.read(tlv(30, "陈".encode("utf-16-be")))) == "陈"
    assert der.text(der.read(tlv(20, b"\xe9"))) == "é"
