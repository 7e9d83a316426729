"""判定：结果与回调: result files are there and whole, outcome and licence agree, callbacks are signed and fresh."""

import hashlib

from cryptography.hazmat.primitives import hashes

from gateway.conformance.judging_messages import NOT_TAKEN
from gateway.conformance.run import Run
from gateway.conformance.sending import say
from gateway.conformance.verdict import Verdict, failed, not_applicable, passed, untested
from gateway.conformance.watching import FINAL
from schemas.errors import CrossCityError
from schemas.message import Outcome, ProgressReport, RemoteFile, Step

_AGAINST = frozenset({Outcome.REFUSED, Outcome.RETURNED, Outcome.VOIDED, Outcome.NOT_SUPPLEMENTED})


async def result_file(run: Run) -> Verdict:
    """结果文件: every file that was announced for the first two cases."""
    reports = await _ended(run)
    if reports is None:
        return untested(NOT_TAKEN)
    files = [file for report in reports for file in report.files]
    if not files:
        if not any(report.licence_issued for report in reports):
            return not_applicable("办结未附结果文件 / no result file was announced")
        return failed("-", "没有文件 no file", "报出证而没有文件 / a licence without a file")
    for file in files:
        sent = f"取回 fetch {file.reference}"
        try:
            wrong, said = await _compared(run, file)
        except CrossCityError as error:
            return failed(sent, say(error), "结果文件取不到 / the result file cannot be had")
        if wrong:
            return failed(sent, said, "结果文件与公布的不符 / the file is not what was announced")
    return passed(f"取回 fetch {len(files)}", "大小与摘要相符 sizes and digests fit")


async def _compared(run: Run, file: RemoteFile) -> tuple[bool, str]:
    """Whether it differs, and what came."""
    sha256, sm3, size_bytes = hashlib.sha256(), hashes.Hash(hashes.SM3()), 0
    async for chunk in run.adapter.fetch(file):
        size_bytes += len(chunk)
        sha256.update(chunk)
        sm3.update(chunk)
    told = (file.size_bytes, file.sha256, file.sm3)
    found = (size_bytes, sha256.hexdigest(), sm3.finalize().hex())
    wrong = any(one is not None and one != other for one, other in zip(told, found, strict=True))
    return wrong, f"{size_bytes} B, SHA-256 {found[1][:16]}…, SM3 {found[2][:16]}…; 公布 told {file.size_bytes} B"


async def licence(run: Run) -> Verdict:
    """出证与结果一致."""
    reports = await _ended(run)
    if reports is None:
        return untested(NOT_TAKEN)
    decided = [one for one in run.watch.ours() if one.report.step is Step.DECIDED]
    for report in (one.report for one in decided):
        said = f"{report.outcome}, 出证 licence {report.licence_issued}, 文件 files {len(report.files)}"
        if report.licence_issued and report.outcome in _AGAINST:
            return failed("-", said, "不予而出证 / refused, and yet a licence")
        if report.licence_issued and not report.files:
            return failed("-", said, "出证而无文件 / a licence without a file")
        if not report.licence_issued and report.outcome in _AGAINST and report.files:
            return failed("-", said, "不予而附结果文件 / refused, and yet a result file")
    return (
        passed(f"办结 decisions {len(decided)}", "一致 they agree") if decided else untested("尚无办结 / none decided")
    )


async def callback_signed(run: Run) -> Verdict:
    """回调签名: at least one good, none bad."""
    if run.listener is None:
        return not_applicable("该城市不回调 / this city does not call back")
    await _ended(run)
    calls = run.listener.calls
    said = f"正确 good {calls.good}, 签名错误 unsigned {calls.unsigned}, 无法读取 unreadable {calls.unreadable}"
    if calls.unsigned or calls.unreadable:
        return failed("200 / 401 / 422", said, "有未签名或无法读取的回调 / calls unsigned or unreadable")
    return passed("200", said) if calls.good else untested("没有收到回调 / no callback came")


async def callback_once(run: Run) -> Verdict:
    """随机数不重用."""
    if run.listener is None:
        return not_applicable("该城市不回调 / this city does not call back")
    await _ended(run)
    calls = run.listener.calls
    if calls.replayed:
        said = f"重用 used again {calls.replayed}"
        return failed("401", said, "随机数重用，按重放拒收 / a nonce came again and was refused")
    return (
        passed("200", f"{calls.good} 个均不同 all different")
        if calls.good
        else untested("没有收到回调 / no callback came")
    )


async def _ended(run: Run) -> list[ProgressReport] | None:
    """The reports of the first two cases once they have ended; None where nothing was taken."""
    case, other = await run.ordinary(), await run.with_file()
    taken = [one for one in (case, other) if one.error is None]
    for one in taken:
        await run.watch.until_steps(one.message.application_id, FINAL, run.wait_s)
    return [report for one in taken for report in run.reports(one)] if taken else None
