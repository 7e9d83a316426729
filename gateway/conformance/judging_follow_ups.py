"""判定：补正、撤回与对账: what follows an application, and whether both sides count the same."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta, timezone
from uuid import UUID

from adapters.profile import Duplicates
from gateway.conformance.judging_messages import NOT_TAKEN
from gateway.conformance.run import Case, Run
from gateway.conformance.sending import say
from gateway.conformance.verdict import Settled, Verdict, failed, not_applicable, passed, untested
from gateway.conformance.watching import FINAL
from schemas.errors import CrossCityError, PartnerUnavailable
from schemas.message import FollowUp, ListedCase, MessageKind, Step

_CHINA = timezone(timedelta(hours=8))
_NO_TRIAL = "配置未写conformance.asks / the profile has no conformance.asks"
_QUIET_S = 2.0
_LOOK_AGAIN_S = 1.0


async def supplement(run: Run) -> Verdict:
    """补正往返."""
    case = await _asked(run, "supplement", "supplement")
    application_id = case.message.application_id
    asked = next((one for one in run.reports(case) if one.step is Step.SUPPLEMENT_ASKED), None)
    if asked is None:
        return failed(case.sent, run.steps(case), "没有补正告知 / no supplement was asked for")
    if not asked.reason:
        return failed(case.sent, run.steps(case), "补正告知没有写明要什么 / the request does not say what is wanted")
    files = [run.files.add("补正材料.pdf", 1000)]
    number, now = run.number_of(case), run.context.now()
    given = run.messages.follow_up(MessageKind.SUPPLEMENT, case.message, number, now, files)
    sent = f"补正 supplement {application_id}, 文件 files 1"
    await _hand_over(run, given, sent)
    if not await run.watch.until_steps(application_id, FINAL, run.wait_s):
        return failed(sent, run.steps(case), "补正之后没有继续 / the case did not go on")
    if sum(one.step is Step.SUPPLEMENT_GIVEN for one in run.reports(case)) > 1:
        return failed(sent, run.steps(case), "补交两次被记两次 / given twice it counted twice")
    return passed(sent, run.steps(case))


async def withdrawal(run: Run) -> Verdict:
    """撤回."""
    case = await _asked(run, "withdraw", "withdrawal")
    application_id = case.message.application_id
    number, now = run.number_of(case), run.context.now()
    taken_back = run.messages.follow_up(MessageKind.WITHDRAW, case.message, number, now, ())
    sent = f"撤回 withdrawal {application_id}"
    await _hand_over(run, taken_back, sent)
    if not await run.watch.until_steps(application_id, FINAL, run.wait_s):
        return failed(sent, run.steps(case), "没有报告撤回 / the withdrawal was not reported")
    await asyncio.sleep(_QUIET_S)
    steps = [one.step for one in run.reports(case)]
    if Step.WITHDRAWN not in steps or set(steps) & {Step.DECIDED, Step.ACCEPTED}:
        return failed(sent, run.steps(case), "撤回之后仍在办理 / the case went on after the withdrawal")
    return passed(sent, run.steps(case))


async def _asked(run: Run, operation: str, name: str) -> Case:
    """A case for which the city has asked a supplement, if it does. Raises Settled where there can be none."""
    if not run.operation(operation):
        raise Settled(not_applicable("配置没有该操作 / the profile has no such operation"))
    case = await run.asking(name)
    if case is None:
        raise Settled(untested(_NO_TRIAL))
    if case.error is not None:
        raise Settled(failed(case.sent, case.answered, NOT_TAKEN))
    await run.watch.until_steps(case.message.application_id, {Step.SUPPLEMENT_ASKED, *FINAL}, run.wait_s)
    return case


async def _hand_over(run: Run, message: FollowUp, sent: str) -> None:
    """Twice, where a repeat is harmless. Raises Settled where it is not taken."""
    times = 2 if run.profile.duplicates is Duplicates.IDEMPOTENT else 1
    try:
        for _ in range(times):
            await run.sender.follow_up(message, run.files)
    except CrossCityError as error:
        raise Settled(failed(sent, say(error), "未被收下 / it was not taken")) from None


async def listing(run: Run) -> Verdict:
    """对账清单: every case that was taken, once, with its last step."""
    if not run.operation("listing"):
        return not_applicable("配置没有对账清单 / the profile has no listing")
    await run.ordinary()
    taken = {one.message.application_id: one for one in run.cases.values() if one.acknowledgement is not None}
    if not taken:
        return untested(NOT_TAKEN)
    loop, sent = asyncio.get_running_loop(), f"清单 listing, {len(taken)} 件 cases"
    until = loop.time() + run.wait_s
    while True:
        try:
            wrong = _differences(run, taken, await _listed(run))
        except PartnerUnavailable as error:  # a list that is written once a day, or a moment later
            wrong = say(error)
        if wrong is None:
            return passed(sent, f"{len(taken)} 件一致 agree")
        if loop.time() > until:
            return failed(sent, wrong, "清单与我方不一致 / the listing differs from what we know")
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _listed(run: Run) -> tuple[ListedCase, ...]:
    """Of every day on which this run sent something: midnight may pass."""
    days = {one.sent_at.astimezone(_CHINA).date() for one in run.cases.values()}
    cases: list[ListedCase] = []
    for day in sorted(days):
        cases += await run.adapter.listing(day)
    return tuple(cases)


def _differences(run: Run, taken: Mapping[UUID, Case], listed: tuple[ListedCase, ...]) -> str | None:
    """The first thing that is not as we know it."""
    for application_id, case in taken.items():
        found = [one for one in listed if one.application_id == application_id]
        steps = [one.step for one in run.reports(case)]
        if len(found) != 1:
            if found or Step.REJECTED not in steps:  # what was rejected at once was never booked
                return f"{application_id}: {len(found)} 行 rows"
            continue
        number = run.number_of(case)
        if found[0].case_number is not None and number is not None and found[0].case_number != number:
            return f"{application_id}: {found[0].case_number} ≠ {number}"
        if found[0].step is Step.UNKNOWN or (set(steps) & FINAL and found[0].step not in FINAL):
            return f"{application_id}: {found[0].step}, 我方 ours {', '.join(steps)}"
    return None
