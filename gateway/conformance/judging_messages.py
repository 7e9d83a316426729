"""判定：申请: what the city does with an application: once, whole, in clear words."""

from dataclasses import replace

from adapters.profile import Duplicates, Transport
from adapters.registry import build_adapter
from gateway.conformance.applications import RARE_NAME, Wish
from gateway.conformance.run import Case, Run
from gateway.conformance.sending import say
from gateway.conformance.verdict import Verdict, failed, not_applicable, passed, untested
from schemas.errors import CrossCityError, PartnerRefused
from schemas.message import Step

NOT_TAKEN = "试办申请未被收下 / the trial application was not taken"
_SECOND_ANSWER_S = 3.0
LEFT_FOR_IT = frozenset({Transport.EXCHANGE_DATABASE, Transport.SFTP_BATCH})
"""What is delivered there is read later: numbers and refusals come as progress."""


async def accepted(run: Run) -> Verdict:
    """收下申请."""
    case = await run.ordinary()
    if case.error is not None:
        return failed(case.sent, case.answered, "申请未被收下 / the application was not taken")
    return passed(case.sent, case.answered)


async def file_whole(run: Run) -> Verdict:
    """文件完整: the answer to an upload says so, or the city begins with the case after it has compared digests."""
    if (await run.ordinary()).error is not None:
        return untested(NOT_TAKEN)
    case = await run.with_file()
    if case.error is not None:
        return failed(case.sent, case.answered, "带文件的申请未被收下 / the application with files was not taken")
    if run.profile.transport in LEFT_FOR_IT:
        if not await run.watch.until(lambda: bool(run.reports(case)), run.wait_s):
            return untested("尚无进度 / no progress yet")
        if run.reports(case)[0].step is Step.REJECTED:
            return failed(case.sent, run.steps(case), "带文件的申请被拒收 / it was rejected for its files")
        return passed(case.sent, run.steps(case))
    return passed(case.sent, case.answered, "" if _tells_digest(run) else "应答不含摘要 / answers have no digest")


async def same_once(run: Run) -> Verdict:
    """同一报文只登记一次: sent again where that is allowed, asked for where it is not."""
    if run.profile.duplicates is Duplicates.UNSAFE:
        return not_applicable("duplicates为unsafe，从不重发 / nothing is ever sent again to this city")
    case = await run.ordinary()
    if case.acknowledgement is None:
        return untested(NOT_TAKEN)
    if run.profile.duplicates is Duplicates.QUERY_FIRST:
        return await _found_again(run, case)
    second = await _sent_again(run, case)
    if isinstance(second, CrossCityError):
        return failed(f"再发 again {case.sent}", say(second), "重复报文未被收下 / the repeat was not taken")
    given = {number for number in (case.acknowledgement.case_number, second) if number}
    if run.profile.transport in LEFT_FOR_IT:  # a second number would come later, with the city's own answer
        await run.watch.until_steps(case.message.application_id, {Step.DECIDED, Step.REJECTED}, run.wait_s)
        await run.watch.until(lambda: len(run.watch.numbers_of(case.message.application_id)) > 1, _SECOND_ANSWER_S)
    numbers = sorted(given | run.watch.numbers_of(case.message.application_id))
    said = f"编号 numbers {', '.join(numbers) or '-'}"
    if len(numbers) > 1:
        return failed(f"两次 twice {case.sent}", said, "同一报文得到两个编号 / one message got two numbers")
    return passed(f"两次 twice {case.sent}", said)


async def _found_again(run: Run, case: Case) -> Verdict:
    assert case.acknowledgement is not None  # noqa: S101 - the caller has looked
    sent = f"查询 query {case.message.application_id}"
    found = await run.adapter.find(case.message)
    if found is None:
        return failed(sent, "查无 none", "刚收下的申请查不到 / an application just taken is not found")
    if found.case_number != case.acknowledgement.case_number:
        said = f"{found.case_number} ≠ {case.acknowledgement.case_number}"
        return failed(sent, said, "查到的编号不同 / another number is found")
    return passed(sent, f"编号 number {found.case_number}")


async def _sent_again(run: Run, case: Case) -> str | CrossCityError | None:
    """The number given to the repeat, or why there is none.

    Batches that we know to be sent are not sent again by the adapter; one without such records does it.
    """
    try:
        if run.profile.sftp_batch is None:
            return (await run.sender.deliver(case.message, run.files)).case_number
        outgoing = run.profile.sftp_batch.outgoing.model_copy(update={"records": None})
        batch = run.profile.sftp_batch.model_copy(update={"outgoing": outgoing})
        forgetful = build_adapter(run.profile.model_copy(update={"sftp_batch": batch}), run.context)
        try:
            return (await replace(run.sender, adapter=forgetful).deliver(case.message, run.files)).case_number
        finally:
            await forgetful.close()
    except CrossCityError as error:
        return error


async def absent(run: Run) -> Verdict:
    """查无此件."""
    if run.profile.duplicates is not Duplicates.QUERY_FIRST:
        return not_applicable("该城市不用先查后发 / this city is not asked first")
    message = run.messages.application(Wish(run.messages.trials.ordinary), run.context.now())
    sent = f"查询从未发出的 query, never sent: {message.application_id}"
    found = await run.adapter.find(message)
    if found is not None:
        return failed(sent, f"编号 number {found.case_number}", "从未发出的申请竟查到 / what was never sent is found")
    return passed(sent, "查无 none")


async def clear_answers(run: Run) -> Verdict:
    """应答明确, over everything sent so far."""
    await run.ordinary()
    sent, unclear = f"申请 applications {len(run.cases)}", run.sender.told.unclear
    if unclear:
        reason = "应答缺失、截断或超时 / an answer was missing, cut or late"
        return failed(sent, f"不明确 unclear {len(unclear)}: {', '.join(dict.fromkeys(unclear))}", reason)
    return passed(sent, "均有明确应答 every answer was clear")


async def refusal(run: Run) -> Verdict:
    """业务拒收: at once, or as progress where it is read later."""
    case = await run.refused()
    if case is None:
        return untested("配置未写conformance.refused / the profile has no conformance.refused")
    if isinstance(case.error, PartnerRefused):
        return passed(case.sent, case.answered)
    if case.error is not None:
        return failed(case.sent, case.answered, "应以业务原因拒收 / a business refusal was expected")
    ends = {Step.REJECTED, Step.RETURNED}
    if await run.watch.until_steps(case.message.application_id, {*ends, Step.DECIDED}, run.wait_s):
        last = run.reports(case)[-1]
        if last.step in ends:
            return passed(case.sent, run.steps(case))
    return failed(case.sent, f"{case.answered}; {run.steps(case)}", "应拒收而收下 / it was taken, not refused")


async def rare_characters(run: Run) -> Verdict:
    """生僻字: a name and a file name that hold some."""
    if (await run.ordinary()).error is not None:
        return untested(NOT_TAKEN)
    case = await run.another("rare", [run.files.add("证明𠮷㐂.pdf", 100)], RARE_NAME)
    if case.error is not None:
        return failed(case.sent, case.answered, "含生僻字的申请未被收下 / names with rare characters are not taken")
    if run.profile.transport in LEFT_FOR_IT:
        await run.watch.until(lambda: bool(run.reports(case)), run.wait_s)
        if any(one.step is Step.REJECTED for one in run.reports(case)):
            return failed(case.sent, run.steps(case), "含生僻字的申请被拒收 / names with rare characters are rejected")
    return passed(f"{case.sent} (𠮷㐂)", case.answered)


async def later(run: Run) -> Verdict:
    """请稍后, over everything sent so far."""
    told = run.sender.told
    sent = f"申请 applications {len(run.cases)}"
    said = f"稍后 later {told.later}, 等后收下 taken after it {told.later_kept}"
    if told.too_long_s:
        return failed(sent, f"Retry-After {told.too_long_s:g} s", "要求等待过久 / it asks for too long a wait")
    if told.later_broken:
        return failed(sent, said, "等够之后仍不收 / it is not taken after the wait it asked for")
    return passed(sent, said) if told.later else not_applicable("对方没有请求稍后 / it never said later")


def _tells_digest(run: Run) -> bool:
    section = run.profile.rest or run.profile.soap
    upload = getattr(section, "upload", None)
    return section is None or upload is None or upload.sha256 is not None
