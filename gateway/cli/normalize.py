"""tongban normalize: a city's catalogue file in, our items, the findings and the score out; nothing is stored."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import orjson
from cyclopts import Parameter
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from adapters.normalization.normalize import Normalized
from adapters.normalization.report import CatalogueReport
from gateway.cli.output import err, print_table
from gateway.clock import now
from gateway.domain.days import beijing_day
from gateway.settings import Settings
from gateway.usecases.normalise_file import Progress as Told
from gateway.usecases.normalise_file import counted, dialect_from_file, normalised
from gateway.usecases.read_profiles import overrides

_SHOWN_FIELDS = 12


def normalize(
    source: Path,
    *,
    profile: Path,
    city: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """归一化: turn a city's catalogue file into service items and say what was lost on the way.

    Reads only; `tongban catalogue import` stores. Exit 0 when every record became an item, 1 when some must wait in
    quarantine.

    Parameters
    ----------
    source
        The city's file: JSON, XML, xlsx, xls, ods or CSV, as the dialect says.
    profile
        A city's profile with a `catalogue`, or a dialect file.
    city
        行政区划代码 of the deciding city, for a dialect file whose records do not say it.
    json
        Print one JSON document: items, findings, coverage, source_use, counts.
    """
    settings = Settings()
    dialect = dialect_from_file(profile, settings.seeds_dir, overrides(profile.stem), beijing_day(now()), city)
    report = CatalogueReport(dialect)
    with reading(source.name) as told:
        results = counted(normalised(source, dialect, told), report)
        if json:
            _write(results, report)
        else:
            _show(results, report)
    return 1 if report.quarantined else 0


@contextmanager
def reading(name: str) -> Iterator[Told]:
    """A progress bar on stderr for a file that is being read."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(f"读取 reading {name}", total=None)

        def told(done: int, whole: int) -> None:
            progress.update(task, completed=done, total=whole)

        yield told


def _write(results: Iterable[Normalized], report: CatalogueReport) -> None:
    """One JSON document, written while the file is read: findings wait in a temporary file, items go out at once."""
    out = sys.stdout
    with tempfile.TemporaryFile("w+") as findings:
        out.write('{"items": [')
        _write_items(results, out, findings)
        out.write('], "findings": [')
        findings.seek(0)
        for block in iter(lambda: findings.read(1 << 16), ""):
            out.write(block)
    out.write("], " + orjson.dumps(report.as_json()).decode()[1:] + "\n")


def _write_items(results: Iterable[Normalized], out: IO[str], findings: IO[str]) -> None:
    between_items = between_findings = ""
    for one in results:
        if one.item is not None:
            out.write(f"{between_items}{one.item.model_dump_json(exclude_none=True)}")
            between_items = ",\n"
        for finding in one.findings:
            findings.write(f"{between_findings}{finding.model_dump_json()}")
            between_findings = ",\n"


def _show(results: Iterable[Normalized], report: CatalogueReport) -> None:
    for one in results:
        if one.item is None:
            first = next(finding for finding in one.findings if finding.severity == "error")
            err.print(
                f"[red]待改 quarantined[/red] {one.place} {one.key} {one.name or ''}：{first.message_zh}",
                highlight=False,
            )
    show_report(report)


def show_report(report: CatalogueReport) -> None:
    """The score, the weakest fields, the findings by rule and the fields nobody has thought of, as tables."""
    use = report.source_use()
    row = (report.read, report.ok, report.quarantined, report.catalogue, use["used"], use["ignored"], use["unmapped"])
    columns = (
        "条数 read",
        "合格 ok",
        "待改 quarantined",
        "覆盖率 coverage",
        "来源已用 used",
        "忽略 ignored",
        "未映射 unmapped",
    )
    print_table("归一化 normalisation", columns, [row])
    weakest = sorted(report.by_field().items(), key=lambda one: one[1])[:_SHOWN_FIELDS]
    print_table("覆盖率最低的字段 weakest fields", ("字段 field", "覆盖率 coverage"), weakest)
    rules = [(one["rule"], one["severity"], one["count"]) for one in report.as_json()["findings_by_rule"]]
    if rules:
        print_table("发现 findings", ("规则 rule", "轻重 severity", "次数 count"), rules)
    if unmapped := report.source_fields()["unmapped"]:
        print_table("未映射的来源字段 unmapped source fields", ("字段 field",), [(path,) for path in unmapped])
