"""tongban verify: e-licence files in, one report each out; nothing is stored and nothing is fetched."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import Progress

from gateway.cli.opening import open_database
from gateway.cli.output import err, print_json, print_table
from gateway.clock import now
from gateway.domain.days import BEIJING
from gateway.settings import Settings
from gateway.trust.judging import Judging
from gateway.trust.policy import DEFAULT, POLICIES
from gateway.trust.snapshot import TrustSnapshot
from gateway.usecases import trust_store
from gateway.usecases.pdf_process import PdfProcesses, verify_file
from gateway.usecases.trust_folder import trust_folder
from gateway.usecases.trust_store import EMPTY
from schemas.errors import Invalid, NotFound
from schemas.verification import Check, CheckStatus, Indication, Report

_MARKS = {"pass": "✓", "fail": "✗", "indeterminate": "?", "skipped": "–"}


def verify(
    *files: Path,
    trust: Path | None = None,
    generation: str | None = None,
    at: str | None = None,
    policy: str = DEFAULT.name,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """核验: check e-licence files (OFD, PDF, JWS, SD-JWT) and say what holds, what does not, and why.

    Exit 0 all passed, 1 any failed, 2 any could not be decided and none failed, 64 nothing could be verified at all.

    Parameters
    ----------
    files
        The files.
    trust
        Folder with anchors/, intermediates/, crls/, sealers/ (PEM or DER); without it nothing can pass.
    generation
        信任库代次 of the gateway's trust store instead of a folder, by the name in a report, or "current".
    at
        核验时刻, ISO 8601 with offset (without: Beijing time); default now.
    policy
        核验策略: window, strict or archive.
    json
        Print a JSON array, one report per file, in input order.
    """
    try:
        reports = _reports(files, _judging(trust, generation, at, policy))
    except (Invalid, NotFound) as error:  # exit 1 says that a licence failed
        err.print(f"{error.detail_zh}\n{error.detail}", highlight=False)
        return 64
    if json:
        print_json([{"file": str(path)} | report.model_dump(mode="json") for path, report in reports])
    else:
        for path, report in reports:
            _show(path, report)
    verdicts = {report.indication for _, report in reports}
    if Indication.TOTAL_FAILED in verdicts:
        return 1
    return 2 if Indication.INDETERMINATE in verdicts else 0


def _reports(files: Sequence[Path], judging: Judging) -> list[tuple[Path, Report]]:
    if not files:
        raise Invalid("Name at least one file.", "请至少给出一个文件。")
    contents = [(path, _read(path)) for path in files]
    with Progress(console=err, transient=True) as progress, PdfProcesses(count=1) as processes:
        tracked = progress.track(contents, description="核验 verifying")
        return [(path, verify_file(content, judging, processes)) for path, content in tracked]


async def _stored(name: str) -> TrustSnapshot:
    async with open_database(Settings()) as db:
        found = await (trust_store.newest(db) if name == "current" else trust_store.generation(db, name))
        return await trust_store.load_snapshot(db, found)


def _snapshot(trust: Path | None, generation: str | None) -> TrustSnapshot:
    if generation is None:
        return EMPTY if trust is None else trust_folder(trust)
    if trust is not None:
        raise Invalid("Give --trust or --generation, not both.", "--trust 与 --generation 只能给一个。")
    return asyncio.run(_stored(generation))


def _judging(trust: Path | None, generation: str | None, at: str | None, policy: str) -> Judging:
    chosen = POLICIES.get(policy)
    if chosen is None:
        raise Invalid(
            f"There is no policy {policy}; choose one of {', '.join(POLICIES)}.",
            f"没有名为 {policy} 的核验策略，可选：{'、'.join(POLICIES)}。",
        )
    return Judging(_snapshot(trust, generation), chosen, now() if at is None else _moment(at))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"--at {text} is no ISO 8601 time.", f"--at {text} 不是 ISO 8601 时间。") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.", f"无法读取文件 {path}：{error.strerror}。") from None


def _show(path: Path, report: Report) -> None:
    title = f"{path.name}  {report.indication} {report.sub_indication or ''}\n{report.message_zh}"
    rows = [
        (_MARKS[check.status], check.message_zh, check.name, check.step, _whose(check), check.sub_indication)
        for check in sorted(report.checks, key=lambda one: one.status is CheckStatus.PASS)
    ]
    print_table(title, ("结果", "说明", "检查 check", "步骤", "签名", "原因 sub-indication"), rows)


def _whose(check: Check) -> str:
    return "文件" if check.signature is None else f"签名{check.signature + 1}"
