"""权限: who may do what, by role and city. Pure; every check of the API goes through here."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import Forbidden, NotFound


class Role(StrEnum):
    """角色 of a caller."""

    CLERK = "clerk"
    """窗口 of the collecting city."""
    OFFICER = "officer"
    """审核/业务 of the deciding city."""
    PARTNER = "partner"
    """对方城市系统."""
    ADMIN = "admin"
    """管理."""
    AUDITOR = "auditor"
    """审计, read-only."""


@dataclass(frozen=True, slots=True)
class Principal:
    """调用方: an authenticated caller. `caller` scopes idempotency keys and is an account, never a person's name."""

    caller: str
    role: Role
    city: str


@dataclass(frozen=True, slots=True)
class CaseScope:
    """The two cities a case belongs to."""

    collecting_city: str
    deciding_city: str


def require_submit(who: Principal, collecting_city: str) -> None:
    """Only a clerk or system of the collecting city may hand in its applications."""
    if who.role not in {Role.CLERK, Role.PARTNER} or who.city != collecting_city:
        raise Forbidden(
            f"Role {who.role} of {who.city} may not submit for collecting city {collecting_city}.",
            "只有收件地的窗口或系统可以提交该办件，请核对令牌所属城市与收件地。",
        )


def require_see(who: Principal, case: CaseScope) -> None:
    """A case is seen by its two cities, admins and auditors; to others it does not exist."""
    if who.role in {Role.ADMIN, Role.AUDITOR} or who.city in {case.collecting_city, case.deciding_city}:
        return
    raise not_found()


def not_found() -> NotFound:
    """查无此件: the same words whether it does not exist or may not be seen."""
    return NotFound("No such case, or not one of your city's.", "没有该办件，或不属于您所在城市。")


def require_role(who: Principal, *roles: Role) -> None:
    """The caller must have one of `roles`."""
    if who.role not in roles:
        raise Forbidden(
            f"This needs one of the roles {', '.join(roles)}; the caller is {who.role}.",
            "当前角色无权执行该操作。",
        )


def require_decide(who: Principal, deciding_city: str) -> None:
    """Only an officer of the deciding city (or an admin standing in) works its queue."""
    require_role(who, Role.OFFICER, Role.ADMIN)
    if who.role is Role.OFFICER and who.city != deciding_city:
        raise not_found()
