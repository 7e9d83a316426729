"""对账接口: runs and findings, a run at once, and what is done about a finding."""

from datetime import date, timedelta

from aiohttp import web
from pydantic import Field

from gateway.clock import now
from gateway.domain.access import Role, not_found, require_role
from gateway.domain.days import beijing_day
from gateway.storage import reconciliation
from gateway.usecases.parsing import parse
from gateway.usecases.reconcile import reconcile
from gateway.usecases.reconcile_acts import Acting, FindingAct, act_on
from gateway.usecases.reconcile_view import findings_view, run_view
from gateway.web.api.catalogue import invalid_query, page_limit, query_city
from gateway.web.endpoint import authenticate, json_body, json_response
from gateway.wiring import Services
from schemas.errors import FieldProblem, Invalid
from schemas.identifiers import DivisionCode
from schemas.model import Model

_STATES = ("open", "closed", "all")
_RUNS = 50
_EARLIEST = date(2000, 1, 1)


class RunWanted(Model):
    """立即对账: which city and day."""

    city: DivisionCode
    day: date | None = Field(default=None)
    """Beijing day, from 2000-01-01 to today; absent = yesterday."""


async def show(request: web.Request, services: Services) -> web.Response:
    """GET /v1/reconciliation?city=&day=&state=open|closed|all&after=&limit=: findings, and the newest runs."""
    require_role(authenticate(request, services), Role.ADMIN, Role.AUDITOR)
    limit, city, day = page_limit(request), query_city(request) or "", _day(request)
    state = request.query.get("state", "open")
    if state not in _STATES:
        words = ", ".join(_STATES)
        raise invalid_query("state", f"state is one of {words}.", f"state 应为 {words} 之一。")
    after = request.query.get("after", "")
    found = await reconciliation.page(services.db, city, day, state, after, limit + 1)
    following = found[limit - 1].finding_id if len(found) > limit else None
    runs = await reconciliation.runs(services.db, city, day, _RUNS)
    return json_response(
        {
            "data": await findings_view(services.db, found[:limit], services.adapters),
            "next": following,
            "runs": [run_view(run) for run in runs],
            "cities": sorted(city for city, one in services.adapters.items() if one.profile.via is None),
        }
    )


def _day(request: web.Request) -> str:
    text = request.query.get("day", "")
    if text:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise invalid_query("day", "day is a date, as in 2026-11-23.", "day 应为日期，例如 2026-11-23。") from None
    return text


async def run(request: web.Request, services: Services) -> web.Response:
    """POST /v1/reconciliation/runs: compare one city's day now, and say what was found."""
    who = authenticate(request, services)
    require_role(who, Role.ADMIN)
    wanted = parse(RunWanted, await json_body(request))
    today = beijing_day(now())
    day = wanted.day or today - timedelta(days=1)
    problems = []
    if wanted.city not in services.profiles:
        problems.append(FieldProblem("/city", "city_unknown", "there is no profile of this city", "没有该城市的配置"))
    if not _EARLIEST <= day <= today:
        problems.append(FieldProblem("/day", "day_out_of_range", "from 2000-01-01 to today", "应为2000-01-01至今日"))
    if problems:
        raise Invalid("There is nothing to compare; see errors.", "无法对账，详见 errors。", errors=tuple(problems))
    done = await reconcile(services.reconciler.given, wanted.city, day, by=who.caller)
    found = await reconciliation.page(services.db, wanted.city, day.isoformat(), "open", "", 200)
    return json_response(
        {"run": run_view(done), "findings": await findings_view(services.db, found, services.adapters)}
    )


async def act(request: web.Request, services: Services) -> web.Response:
    """POST /v1/reconciliation/findings/{finding_id}/act: send again, ask again, settle, or let it be."""
    who = authenticate(request, services)
    require_role(who, Role.ADMIN)
    action = parse(FindingAct, await json_body(request))
    acting = Acting(services.reconciler.given, services.load_message, services.told)
    finding_id = request.match_info["finding_id"]
    await act_on(acting, who, finding_id, action)
    services.worker.poke()
    finding = await reconciliation.get(services.db, finding_id)
    if finding is None:
        raise not_found()
    (view,) = await findings_view(services.db, [finding], services.adapters)
    return json_response(view)
