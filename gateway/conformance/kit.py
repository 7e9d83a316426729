"""一致性检查的进行: opens what is needed, judges one rule after the other, each within its time, and closes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from adapters.contract import Adapter, AdapterContext
from adapters.profile import CityProfile
from adapters.registry import build_adapter
from gateway.conformance.applications import TrialMessages
from gateway.conformance.checks import CHECKS, Check
from gateway.conformance.listener import Listener
from gateway.conformance.report import Judged, Report
from gateway.conformance.rules import Rule
from gateway.conformance.run import Run
from gateway.conformance.sending import Sender, Told, say
from gateway.conformance.verdict import Settled, Status, Verdict, failed, untested
from gateway.conformance.watching import Watch
from schemas.errors import CrossCityError, PartnerUnavailable

_ROOM_S = 30.0
_GATHER_S = 1.0
_SLOWEST_S = 60.0
_POLL_S = 1.0
_LAST_POLL_S = 5.0
_START_S = 30.0
_LOOK_AGAIN_S = 0.3
UNREACHABLE = "对方不可达，其余未测 / the city cannot be reached, nothing else was judged"
BROKEN_OFF = "检查中断，未测 / the run was broken off before this"
_FOUNDATIONS = frozenset({"reachable", "credentials"})
"""Where one of these fails there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class Options:
    """检查选项. Times in seconds; the listener's port 0 = a free one."""

    wait_s: float | None = None
    limit_s: float = 1800.0
    host: str = "127.0.0.1"
    port: int = 0
    listening: Callable[[str], None] = lambda address: None
    """Told the address for callbacks, once it is open."""
    judging: Callable[[Rule], None] = lambda rule: None
    """Told each rule before it is judged."""


async def judge(
    profile: CityProfile, context: AdapterContext, rules: Sequence[Rule], report: Report, options: Options
) -> None:
    """Judge the rules in order into `report`. A run that is broken off leaves the others in it as untested.

    Raises OSError where the port for callbacks is taken.
    """
    try:
        await _judge_all(profile, context, rules, report, options)
    finally:
        judged = {one.rule.id for one in report.results}
        report.results += [Judged(rule, untested(BROKEN_OFF)) for rule in rules if rule.id not in judged]


async def _judge_all(
    profile: CityProfile, context: AdapterContext, rules: Sequence[Rule], report: Report, options: Options
) -> None:
    until = asyncio.get_running_loop().time() + options.limit_s
    async with _opened(_quick(profile), context, options) as run, asyncio.TaskGroup() as group:
        watching = group.create_task(run.watch.run(), name="watch")
        try:
            for rule in rules:
                began = time.monotonic()
                options.judging(rule)
                verdict = untested(UNREACHABLE) if _baseless(report) else await _judged(CHECKS[rule.id], run, until)
                report.results.append(Judged(rule, verdict, time.monotonic() - began))
        finally:
            run.watch.ended.set()  # a poll that is cut off in the middle would be half a conversation
            await asyncio.wait({watching}, timeout=_LAST_POLL_S)
            watching.cancel()


def _baseless(report: Report) -> bool:
    """Whether what everything stands on has failed."""
    return any(one.rule.id in _FOUNDATIONS and one.verdict.status is Status.FAIL for one in report.results)


async def _judged(check: Check, run: Run, until: float) -> Verdict:
    """One rule. An error that no rule expects is a failure of that rule, and the others are still judged."""
    limits = run.profile.limits
    own_s = 3 * (run.wait_s + min(limits.timeout_s, _SLOWEST_S)) + _ROOM_S
    try:
        async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + own_s)):
            return await check(run)
    except Settled as settled:
        return settled.verdict
    except TimeoutError:
        return failed("-", "-", "超过时限 / the time limit was reached")
    except CrossCityError as error:
        return failed("-", say(error), "应答出乎意料 / an answer that was not expected")
    except Exception as error:
        return failed("-", type(error).__name__, "本检查自身出错 / the kit itself failed")


def _quick(profile: CityProfile) -> CityProfile:
    """The same city without our own waiting: a batch need not gather for an hour here."""
    if profile.sftp_batch is None:
        return profile
    window = profile.sftp_batch.window
    window = window.model_copy(update={"every_s": min(window.every_s, _GATHER_S), "retry_s": min(window.retry_s, 1.0)})
    limits = profile.limits.model_copy(update={"timeout_s": min(profile.limits.timeout_s, _SLOWEST_S)})
    batch = profile.sftp_batch.model_copy(update={"window": window})
    return profile.model_copy(update={"sftp_batch": batch, "limits": limits})


@asynccontextmanager
async def _opened(profile: CityProfile, context: AdapterContext, options: Options) -> AsyncIterator[Run]:
    async with AsyncExitStack() as stack:
        adapter = build_adapter(profile, context)
        stack.push_async_callback(adapter.close)
        every_s = _POLL_S if profile.collection is None else min(profile.collection.every_s, _POLL_S)
        watch = Watch(adapter, context.now, every_s)
        messages = TrialMessages(profile, context.city)
        wait_s = messages.trials.within_s if options.wait_s is None else options.wait_s
        run = Run(profile, context, adapter, Sender(adapter, Told()), watch, messages, wait_s)
        if profile.inbound is not None and profile.inbound.callback is not None:
            run.listener = Listener(adapter, watch.take)
            options.listening(await stack.enter_async_context(run.listener.listening(options.host, options.port)))
        await _up(adapter, min(wait_s, _START_S))
        await _drained(watch, wait_s)
        yield run


async def _up(adapter: Adapter, limit_s: float) -> None:
    """Wait for a test system that was started together with this command."""
    until = asyncio.get_running_loop().time() + limit_s
    while asyncio.get_running_loop().time() < until:
        try:
            await adapter.probe()
        except PartnerUnavailable:
            await asyncio.sleep(_LOOK_AGAIN_S)
        except CrossCityError:
            return
        else:
            return


async def _drained(watch: Watch, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await watch.drain()
    except TimeoutError:
        watch.started_at = watch.cursor
