"""事件链: each event of a case carries the hash of the one before it.

hash = SHA-256 over the RFC 8785 canonical JSON of {alg, application_id, data, occurred_at, previous_hash,
recorded_at, seq, side, type}. `data` holds references and digests, never personal data. `signature` is null for now.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

from schemas.message import Step

ALG = "sha256-rfc8785"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
Data = dict[str, str | int | bool | list[str] | None]


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a case's chain: the last sequence number and hash; (0, None) before the first event."""

    seq: int = 0
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One event, ready to be stored."""

    application_id: str
    seq: int
    type: Step
    occurred_at_ms: int
    recorded_at_ms: int
    side: str
    data: Data
    previous_hash: str | None
    hash: str
    alg: str = ALG

    @property
    def tail(self) -> Tail:
        """The chain's end once this event is on it."""
        return Tail(self.seq, self.hash)


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of a value made of text, whole numbers, booleans, null, lists and ASCII-keyed objects.

    orjson with sorted keys is RFC 8785 on exactly that subset (no fractions, ASCII keys), at a sixtieth of the cost
    of a full implementation; a property test holds the two against each other.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=256)
def timestamp(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")[:-6] + "Z"


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 UTC, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def link(
    tail: Tail, application_id: str, step: Step, *, occurred_at_ms: int, recorded_at_ms: int, side: str, data: Data
) -> Link:
    """The next event after `tail`."""
    seq = tail.seq + 1
    digest = _digest(application_id, seq, step, occurred_at_ms, recorded_at_ms, side, data, tail.hash)
    return Link(application_id, seq, step, occurred_at_ms, recorded_at_ms, side, data, tail.hash, digest)


def _digest(
    application_id: str,
    seq: int,
    step: Step,
    occurred_at_ms: int,
    recorded_at_ms: int,
    side: str,
    data: Data,
    previous_hash: str | None,
) -> str:
    content = {
        "alg": ALG,
        "application_id": application_id,
        "data": data,
        "occurred_at": timestamp(occurred_at_ms),
        "previous_hash": previous_hash,
        "recorded_at": timestamp(recorded_at_ms),
        "seq": seq,
        "side": side,
        "type": step.value,
    }
    return hashlib.sha256(canonical(content)).hexdigest()


def first_break(links: Sequence[Link]) -> int | None:
    """The sequence number at which a chain read from the database does not hold; None = it holds."""
    tail = Tail()
    for found in links:
        expected = link(
            tail,
            found.application_id,
            found.type,
            occurred_at_ms=found.occurred_at_ms,
            recorded_at_ms=found.recorded_at_ms,
            side=found.side,
            data=found.data,
        )
        if found != expected:
            return found.seq
        tail = found.tail
    return None
