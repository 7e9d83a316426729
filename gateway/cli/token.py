"""tongban token: bearer tokens for callers of the API."""

import sys

from cyclopts import App

from gateway.cli.calling import issue_token
from gateway.cli.output import err
from gateway.domain.access import Role
from gateway.evidence.keys import load_keys
from gateway.settings import Settings
from schemas.identifiers import check_division

app = App(name="token", help="访问令牌: tokens for windows, partner systems and admins.")


@app.command
def issue(*, role: Role, city: str, caller: str = "", days: int = 1) -> int:
    """签发令牌: print a bearer token signed by this gateway.

    Parameters
    ----------
    role
        clerk 窗口, officer 属地业务, partner 对方系统, admin 管理 or auditor 审计.
    city
        The caller's city, 6 digits. A clerk submits for this collecting city.
    caller
        Account of the caller, never a person's name; scopes idempotency keys. Default role@city.
    days
        How long it is valid, 1 to 90.
    """
    settings = Settings()
    ring = load_keys(settings.keys)
    if ring is None:
        err.print("还没有签名密钥，请先运行 tongban keys init。There is no signing key yet; run: tongban keys init")
        return 1
    if not 1 <= days <= 90:
        err.print("days 应为 1 到 90。days must be 1 to 90.")
        return 64
    try:
        check_division(city)
    except ValueError as error:
        err.print(str(error))
        return 64
    name = caller or f"{role.value}@{city}"
    sys.stdout.write(issue_token(ring, caller=name, role=role, city=city, ttl_s=days * 86400) + "\n")
    return 0
