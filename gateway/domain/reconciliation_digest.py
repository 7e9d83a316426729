"""对账摘要: a day's cases of one city pair as a count and hashes, equal on two sides exactly when their books agree.

The paragraph in docs/reconciliation.md defines it for other implementations; the vector in
tests/domain/test_reconciliation_digest.py is computed from that paragraph alone.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from gateway.domain.days import BEIJING
from gateway.domain.lifecycle import Stage
from schemas.message import Outcome, Step
from schemas.reconciliation import BUCKETS, BucketDigest, CaseDigest

_BUCKET = "tongban-reconciliation-bucket-v1"
_DAY = "tongban-reconciliation-day-v1"
_SAME = {Stage.PUSHED: Stage.ARRIVED, Stage.CLOSED: Stage.DECIDED}
"""推送 and 送达 are known to the collecting city alone: for the comparison they are what stands beside them."""
_NOT_THERE = frozenset({Stage.SUBMITTED, Stage.RECEIVED})
LISTED: Mapping[Stage, Step] = MappingProxyType(
    {
        Stage.PUSHED: Step.ARRIVED,
        Stage.ARRIVED: Step.ARRIVED,
        Stage.SUPPLEMENT: Step.SUPPLEMENT_ASKED,
        Stage.ACCEPTED: Step.ACCEPTED,
        Stage.SUSPENDED: Step.SPECIAL_STARTED,
        Stage.DECIDED: Step.DECIDED,
        Stage.CLOSED: Step.DELIVERED,
        Stage.REJECTED: Step.REJECTED,
        Stage.RETURNED: Step.RETURNED,
        Stage.FORWARDED: Step.FORWARDED,
        Stage.WITHDRAWN: Step.WITHDRAWN,
    }
)
"""对账行的步骤: how we list a case at each stage."""


def compared(stage: Stage) -> Stage | None:
    """The stage as both cities can know it; None while the deciding city does not have the case."""
    return None if stage in _NOT_THERE else _SAME.get(stage, stage)


def state_word(stage: Stage, outcome: Outcome | None) -> str | None:
    """状态词: the stage, for 办结 with its outcome (`DECIDED/GRANTED`); None for a case the city does not have."""
    seen = compared(stage)
    if seen is Stage.DECIDED and outcome is not None:
        return f"{seen}/{outcome}"
    return None if seen is None else seen.value


def numbers_of(day: date) -> tuple[str, str]:
    """The numbers of a day's cases as a range of text: from the first, up to but without the second.

    收件日: the Beijing day of the moment written in a case's number (UUIDv7). It is the same on both sides, whatever
    their clocks say.
    """
    return _first_number(day), _first_number(day + timedelta(days=1))


def _first_number(day: date) -> str:
    text = f"{int(datetime.combine(day, time(), BEIJING).timestamp() * 1000):012x}"
    return f"{text[:8]}-{text[8:]}"


def bucket_of(application_id: str) -> int:
    """分组: 0 to 15."""
    return hashlib.sha256(application_id.encode()).digest()[0] >> 4


def digest(collecting_city: str, deciding_city: str, day: date, states: Iterable[tuple[str, str]]) -> CaseDigest:
    """The digest over (application_id, state word) of each case, in whatever order they come."""
    parts: list[list[str]] = [[] for _ in range(BUCKETS)]
    for application_id, word in states:
        parts[bucket_of(application_id)].append(f"{application_id} {word}")
    pair = f"{collecting_city} {deciding_city} {day.isoformat()}"
    buckets = tuple(
        BucketDigest(count=len(part), sha256=_hash([_BUCKET, f"{pair} {number:x}", *sorted(part)]))
        for number, part in enumerate(parts)
    )
    return CaseDigest(
        collecting_city=collecting_city,
        deciding_city=deciding_city,
        day=day,
        count=sum(bucket.count for bucket in buckets),
        sha256=_whole(pair, buckets),
        buckets=buckets,
    )


def _whole(pair: str, buckets: Iterable[BucketDigest]) -> str:
    lines = [f"{number:x} {bucket.count} {bucket.sha256}" for number, bucket in enumerate(buckets)]
    return _hash([_DAY, pair, *lines])


def _hash(lines: Collection[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode("ascii")).hexdigest()


def comparable(ours: CaseDigest, theirs: CaseDigest) -> bool:
    """Whether `theirs` answers the question `ours` asks: the same pair and day, and its parts make its whole."""
    pair = (theirs.collecting_city, theirs.deciding_city, theirs.day)
    if pair != (ours.collecting_city, ours.deciding_city, ours.day):
        return False
    return theirs.sha256 == _whole(f"{pair[0]} {pair[1]} {pair[2].isoformat()}", theirs.buckets)


def differing(ours: CaseDigest, theirs: CaseDigest) -> frozenset[int]:
    """The buckets in which two digests of the same pair and day differ."""
    return frozenset(
        number for number, (one, other) in enumerate(zip(ours.buckets, theirs.buckets, strict=True)) if one != other
    )
