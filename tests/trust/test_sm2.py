"""SM2 by the standard's example, by two providers against each other, and by the openssl command where there is one."""

import secrets
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.trust import sm2
from gateway.trust.der import DerError
from gateway.trust.sm2_curve import INFINITY, G, N, P, add_affine, double, multiply, on_curve, to_affine
from gateway.trust.sm2_libcrypto import LibcryptoVerifier, libcrypto
from tests.trust.office.der import integer, seq, tlv
from tests.trust.office.pki import new_key

# GB/T 32918.5-2017 (GM/T 0003.5-2012), the published example of a signature
PRIVATE = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
POINT = (
    0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020,
    0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13,
)
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
MESSAGE = b"message digest"
ZA = "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
E = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"


def pure(point: tuple[int, int], message: bytes, r: int, s: int, identifier: bytes = sm2.DEFAULT_ID) -> bool:
    return sm2.verify_pure(point, sm2.message_digest(point, message, identifier), r, s)


def test_the_standards_example() -> None:
    assert sm2.public_point(PRIVATE) == POINT
    assert sm2.identity_digest(POINT).hex() == ZA
    assert sm2.message_digest(POINT, MESSAGE).hex() == E
    assert pure(POINT, MESSAGE, R, S)
    assert sm2.verify(POINT, MESSAGE, R, S)
    assert sm2.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_another_message_key_identifier_or_number_does_not_verify() -> None:
    other = sm2.public_point(PRIVATE + 1)
    for verify in (pure, sm2.verify):
        assert not verify(POINT, b"message digesT", R, S)
        assert not verify(other, MESSAGE, R, S)
        assert not verify(POINT, MESSAGE, R, S, b"")
        assert not verify(POINT, MESSAGE, S, R)
        assert not verify(POINT, MESSAGE, R, N - S)
        assert not verify(POINT, MESSAGE, R, N - R)


@settings(max_examples=60)
@given(st.binary(max_size=100), st.binary(max_size=20), st.integers(0, 4))
def test_both_providers_agree(message: bytes, identifier: bytes, change: int) -> None:
    fast = libcrypto()
    if fast is None:
        pytest.skip("THIS MACHINE HAS NO LIBCRYPTO THAT KNOWS SM2: nothing was compared")
    private = secrets.randbelow(N - 2) + 1
    point = sm2.public_point(private)
    r, s = sm2.sign(private, message, identifier)
    if change == 1:
        r = r % (N - 1) + 1
    elif change == 2:
        s = s % (N - 1) + 1
    elif change == 3:
        message += b"x"
    elif change == 4:
        r, s = s, r
    good = pure(point, message, r, s, identifier)
    assert good is (change == 0)
    assert fast.verify(point, message, sm2.encode_signature(r, s), identifier) is good


def test_a_key_seen_often_gets_a_table_and_the_same_answers() -> None:
    private = secrets.randbelow(N - 2) + 1
    point = sm2.public_point(private)
    for number in range(6):
        message = b"%d" % number
        r, s = sm2.sign(private, message)
        assert pure(point, message, r, s)
        assert not pure(point, message + b"x", r, s)


@pytest.mark.parametrize(
    "value",
    [
        seq(integer(0), integer(S)),
        seq(integer(R), integer(0)),
        seq(integer(N), integer(S)),
        seq(integer(R), integer(N)),
        seq(integer(-R), integer(S)),
        seq(integer(R + N), integer(S)),
        seq(integer(R), integer(S)) + b"\0",
        seq(integer(R), integer(S), integer(1)),
        seq(integer(R)),
        seq(tlv(2, b"\0" + R.to_bytes(33, "big")), integer(S)),
        b"\x30\x81" + seq(integer(R), integer(S))[1:],
        b"",
    ],
)
def test_encodings_of_signatures_that_are_refused(value: bytes) -> None:
    with pytest.raises(sm2.BadSignature):
        sm2.signature_numbers(value)


def test_the_raw_form_of_a_signature() -> None:
    raw = R.to_bytes(32, "big") + S.to_bytes(32, "big")
    assert sm2.signature_numbers(raw, raw=True) == (R, S)
    assert sm2.signature_numbers(sm2.encode_signature(R, S)) == (R, S)
    for wrong in (raw[:-1], raw + b"\0", bytes(64)):
        with pytest.raises(sm2.BadSignature):
            sm2.signature_numbers(wrong, raw=True)


def test_points_and_their_encodings() -> None:
    whole = sm2.encode_point(POINT)
    compressed = bytes([2 + POINT[1] % 2]) + whole[1:33]
    assert sm2.point_of(whole) == sm2.point_of(compressed) == POINT
    wrong = [whole[:-1], whole[:-1] + b"\0", b"\x05" + whole[1:], b"", b"\x02" + P.to_bytes(32, "big"), bytes(65)]
    for encoded in wrong:
        with pytest.raises(DerError):
            sm2.point_of(encoded)
    assert not on_curve((POINT[0], POINT[1] + P))


def test_sums_of_points_with_themselves_their_opposite_and_infinity() -> None:
    one = (*G, 1)
    assert to_affine([add_affine(one, G)]) == to_affine([double(one)])
    assert add_affine(one, (G[0], P - G[1]))[2] == 0
    assert to_affine([add_affine(INFINITY, G)]) == [G]
    assert double(INFINITY) == INFINITY
    assert to_affine([multiply(POINT, 5)]) == to_affine([add_affine(double(double((*POINT, 1))), POINT)])


def test_what_is_not_a_private_key_does_not_sign() -> None:
    for number in (0, N - 1, N):
        with pytest.raises(ValueError, match="private key"):
            sm2.sign(number, b"")
    with pytest.raises(ValueError, match="identifier"):
        sm2.identity_digest(POINT, bytes(9000))


def test_without_libcrypto_and_with_one_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "libcrypto", lambda: None)
    assert sm2.verify(POINT, MESSAGE, R, S)

    class Full:
        full = True

        def knows(self, _point: object) -> bool:
            return False

    monkeypatch.setattr(sm2, "libcrypto", Full)
    assert sm2.verify(POINT, MESSAGE, R, S)
    with pytest.raises(OSError, match="none"):
        LibcryptoVerifier("libnone-such.so.9")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="NO openssl COMMAND HERE: it was not asked")
def test_the_openssl_command_takes_our_signatures(tmp_path: Path) -> None:
    key = new_key()
    message = tmp_path / "message"
    message.write_bytes(b"hello")
    (tmp_path / "signature").write_bytes(key.sign(b"hello"))
    (tmp_path / "key.der").write_bytes(key.spki)
    command = ["openssl", "dgst", "-sm3", "-keyform", "DER", "-verify", "key.der", "-signature", "signature"]
    command += ["-sigopt", f"distid:{sm2.DEFAULT_ID.decode()}", "message"]
    asked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified OK" in asked.stdout, asked.stderr
    message.write_bytes(b"hellO")
    asked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert asked.returncode != 0
