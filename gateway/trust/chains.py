"""证书路径: from a certificate to an anchor (RFC 5280 §6, the part that seals and tokens need), and its revocation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gateway.trust.certificates import Certificate
from gateway.trust.checks import Fact, Ledger
from gateway.trust.crls import Crl, Revoked
from gateway.trust.judging import Judging
from gateway.trust.keys import WEAK_SIGNATURES
from gateway.trust.snapshot import Purpose, TrustSnapshot
from schemas.verification import SubIndication as Sub

_LONGEST = 8
_SIGNING = frozenset({"digital_signature", "content_commitment"})
_WHO = {Purpose.SIGNER: "签章人", Purpose.SEALER: "制章者", Purpose.TSA: "时间戳", Purpose.JWT: "签发者"}


@lru_cache(maxsize=8192)
def issued(authority: Certificate, certificate: Certificate) -> bool:
    """Whether the authority's key signed the certificate."""
    return authority.key.verify(certificate.algorithm, certificate.tbs, certificate.signature)


def paths(
    certificate: Certificate, snapshot: TrustSnapshot, purpose: Purpose, at: datetime, extra: Sequence[Certificate]
) -> Iterator[tuple[Certificate, ...]]:
    """Every chain from the certificate to an anchor, the certificate first; `extra` came with the file."""
    open_chains: list[tuple[Certificate, ...]] = [(certificate,)]
    while open_chains:
        chain = open_chains.pop(0)
        last = chain[-1]
        if snapshot.anchor(last, purpose, at) is not None:
            yield chain
            continue
        if len(chain) > _LONGEST:
            continue
        candidates = (*snapshot.by_subject.get(last.issuer, ()), *(one for one in extra if one.subject == last.issuer))
        open_chains += [
            (*chain, authority)
            for authority in dict.fromkeys(candidates)
            if authority not in chain and issued(authority, last)
        ]


@dataclass(frozen=True, slots=True)
class Use:
    """使用: when a certificate was used, and whether a timestamp proves it (otherwise the signer claims it)."""

    at: datetime
    proved: bool = False
    step: int | None = None
    """Step of seal verification that looks at it."""


def check_chain(
    ledger: Ledger,
    certificate: Certificate,
    judging: Judging,
    purpose: Purpose,
    use: Use,
    *,
    extra: Sequence[Certificate] = (),
) -> None:
    """Note what is to be said about a certificate that was used for a purpose; `extra` came with the file."""
    who, label = _WHO.get(purpose, "证书"), f"{purpose}_certificate"
    step = use.step
    found = list(paths(certificate, judging.snapshot, purpose, use.at, extra))
    if not found:
        ledger.unsure(
            f"{label}_path",
            Sub.NO_CERTIFICATE_CHAIN_FOUND,
            f"{who}证书不能追溯到本机构信任的根证书，请联系管理员确认发证机构。",
            step=step,
            subject=certificate.subject_text,
            certificate_sha256=certificate.sha256,
        )
        return
    faults = [_fault(chain) for chain in found]
    chain = found[faults.index(None)] if None in faults else found[0]
    fault = faults[found.index(chain)]
    names = [one.subject_text for one in chain]
    if fault is not None:
        ledger.unsure(f"{label}_path", fault[0], f"{who}{fault[1]}", step=step, path=names)
        return
    ledger.passed(f"{label}_path", f"{who}证书可追溯到受信任的根证书。", step=step, path=names)
    _check_usage(ledger, certificate, f"{label}_usage", who, step)
    about = _About(who, label, judging, use)
    _check_validity(ledger, chain, about)
    _check_revocation(ledger, chain, about)


def _fault(chain: Sequence[Certificate]) -> tuple[Sub, str] | None:
    """What is wrong with a chain whose signatures hold; the anchor itself is exempt (RFC 5280 §6.1)."""
    for place, authority in enumerate(chain[1:-1], 1):
        if not authority.is_authority:
            return Sub.CERTIFICATE_CHAIN_GENERAL_FAILURE, "证书由一个无权签发证书的持有者签发。"
        if authority.usage is not None and "key_cert_sign" not in authority.usage:
            return Sub.CERTIFICATE_CHAIN_GENERAL_FAILURE, "证书的签发者没有签发证书的用途。"
        below = sum(not one.self_issued for one in chain[1:place])
        if authority.path_length is not None and below > authority.path_length:
            return Sub.CERTIFICATE_CHAIN_GENERAL_FAILURE, "证书路径过长。"
    for one in chain[:-1]:
        if one.not_understood:
            return Sub.CERTIFICATE_CHAIN_GENERAL_FAILURE, "证书含有不能识别的关键扩展。"
        if one.algorithm in WEAK_SIGNATURES or one.key.is_weak:
            return Sub.CRYPTO_CONSTRAINTS_FAILURE, "证书使用了已不安全的算法。"
    return None


def _check_usage(ledger: Ledger, certificate: Certificate, name: str, who: str, step: int | None) -> None:
    usage = certificate.usage
    if usage is not None and not usage & _SIGNING:
        ledger.unsure(name, Sub.CHAIN_CONSTRAINTS_FAILURE, f"{who}证书不是签名证书。", step=step, usage=sorted(usage))
    else:
        ledger.passed(name, f"{who}证书可用于签名。", step=step, usage=sorted(usage or ()))


@dataclass(frozen=True, slots=True)
class _About:
    who: str
    label: str
    judging: Judging
    use: Use


def _check_validity(ledger: Ledger, chain: Sequence[Certificate], about: _About) -> None:
    at, now, proved, step = about.use.at, about.judging.now, about.use.proved, about.use.step
    name, who = f"{about.label}_validity", about.who
    # an anchor's dates are the operator's business: it is trusted as long as it is listed
    for one in chain[:-1] or chain:
        span = {"from": one.not_before.isoformat(), "until": one.not_after.isoformat(), "at": at.isoformat()}
        if not one.not_before <= at <= one.not_after:
            text = f"签名时{who}证书不在有效期内。"
            ledger.unsure(name, Sub.OUT_OF_BOUNDS_NO_POE, text, step=step, subject=one.subject_text, **span)
            return
        if now > one.not_after and not proved and not about.judging.policy.trust_claimed_time:
            text = f"{who}证书现已过期，且没有时间戳证明签名时间。"
            ledger.unsure(name, Sub.OUT_OF_BOUNDS_NO_POE, text, step=step, subject=one.subject_text, **span)
            return
    expired = any(now > one.not_after for one in chain[:-1])
    note = "（现已过期，以签名时间为准）" if expired else ""
    ledger.passed(name, f"签名时{who}证书在有效期内{note}。", step=step, expired_now=expired, time_proof=proved)


def _check_revocation(ledger: Ledger, chain: Sequence[Certificate], about: _About) -> None:
    name, who, step = f"{about.label}_revocation", about.who, about.use.step
    policy, now = about.judging.policy, about.judging.now
    if policy.revocation == "none":
        ledger.skipped(name, "本策略不检查吊销列表。", step=step)
        return
    missing: list[str] = []
    for one in chain[:-1]:
        listed = about.judging.snapshot.lists.get(one.issuer, ())
        entry = _entry(listed, one)
        if entry is not None and _note_revoked(ledger, one, entry, about):
            return
        if not any(_fresh(candidate, now) for candidate in listed):
            missing.append(one.subject_text)
    if not missing:
        ledger.passed(name, f"{who}证书未被吊销。", step=step)
    elif policy.revocation == "hard":
        ledger.unsure(name, Sub.TRY_LATER, f"没有{who}证书的最新吊销列表，请稍后再试。", step=step, missing=missing)
    else:
        ledger.skipped(name, f"没有{who}证书的最新吊销列表，未检查吊销。", step=step, missing=missing)


def _fresh(listed: Crl, now: datetime) -> bool:
    return listed.next_update is None or now <= listed.next_update


def _entry(lists: Sequence[Crl], certificate: Certificate) -> Revoked | None:
    """The newest list that names it decides; a certificate taken off hold is on the newest one no more."""
    for listed in lists[:1]:
        entry = listed.entries.get(certificate.serial)
        if entry is not None and entry.reason != "removeFromCRL":
            return entry
    return None


def _note_revoked(ledger: Ledger, certificate: Certificate, entry: Revoked, about: _About) -> bool:
    """Whether the revocation speaks against the use; noted if so."""
    name, who, use = f"{about.label}_revocation", about.who, about.use
    evidence: dict[str, Fact] = {
        "subject": certificate.subject_text,
        "revoked_at": entry.at.isoformat(),
        "reason": entry.reason,
    }
    if entry.at <= use.at:
        ledger.failed(name, Sub.REVOKED, f"签名前{who}证书已被吊销。", step=use.step, **evidence)
        return True
    if entry.at <= about.judging.now and not use.proved:
        text = f"{who}证书后来被吊销，且没有时间戳证明签名在吊销之前。"
        ledger.unsure(name, Sub.REVOKED_NO_POE, text, step=use.step, **evidence)
        return True
    return False
