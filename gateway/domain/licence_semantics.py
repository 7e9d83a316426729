"""证照内容核对: whether a licence is the one that is needed: its kind, number, holder, validity and state."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from gateway.domain.licence_facts import LicenceFacts, masked_name, masked_number, plain_name, plain_number
from schemas.identifiers import check_licence_identifier
from schemas.licence import LicenceStatus
from schemas.licence_check import Holder, LicenceFinding

_TYPE_IN_IDENTIFIER = re.compile(r"1\.2\.156\.3005\.2\.([0-9A-Z]{21})\.")
_STATUS_ZH = {
    LicenceStatus.SUSPENDED: "暂扣",
    LicenceStatus.REVOKED: "吊销",
    LicenceStatus.CANCELLED: "注销",
    LicenceStatus.EXPIRED: "失效",
    LicenceStatus.TRANSFERRED: "办理转出",
    LicenceStatus.RESCINDED: "撤销",
}


@dataclass(frozen=True, slots=True)
class Needed:
    """要求: what the licence should be. Absent = not asked."""

    on: date
    """The Beijing day on which it is used."""
    identifier: str | None = None
    type_code: str | None = None
    holder: Holder | None = None


def compare(facts: LicenceFacts, needed: Needed) -> tuple[LicenceFinding, ...]:
    """Every finding, in a fixed order; errors speak against the use, warnings are for the clerk's eye."""
    return (
        *_identifier(facts, needed),
        *_kind(facts, needed),
        *_holder(facts, needed.holder),
        *_validity(facts, needed.on),
    )


def speaks_against(findings: tuple[LicenceFinding, ...]) -> bool:
    """Whether one of them is an error."""
    return any(one.severity == "error" for one in findings)


def _finding(
    rule: str, severity: Literal["error", "warning", "info"], zh: str, en: str, **evidence: str | None
) -> LicenceFinding:
    return LicenceFinding(rule=rule, severity=severity, message_zh=zh, message=en, evidence=dict(evidence))


def _identifier(facts: LicenceFacts, needed: Needed) -> Iterator[LicenceFinding]:
    if facts.identifier is not None:
        try:
            check_licence_identifier(facts.identifier)
        except ValueError:
            zh = "证照标识不合编码规则或校验位不符。"
            yield _finding("identifier_check", "error", zh, "The licence identifier is malformed or its check fails.")
    if needed.identifier is None:
        return
    if facts.identifier is None:
        zh = "文件没有写明证照标识，请人工核对是否为所需证照。"
        yield _finding("identifier_not_stated", "warning", zh, "The file does not state a licence identifier.")
    elif facts.identifier != needed.identifier:
        zh, en = "证照标识与所需证照不一致。", "It is another licence than the one asked for."
        yield _finding("identifier_differs", "error", zh, en)


def type_in(identifier: str | None) -> str | None:
    """证照类型代码 inside a 证照标识."""
    found = None if identifier is None else _TYPE_IN_IDENTIFIER.match(identifier)
    return None if found is None else found[1]


def _kind(facts: LicenceFacts, needed: Needed) -> Iterator[LicenceFinding]:
    inside = type_in(facts.identifier)
    stated = facts.type_code or inside
    if facts.type_code is not None and inside is not None and facts.type_code != inside:
        zh, en = "证照类型代码与证照标识中的类型不一致。", "The type code and the type in the identifier differ."
        yield _finding("type_contradicts", "error", zh, en, stated=facts.type_code[:40], inside=inside)
    if needed.type_code is None:
        return
    if stated is None:
        zh = "文件没有写明证照类型，请人工核对。"
        yield _finding("type_not_stated", "warning", zh, "The file does not state what kind of licence it is.")
    elif stated != needed.type_code:
        zh, en = "不是所需的证照类型。", "It is another kind of licence than the one needed."
        yield _finding("type_differs", "error", zh, en, stated=stated[:40], needed=needed.type_code)


def _holder(facts: LicenceFacts, holder: Holder | None) -> Iterator[LicenceFinding]:
    if holder is None or (holder.name is None and holder.number is None):
        return
    compared = 0
    if holder.name is not None and facts.holder_name is not None:
        compared += 1
        if plain_name(holder.name) != plain_name(facts.holder_name):
            shown = {"licence": masked_name(facts.holder_name), "applicant": masked_name(holder.name)}
            zh, en = "持证主体名称与申请人不一致。", "The holder's name is not the applicant's."
            yield _finding("holder_name_differs", "error", zh, en, **shown)
    if holder.number is not None and facts.holder_number is not None:
        compared += 1
        if plain_number(holder.number) != plain_number(facts.holder_number):
            shown = {"licence": masked_number(facts.holder_number), "applicant": masked_number(holder.number)}
            zh, en = "持证主体证件号码与申请人不一致。", "The holder's number is not the applicant's."
            yield _finding("holder_number_differs", "error", zh, en, **shown)
    if not compared:
        zh = "文件没有可供比对的持证主体，请人工核对姓名和证件号码。"
        yield _finding("holder_not_stated", "warning", zh, "The file states no holder that could be compared.")


def _validity(facts: LicenceFacts, on: date) -> Iterator[LicenceFinding]:
    for field in facts.unreadable:
        zh, en = "证照的日期或状态写法无法识别，请人工核对。", "A date or state of the licence cannot be read."
        yield _finding("unreadable", "warning", zh, en, field=field)
    if facts.valid_from is not None and on < facts.valid_from:
        zh, en = "证照尚未生效。", "The licence is not valid yet."
        yield _finding("not_yet_valid", "error", zh, en, valid_from=facts.valid_from.isoformat())
    if facts.valid_until is not None and on > facts.valid_until:
        zh, en = "证照已过有效期。", "The licence has expired."
        yield _finding("expired", "error", zh, en, valid_until=facts.valid_until.isoformat())
    if facts.status in _STATUS_ZH:
        zh, en = f"证照状态为{_STATUS_ZH[facts.status]}。", "The licence is no longer in force."
        yield _finding("status", "error", zh, en, status=facts.status.value)
    elif facts.status is LicenceStatus.UNKNOWN:
        yield _finding("status", "warning", "证照状态未知。", "The state of the licence is not known.")
