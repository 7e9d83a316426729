"""对等来件: what a peer's gateway hands in: its cities' applications under their own numbers, and what follows them.

One case has one number on both sides. The peer may act only for cases its city collected and ours decides.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.peer_words import caller, canonical_application
from gateway.domain.access import Principal, Role
from gateway.evidence.chain import timestamp
from gateway.storage import cases, files, outbox, peers
from gateway.storage.compression import pack
from gateway.storage.database import Database, Transaction
from gateway.storage.intake import Intake, Taken
from gateway.usecases.follow_up import Given, Noted, follow_up
from gateway.usecases.parsing import parse
from gateway.usecases.submit_application import IntakeContext, prepare
from schemas.errors import FieldProblem, Forbidden, IdempotencyMismatch, Invalid, Malformed
from schemas.message import FollowUp, MessageKind, OutboundMessage, ProgressReport, Step

ARRIVED = "arrived"
"""The report that tells a peer that its case is here."""


def principal(city: str) -> Principal:
    """A peer's gateway as a caller."""
    return Principal(caller(city), Role.PARTNER, city)


@dataclass(frozen=True, slots=True)
class FromPeer:
    """A peer's application as it was read."""

    message: OutboundMessage
    canonical: bytes

    @property
    def key(self) -> str:
        """The same on every try."""
        return str(self.message.message_id)

    @property
    def application_id(self) -> str:
        """The case's number, on both sides."""
        return str(self.message.application_id)

    @property
    def body_sha256(self) -> str:
        """What the receipt attests."""
        return hashlib.sha256(self.canonical).hexdigest()


def read_application(raw: bytes, city: str, own_city: str) -> FromPeer:
    """An application from `city`. Malformed or Invalid for what cannot be read; Forbidden for another's case."""
    message = parse(OutboundMessage, raw)
    _require_ours(message.application.collecting_city, message.application.deciding_city, city, own_city)
    try:
        return FromPeer(message, canonical_application(raw))
    except ValueError:
        raise Malformed("The body has no application.", "报文中没有申请内容。") from None


def _require_ours(collecting: str, deciding: str, city: str, own_city: str) -> None:
    if collecting != city or deciding != own_city:
        raise Forbidden(
            f"The gateway of {city} hands in cases that {city} collected and {own_city} decides, no others.",
            f"{city} 的网关只能送来由 {city} 收件、由 {own_city} 办理的件。",
        )


async def prepare_application(
    db: Database, context: IntakeContext, city: str, read: FromPeer, *, message_id: str, told: bool, now: datetime
) -> Intake:
    """Everything that will be written. RequestError says why it is not taken. `told` = the peer wants to hear of it."""
    await _check_files(db, city, read.message)
    prepared = await prepare(
        db,
        # whoever has room takes it to the back office, if that is where our cases go
        replace(context, owner=None),
        principal(city),
        read.canonical,
        key=read.key,
        application_id=read.application_id,
        message_id=message_id,
        now=now,
    )
    return _with_arrival(prepared.intake, f"{message_id}-told", now) if told else prepared.intake


async def _check_files(db: Database, city: str, message: OutboundMessage) -> None:
    """The files must have been brought, and be the ones the message tells of."""
    wanted = {str(one.file.file_id): one.file.sha256 for one in message.files}
    known = await files.by_ids(db, list(wanted))
    for file_id, sha256 in wanted.items():
        if file_id in known and known[file_id][0].sha256 != sha256:
            problem = FieldProblem("/files", "file_differs", f"file {file_id} is another", f"文件 {file_id} 内容不同")
            raise Invalid("A file is not the one that was brought.", "有文件与已送来的不同。", errors=(problem,))


def _with_arrival(intake: Intake, message_id: str, now: datetime) -> Intake:
    case = intake.case
    report = ProgressReport(
        report_id=ARRIVED,
        application_id=UUID(case.application_id),
        deciding_city=case.deciding_city,
        step=Step.ARRIVED,
        occurred_at=now,
    )
    packed = pack(report.model_dump_json(exclude_none=True).encode())
    row = [case.application_id, ARRIVED, case.last_seq, Step.ARRIVED.value, case.received_at_ms, None, packed]
    telling = outbox.Entry(
        message_id=message_id,
        application_id=case.application_id,
        sequence=case.last_seq * 100,
        city=case.collecting_city,
        kind=MessageKind.REPORT.value,
        content=ARRIVED.encode(),
        state="ready",
        owner=None,
        available_at_ms=case.received_at_ms,
        created_at_ms=case.received_at_ms,
    )
    return replace(intake, progress=[[*row, "deciding"]], telling=telling)


async def taken_before(db: Database, city: str, read: FromPeer) -> Taken | None:
    """The first answer to this message. IdempotencyMismatch where message or case were used for something else."""
    by_message = await cases.by_key(db, caller(city), read.key)
    if by_message is None:
        if await cases.get(db, read.application_id) is not None:
            raise IdempotencyMismatch(
                "A case with this number is here already, handed in by another message.",
                "该办件编号已由另一报文使用。",
                application_id=read.application_id,
            )
        return None
    taken = Taken(False, by_message[0], by_message[1], by_message[2], by_message[3], by_message[4])
    if (taken.application_id, taken.body_sha256) != (read.application_id, read.body_sha256):
        raise IdempotencyMismatch("This message_id was used with another body.", "该报文编号已用于内容不同的报文。")
    return taken


def submitted(taken: Taken) -> dict[str, Any]:
    """The answer: the case's state now, and the receipt as it was first given."""
    return {
        "application_id": taken.application_id,
        "state": taken.state,
        "receipt": {
            "application_id": taken.application_id,
            "body_sha256": taken.body_sha256,
            "accepted_at": timestamp(taken.accepted_at_ms),
            "jws": taken.jws,
        },
        "warnings": [],
    }


async def receipt(db: Database, city: str, application_id: str) -> Taken | None:
    """What the peer was told when it handed in this case."""
    return await peers.receipt(db, application_id, caller(city))


async def take_follow_up(
    tx: Transaction,
    city: str,
    own_city: str,
    raw: bytes,
    *,
    message_id: str,
    carried: Callable[[str], bool],
    now: datetime,
) -> Noted:
    """Note a supplement or a withdrawal from `city`; errors as of `follow_up`, Forbidden for another's case."""
    message = parse(FollowUp, raw)
    _require_ours(message.collecting_city, message.deciding_city, city, own_city)
    given = Given(
        message.kind,
        message.materials,
        message.reason,
        _substance(message),
        str(message.message_id),
        message_id,
        occurred_at=message.occurred_at,
    )
    return await follow_up(tx, principal(city), str(message.application_id), given, carried=carried, now=now)


def _substance(message: FollowUp) -> bytes:
    """What makes a second one the same: not the case number, which the peer may have learnt in between."""
    substance = message.model_dump(mode="json", include={"kind", "materials", "reason"}, exclude_none=True)
    return json.dumps(substance, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
