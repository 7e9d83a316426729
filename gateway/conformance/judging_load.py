"""判定：压力与故障: a large file, many at once, a transfer that is cut in the middle."""

import asyncio

from gateway.conformance.applications import Wish
from gateway.conformance.judging_messages import NOT_TAKEN
from gateway.conformance.run import Case, Run
from gateway.conformance.verdict import Verdict, failed, passed, untested
from schemas.errors import CrossCityError, PartnerRefused

_LARGE_BYTES = 30 * 1024**2
_CUT_BYTES = 2 * 1024**2
_MOST_AT_ONCE = 16


async def large_file(run: Run) -> Verdict:
    """大文件, as large as the profile allows, at most 30 MB."""
    if (await run.ordinary()).error is not None:
        return untested(NOT_TAKEN)
    size_bytes = min(run.profile.limits.max_file_bytes, _LARGE_BYTES)
    case = await run.another("large", [run.files.add("大文件.pdf", size_bytes)])
    if isinstance(case.error, PartnerRefused):
        return passed(case.sent, case.answered, "以业务原因拒收 / refused for a business reason")
    if case.error is not None:
        return failed(case.sent, case.answered, "大文件未被收下 / the large file was not taken")
    return passed(case.sent, case.answered)


async def many_at_once(run: Run) -> Verdict:
    """同时多件: as many as the gateway would send at a time, at most 16."""
    if (await run.ordinary()).error is not None:
        return untested(NOT_TAKEN)
    count = max(2, min(run.profile.limits.in_flight, _MOST_AT_ONCE))
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(run.another(f"many_{number}", [run.files.add(f"{number}.pdf", 1000)]))
            for number in range(count)
        ]
    cases = [task.result() for task in tasks]
    sent = f"同时 at once {count}"
    if bad := [case for case in cases if case.error is not None]:
        return failed(sent, bad[0].answered, f"{len(bad)}件未被收下 / {len(bad)} were not taken")
    await run.watch.until(lambda: all(run.number_of(case) for case in cases), run.wait_s)
    numbers = [number for case in cases if (number := run.number_of(case))]
    said = f"编号 numbers {len(numbers)}, 不同 different {len(set(numbers))}"
    if len(set(numbers)) < len(cases):
        return failed(sent, said, "编号缺失或重复 / numbers are missing or doubled")
    return passed(sent, said)


async def cut_transfer(run: Run) -> Verdict:
    """传到一半断开, then the same message again, whole."""
    if (await run.ordinary()).error is not None:
        return untested(NOT_TAKEN)
    wish = Wish(run.messages.trials.ordinary, [run.files.add("中断.pdf", _CUT_BYTES)])
    message = run.messages.application(wish, run.context.now())
    run.files.broken = True
    try:
        await run.adapter.deliver(message, run.files)
    except CrossCityError:
        pass
    else:
        return failed(str(message.application_id), "收下 taken", "传到一半即被收下 / half a file was taken")
    finally:
        run.files.broken = False
    run.cases["cut"] = case = await run.send(message)
    sent = f"中断后重发 cut, then again: {case.sent}"
    if case.error is not None:
        return failed(sent, case.answered, "断开后重发未被收下 / after a cut the message is not taken")
    return (
        passed(sent, case.answered)
        if await _one_number(run, case)
        else failed(sent, case.answered, "编号不一 / two numbers")
    )


async def _one_number(run: Run, case: Case) -> bool:
    await run.watch.until(lambda: bool(run.number_of(case)), run.wait_s)
    return len({one.case_number for one in run.reports(case) if one.case_number} | {run.number_of(case)}) == 1
