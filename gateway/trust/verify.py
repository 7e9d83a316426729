"""核验: one file or token in, one report out. Never raises for what is in the file."""

import hashlib

from gateway.trust.checks import Ledger, sentence_zh, verdict
from gateway.trust.judged import Judged
from gateway.trust.judging import Judging
from gateway.trust.ofd import verify_ofd
from gateway.trust.pdf import verify_pdf
from gateway.trust.tokens import verify_token
from schemas.verification import LicenceFormat, Report
from schemas.verification import SubIndication as Sub

_TOKEN_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def sniff(content: bytes) -> LicenceFormat:
    """The format by the first bytes; UNKNOWN for what is none of ours."""
    if content[:4] == b"PK\x03\x04" or content[:4] == b"PK\x05\x06":
        return LicenceFormat.OFD
    if b"%PDF-" in content[:1024]:
        return LicenceFormat.PDF
    text = content.strip()
    if text.startswith(b"ey") and len(text) < 1024 * 1024 and _TOKEN_CHARACTERS.issuperset(text):
        return LicenceFormat.SD_JWT if b"~" in text else LicenceFormat.JWS
    return LicenceFormat.UNKNOWN


def verify(content: bytes, judging: Judging) -> Report:
    """The report on a file or token for the moment, policy and snapshot of `judging`."""
    return report(content, judge(content, judging), judging)


def judge(content: bytes, judging: Judging) -> Judged:
    """Every check, by the file's format."""
    kind = sniff(content)
    ledger = Ledger()
    if len(content) > judging.policy.max_bytes:
        ledger.failed("size", Sub.FORMAT_FAILURE, "文件超过大小上限。", step=1, bytes=len(content))
    elif kind is LicenceFormat.OFD:
        return verify_ofd(content, judging)
    elif kind is LicenceFormat.PDF:
        return verify_pdf(content, judging)
    elif kind in (LicenceFormat.JWS, LicenceFormat.SD_JWT):
        return verify_token(content, judging)
    else:
        ledger.failed("format", Sub.FORMAT_FAILURE, "不是本系统能够核验的证照文件格式。", step=1)
    return Judged(kind, tuple(ledger.checks))


def report(content: bytes, judged: Judged, judging: Judging) -> Report:
    """What was judged, as a report."""
    indication, sub = verdict(judged.checks)
    return Report(
        format=judged.format,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        indication=indication,
        sub_indication=sub,
        message_zh=sentence_zh(indication, judged.checks),
        at=judging.now,
        trust_generation=judging.snapshot.generation,
        policy=judging.policy.name,
        checks=judged.checks,
        signatures=judged.signatures,
        dialects=judged.dialects,
    )
