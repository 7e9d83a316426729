"""判定：进度: whether what the city reports can be true, belongs to us, and comes to an end."""

import re
from datetime import timedelta

from gateway.conformance.judging_messages import NOT_TAKEN
from gateway.conformance.run import Run
from gateway.conformance.verdict import Verdict, failed, not_applicable, passed, untested
from gateway.conformance.watching import FINAL, Seen
from gateway.domain.folding import Fact, fold
from schemas.message import Outcome, ProgressReport, Step

_TOLERANCE = timedelta(minutes=5)
_FAVOURABLE = frozenset({Outcome.GRANTED, Outcome.COMPLETED})
_NO_PROGRESS = "尚无进度 / no progress yet"
_GARBLED = re.compile("\ufffd|锟斤拷|[\u00c2-\u00ef][\u0080-\u00bf]{1,2}|烫烫")
"""Undecodable bytes, and UTF-8 that was read as another charset."""


async def progress(run: Run) -> Verdict:
    """进度到达: the ordinary case comes to a favourable end."""
    case = await run.ordinary()
    if case.error is not None:
        return untested(NOT_TAKEN)
    await run.watch.until_steps(case.message.application_id, FINAL, run.wait_s)
    reports = run.reports(case)
    if not reports:
        return failed(case.sent, _errors(run), f"{run.wait_s:g}秒内没有进度 / no progress within that time")
    last = max(reports, key=lambda one: one.occurred_at)
    if not any(one.step in FINAL for one in reports) and Step.UNKNOWN not in {one.step for one in reports}:
        return failed(case.sent, run.steps(case), f"{run.wait_s:g}秒内未办结 / not decided within that time")
    if any(one.outcome is not None and one.outcome not in _FAVOURABLE for one in reports):
        return failed(case.sent, run.steps(case), f"试办申请应获准予 / it should be granted, was {last.outcome}")
    return passed(case.sent, run.steps(case))


async def case_number(run: Run) -> Verdict:
    """办件编号: one each, the same throughout, in the agreed format."""
    case, other = await run.ordinary(), await run.with_file()
    if case.error is not None or other.error is not None:
        return untested(NOT_TAKEN)
    await run.watch.until(lambda: all(run.number_of(one) for one in (case, other)), run.wait_s)
    first, second = run.number_of(case), run.number_of(other)
    sent, said = f"{case.sent}; {other.sent}", f"编号 numbers {first or '-'}, {second or '-'}"
    if first is None or second is None:
        return failed(sent, said, "没有办件编号 / no case number was given")
    if first == second:
        return failed(sent, said, "两件同号 / two cases have one number")
    for one in (case, other):
        if wrong := {report.case_number for report in run.reports(one)} - {None, run.number_of(one)}:
            said = f"{run.number_of(one)} → {', '.join(str(number) for number in wrong)}"
            return failed(sent, said, "编号前后不一 / the number changes")
    pattern = run.messages.trials.case_number
    if pattern is not None and not all(re.fullmatch(pattern, number) for number in (first, second)):
        return failed(sent, said, "编号不合约定格式 / a number does not fit conformance.case_number")
    return passed(sent, said)


async def known_codes(run: Run) -> Verdict:
    """代码都在表内, and every row can be read."""
    found = await _found(run)
    if run.watch.unreadable:
        return failed(_count(found), f"{run.watch.unreadable} 行 rows", "有无法读取的行 / rows that cannot be read")
    unknown = sorted({str(one.report.partner_code) for one in found if one.report.step is Step.UNKNOWN})
    if unknown:
        return failed(_count(found), f"代码 codes {', '.join(unknown)}", "代码不在表内 / codes in no table")
    return passed(_count(found), "代码均在表内 every code is known") if found else untested(_NO_PROGRESS)


async def order(run: Run) -> Verdict:
    """次序: in the city's own order every step is possible."""
    found = await _found(run)
    for application_id in dict.fromkeys(one.report.application_id for one in found):
        reports = [one for one in run.watch.of(application_id) if one.step is not Step.UNKNOWN]
        aside = set(fold([_fact(one) for one in reports]).set_aside)
        if aside:
            said = " → ".join(one.step.value for one in sorted(reports, key=lambda one: one.occurred_at))
            bad = ", ".join(one.step.value for one in reports if one.report_id in aside)
            reason = f"按对方的次序，{bad}不可能 / in its own order {bad} is impossible"
            return failed(f"申请 application {application_id}", said, reason)
    return passed(_count(found), "次序合理 possible") if found else untested(_NO_PROGRESS)


async def own_cases(run: Run) -> Verdict:
    """只报我方办件."""
    found = await _found(run)
    if strange := {str(one.application_id) for one in run.watch.strange()}:
        said = f"办件 cases {', '.join(sorted(strange)[:3])}"
        return failed(_count(found), said, "报来不是我方的办件 / reports of cases that are not ours")
    return passed(_count(found), "均为我方办件 all ours") if found else untested(_NO_PROGRESS)


async def times(run: Run) -> Verdict:
    """时间可信: not before the application was sent, not after the report was here."""
    found = await _found(run)
    began = {case.message.application_id: case.sent_at for case in run.cases.values()}
    for one in found:
        start = began.get(one.report.application_id, one.at)
        early, late = start - _TOLERANCE - one.report.occurred_at, one.report.occurred_at - one.at - _TOLERANCE
        off = max(early, late)
        if off > timedelta(0):
            off_s = (off + _TOLERANCE).total_seconds()
            hint = "，恰约8小时，疑为时区 (about 8 h: the zone?)" if abs(off_s - 28_800) < 900 else ""
            said = f"{one.report.step} {one.report.occurred_at.isoformat()}, 收到 received {one.at.isoformat()}"
            way = "早于投递 before it was sent" if off == early else "晚于现在 in the future"
            return failed(_count(found), said, f"{way}, {off_s:.0f} s{hint}")
    return passed(_count(found), "均在5分钟误差内 within 5 minutes") if found else untested(_NO_PROGRESS)


async def text_readable(run: Run) -> Verdict:
    """没有乱码 in reasons and names of files."""
    found = await _found(run)
    texts = [text for one in found for text in (one.report.reason, *(file.name for file in one.report.files)) if text]
    if not texts:
        return not_applicable("进度中没有文字 / progress holds no text")
    if garbled := [text for text in texts if _GARBLED.search(text)]:
        return failed(f"文字 texts {len(texts)}", f"乱码 garbled {len(garbled)}", "有乱码 / a text is garbled")
    return passed(f"文字 texts {len(texts)}", "可读 readable")


async def stable_reports(run: Run) -> Verdict:
    """重复报告可识别: asked for again it is the same; two facts never share an identity."""
    found = await _found(run)
    if run.watch.changed_ids:
        said = ", ".join(dict.fromkeys(run.watch.changed_ids))[:300]
        return failed(_count(found), said, "再次读取时不同或消失 / changed or gone when read again")
    contents: dict[str, ProgressReport] = {}
    for one in found:
        if contents.setdefault(one.report.report_id, one.report) != one.report:
            return failed(_count(found), one.report.report_id, "一个标识两种内容 / one identity, two contents")
    facts: dict[tuple[object, ...], str] = {}
    for report in contents.values():
        fact = (report.application_id, report.step, report.occurred_at, report.case_number, report.outcome)
        if (known := facts.setdefault(fact, report.report_id)) != report.report_id:
            return failed(_count(found), f"{known}; {report.report_id}", "一个事实两个标识 / one fact, two identities")
    return passed(_count(found), "标识稳定 stable") if found else untested(_NO_PROGRESS)


async def cursor(run: Run) -> Verdict:
    """游标不漏: read again from where this run began."""
    if not run.watch.has_cursor:
        return not_applicable("该方式没有可回退的游标 / there is no cursor to go back to")
    before = {one.report.report_id for one in await _found(run)}
    again = {one.report_id for one in await run.watch.again() if one.application_id in run.watch.known}
    while await run.watch.poll():
        pass
    after = {one.report.report_id for one in run.watch.ours()}
    sent = f"从旧游标重读 read again from {run.watch.started_at or '-'}"
    if missed := again - after:
        said = ", ".join(sorted(missed)[:3])
        return failed(sent, f"漏读 missed {len(missed)}: {said}", "逐次读时漏掉 / skipped when read bit by bit")
    if gone := before - again:
        said = ", ".join(sorted(gone)[:3])
        return failed(sent, f"不再有 gone {len(gone)}: {said}", "重读时不再有 / gone when read again")
    return passed(sent, f"{len(again)} 条相同 the same") if again else untested(_NO_PROGRESS)


async def _found(run: Run) -> list[Seen]:
    """What was reported of this run, once the ordinary case has ended or patience has."""
    case = await run.ordinary()
    if case.error is None:
        await run.watch.until_steps(case.message.application_id, {*FINAL, Step.UNKNOWN}, run.wait_s)
    return run.watch.ours()


def _fact(report: ProgressReport) -> Fact:
    return Fact(
        report.report_id,
        report.step,
        report.occurred_at,
        report.partner_sequence,
        report.case_number,
        report.outcome,
    )


def _errors(run: Run) -> str:
    last = run.watch.errors[-1] if run.watch.errors else None
    return "-" if last is None else f"{last.code}: {last.detail}"


def _count(found: list[Seen]) -> str:
    return f"收到进度 reports {len(found)}"
