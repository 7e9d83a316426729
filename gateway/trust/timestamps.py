"""时间戳: an RFC 3161 token over a signature value proves when the signature existed at the latest."""

from dataclasses import dataclass
from datetime import datetime

from gateway.trust import der
from gateway.trust.chains import Use, check_chain
from gateway.trust.checks import Ledger
from gateway.trust.der import DerError
from gateway.trust.judging import Judging
from gateway.trust.ofd_digests import hash_of
from gateway.trust.signed_data import DIGESTS, SignedData, signed_data
from gateway.trust.snapshot import Purpose
from schemas.verification import CheckStatus
from schemas.verification import SubIndication as Sub

_STEP = 11
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_STAMPING = "1.3.6.1.5.5.7.3.8"


@dataclass(frozen=True, slots=True)
class Stamped:
    """A time that is proved."""

    at: datetime


def check_stamp(ledger: Ledger, token: bytes | None, stamped: bytes, judging: Judging) -> Stamped | None:
    """The time a token proves. None where there is no token, or one that proves nothing: which is then noted."""
    if token is None:
        return None
    try:
        data = signed_data(token)
        at, digest, imprint = _info(data)
    except DerError as error:
        ledger.unsure("timestamp", Sub.SIG_CONSTRAINTS_FAILURE, "时间戳无法识别。", step=_STEP, reason=str(error))
        return None
    if imprint != hash_of(digest, stamped):
        ledger.unsure("timestamp", Sub.SIG_CONSTRAINTS_FAILURE, "时间戳不是为这个签名所作。", step=_STEP)
        return None
    signer = data.signer()
    if signer is None or _STAMPING not in signer.extended_usage or not _holds(data):
        ledger.unsure("timestamp", Sub.SIG_CONSTRAINTS_FAILURE, "时间戳的签名不成立。", step=_STEP)
        return None
    before = len(ledger.checks)
    check_chain(ledger, signer, judging, Purpose.TSA, Use(at, True, _STEP), extra=data.certificates)
    if any(check.status in (CheckStatus.FAIL, CheckStatus.INDETERMINATE) for check in ledger.checks[before:]):
        return None
    ledger.passed("timestamp", "时间戳有效。", step=_STEP, at=at.isoformat())
    return Stamped(at)


def _info(data: SignedData) -> tuple[datetime, str, bytes]:
    if data.content_type != _TST_INFO or data.content is None:
        raise DerError("not a timestamp token")
    parts = der.sequence(der.read(data.content), at_least=5)
    algorithm, imprint = der.sequence(parts[2], at_least=2, at_most=2)
    number = der.oid(der.sequence(algorithm, at_least=1)[0])
    return der.time(parts[4]), DIGESTS.get(number, number), der.octets(imprint)


def _holds(data: SignedData) -> bool:
    signer = data.signer()
    if signer is None or data.signed_attributes is None or data.content is None:
        return False
    if data.message_digest != hash_of(data.digest, data.content):
        return False
    return signer.key.verify(data.algorithm, data.signed_attributes, data.signature)
