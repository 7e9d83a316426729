"""电子签章: the structures of an electronic seal and of a seal's signature, in their three layouts.

v1 GM/T 0031-2014, v4 GB/T 38540-2020, v5 GM/T 0031-2025. The texts of the standards were not at hand: layouts are
from files and public implementations [M]. The picture of a seal is never looked into.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.trust import der
from gateway.trust.der import DerError, Node

Version = Literal["ses_v1", "ses_v4", "ses_v5"]
_STAMP = 0xA0
_MOST_SIGNERS = 4096


@dataclass(frozen=True, slots=True)
class Seal:
    """电子印章: who made it, for whom, from when to when."""

    encoded: bytes
    version: int
    identifier: str
    name: str
    kind: int
    """1 an office's seal, 2 a person's, as the property says."""
    signers: frozenset[bytes]
    """Certificates that may use it, whole."""
    signer_digests: frozenset[bytes]
    """SM3 digests of such certificates."""
    created: datetime
    valid_from: datetime
    valid_until: datetime
    signed: bytes
    """What its maker signed."""
    maker: bytes
    """The maker's certificate."""
    algorithm: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class SealSignature:
    """签章: a seal put under a document."""

    version: Version
    tbs: bytes
    seal: Seal
    claimed_time: datetime | None
    timestamp: bytes | None
    """A timestamp token over the signature value."""
    data_hash: bytes
    property_info: str
    signer: bytes
    algorithm: str
    signature: bytes


def seal_signature(content: bytes) -> SealSignature:
    """Read a SignedValue.dat. DerError says what is wrong."""
    parts = der.sequence(der.read(content), at_least=2, at_most=5)
    if len(parts) == 2:
        return _first_layout(parts)
    if len(parts) < 4:
        raise DerError("neither of the layouts of a seal's signature")
    body = der.sequence(parts[0], at_least=5, at_most=6)
    seal = seal_of(body[1])
    return SealSignature(
        version="ses_v5" if seal.version >= 5 else "ses_v4",
        tbs=parts[0].der,
        seal=seal,
        claimed_time=der.time(body[2]),
        timestamp=_stamp(parts[4]) if len(parts) == 5 else None,
        data_hash=der.whole_bits(body[3]),
        property_info=der.text(body[4]),
        signer=der.octets(parts[1]),
        algorithm=der.oid(parts[2]),
        signature=der.whole_bits(parts[3]),
    )


def _first_layout(parts: tuple[Node, ...]) -> SealSignature:
    body = der.sequence(parts[0], at_least=7, at_most=7)
    when, stamp = _time_info(der.whole_bits(body[2]))
    return SealSignature(
        version="ses_v1",
        tbs=parts[0].der,
        seal=seal_of(body[1]),
        claimed_time=when,
        timestamp=stamp,
        data_hash=der.whole_bits(body[3]),
        property_info=der.text(body[4]),
        signer=der.octets(body[5]),
        algorithm=der.oid(body[6]),
        signature=der.whole_bits(parts[1]),
    )


def _time_info(content: bytes) -> tuple[datetime | None, bytes | None]:
    """The first layout's time: an encoded time, its bare text, or a timestamp token."""
    if not content:
        return None, None
    if content[0] == der.SEQUENCE:
        return None, content
    if content[0] in (der.UTC_TIME, der.GENERALIZED_TIME):
        return der.time(der.read(content)), None
    try:
        written = content.decode("ascii")
    except UnicodeDecodeError:
        raise DerError("a time that cannot be read") from None
    return der.moment(written, short_year=len(written.rstrip("Z").partition(".")[0]) == 12), None


def _stamp(node: Node) -> bytes:
    if node.tag != _STAMP:
        raise DerError("a fifth part that is no timestamp")
    return der.whole_bits(node.children(at_most=1)[0])


def seal_file(content: bytes) -> Seal:
    """Read a Seal.esl. DerError says what is wrong."""
    return seal_of(der.read(content))


def seal_of(node: Node) -> Seal:
    """Read a seal: two parts in the first layout, four or five later."""
    parts = der.sequence(node, at_least=2, at_most=5)
    info = der.sequence(parts[0], at_least=4, at_most=5)
    if len(parts) == 2:
        made = der.sequence(parts[1], at_least=3, at_most=3)
        maker, algorithm, signature = made
        # the maker signed the information together with its certificate and algorithm
        signed = der.encode(der.SEQUENCE, parts[0].der + maker.der + algorithm.der)
    elif len(parts) >= 4:
        maker, algorithm, signature = parts[1:4]
        signed = parts[0].der
    else:
        raise DerError("neither of the layouts of a seal")
    return _seal(node.der, info, signed, (maker, algorithm, signature))


def _seal(encoded: bytes, info: tuple[Node, ...], signed: bytes, made: tuple[Node, Node, Node]) -> Seal:
    header, identifier, described, picture = info[:4]
    marks = der.sequence(header, at_least=3, at_most=3)
    if der.text(marks[0]) != "ES":
        raise DerError("not marked as an electronic seal")
    version = der.integer(marks[1])
    der.sequence(picture, at_least=4, at_most=4)
    about = der.sequence(described, at_least=6, at_most=7)
    listed = about[3] if len(about) == 7 else about[2]
    kind = der.integer(about[2]) if len(about) == 7 else 1
    whole, digests = _signers(listed, kind)
    times = [der.time(one) for one in about[-3:]]
    return Seal(
        encoded=encoded,
        version=version,
        identifier=der.text(identifier),
        name=der.text(about[1]),
        kind=der.integer(about[0]),
        signers=whole,
        signer_digests=digests,
        created=times[0],
        valid_from=times[1],
        valid_until=times[2],
        signed=signed,
        maker=der.octets(made[0]),
        algorithm=der.oid(made[1]),
        signature=der.whole_bits(made[2]),
    )


def _signers(listed: Node, kind: int) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """(whole certificates, digests). Kind 1 lists certificates, 2 their digests."""
    entries = der.sequence(listed, at_most=_MOST_SIGNERS)
    if kind == 1:
        return frozenset(der.octets(one) for one in entries), frozenset()
    if kind != 2:
        raise DerError("an unknown kind of list of signers")
    return frozenset(), frozenset(der.octets(der.sequence(one, at_least=2, at_most=2)[1]) for one in entries)
