"""留件答复: a peer has fetched a message that was left for it and says what became of it."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from adapters.peer_receipts import check_receipt
from adapters.peer_words import REPORT, body_sha256
from adapters.signing.http_signature import FindKey
from gateway.domain.access import not_found
from gateway.evidence.chain import milliseconds
from gateway.storage import peers, tray
from gateway.storage.database import Transaction
from gateway.usecases.take_progress import take_progress
from schemas.errors import FieldProblem, Invalid, PartnerProtocol
from schemas.message import MessageKind, ProgressReport, Step
from schemas.peer import MessageAnswer, Refusal


async def answer_message(
    tx: Transaction,
    city: str,
    own_city: str,
    message_id: str,
    answer: MessageAnswer,
    *,
    find_key: FindKey,
    new_id: Callable[[], str],
    now: datetime,
) -> bool:
    """Note the answer; False where it was noted before. NotFound for a message that was not left for this city.

    Invalid for a receipt that the peer has not signed for this very message. A refused application is 退件 to us; a
    refused supplement or withdrawal is for a person.
    """
    left = await tray.get(tx, message_id)
    if left is None or left.city != city or left.kind == REPORT:
        raise not_found()
    if answer.refused is None:
        _check(left, answer, find_key, city, own_city)
    receipt = None if answer.receipt is None else answer.receipt.jws
    if not await peers.take_message(tx, message_id, city, receipt, milliseconds(now)):
        return False
    if answer.refused is not None:
        await take_progress(tx, _returned(left, answer.refused, city, now), new_id=new_id(), now=now)
    return True


def _check(left: tray.Left, answer: MessageAnswer, find_key: FindKey, city: str, own_city: str) -> None:
    if left.kind != MessageKind.SUBMIT:
        return
    try:
        check_receipt(
            "" if answer.receipt is None else answer.receipt.jws,
            find_key,
            city=city,
            own=own_city,
            application_id=UUID(left.application_id),
            body_sha256=body_sha256(left.body),
        )
    except PartnerProtocol:
        problem = FieldProblem("/receipt/jws", "receipt_invalid", "not yours for this message", "不是该报文的回执")
        raise Invalid("The receipt does not hold.", "回执验签不过，或与该报文不符。", errors=(problem,)) from None


def _returned(left: tray.Left, refused: Refusal, city: str, now: datetime) -> ProgressReport:
    return ProgressReport(
        report_id=f"refused:{left.message_id}",
        application_id=UUID(left.application_id),
        deciding_city=city,
        step=Step.RETURNED if left.kind == MessageKind.SUBMIT else Step.UNKNOWN,
        occurred_at=now,
        reason=refused.detail_zh,
        partner_code=refused.code,
    )
