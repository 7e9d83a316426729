"""对账路由: its part of the table in gateway/web/routes.py."""

from gateway.usecases.reconcile_acts import FindingAct
from gateway.web.api import reconciliation
from gateway.web.openapi import Route

RECONCILIATION: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/reconciliation",
        "reconciliation.show",
        reconciliation.show,
        "对账: what differs between our books and the cities', and the newest runs.",
        "对账 reconciliation",
        query={
            "city": "Deciding city.",
            "day": "Beijing day, as in 2026-11-23.",
            "state": "open (default), closed or all.",
            "after": "Keyset cursor: `next` of the page before.",
            "limit": "1 to 200, default 50.",
        },
        codes=("request.invalid",),
    ),
    Route(
        "POST",
        "/v1/reconciliation/runs",
        "reconciliation.run",
        reconciliation.run,
        "立即对账: compare one city's day now; by itself it happens once a day.",
        "对账 reconciliation",
        body=reconciliation.RunWanted,
        codes=("request.invalid",),
    ),
    Route(
        "POST",
        "/v1/reconciliation/findings/{finding_id}/act",
        "reconciliation.act",
        reconciliation.act,
        "处理差异: send the message again, ask the city again, settle it, or let it be.",
        "对账 reconciliation",
        body=FindingAct,
        codes=("request.invalid", "request.not_found", "request.step_not_allowed"),
    ),
)
