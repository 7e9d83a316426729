"""查看对账: runs and findings as JSON. They hold numbers and codes; a note is the words of the person who wrote it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from adapters.contract import Adapter
from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation import Kind
from gateway.domain.reconciliation_acts import possible
from gateway.evidence.chain import timestamp
from gateway.storage import compared_cases, reconciliation
from gateway.storage.database import Database
from gateway.storage.reconciliation import ActRow, Finding, Run
from gateway.usecases.reconcile_findings import difference_of, ways_of

KIND_ZH: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.MISSING_THERE: "对方缺件",
        Kind.MISSING_HERE: "我方缺件",
        Kind.NOT_SENT: "未发出",
        Kind.STATE_DIFFERS: "状态不符",
        Kind.NUMBER_DIFFERS: "编号不符",
        Kind.DOUBLED: "重复登记",
        Kind.RESULT_MISSING: "缺结果文件",
    }
)


def run_view(run: Run) -> dict[str, Any]:
    """A run."""
    return {
        "run_id": run.run_id,
        "city": run.city,
        "collecting_city": run.collecting_city,
        "day": run.day,
        "state": run.state,
        "compared": run.compared,
        "code": run.code,
        "started_at": timestamp(run.started_at_ms),
        "ended_at": None if run.ended_at_ms is None else timestamp(run.ended_at_ms),
        "started_by": run.started_by,
        "counts": run.counts,
        "digests": run.digests,
    }


async def findings_view(
    db: Database, findings: Sequence[Finding], adapters: Mapping[str, Adapter]
) -> list[dict[str, Any]]:
    """Findings with what was done about them and what may be."""
    done = await reconciliation.acts(db, [finding.finding_id for finding in findings])
    stages = await compared_cases.stages(db, sorted({finding.application_id for finding in findings}))
    return [
        _finding_view(
            finding,
            done.get(finding.finding_id, []),
            _possible(finding, stages.get(finding.application_id), adapters.get(finding.city)),
        )
        for finding in findings
    ]


def _possible(finding: Finding, state: str | None, adapter: Adapter | None) -> list[str]:
    if finding.closed_at_ms is not None:
        return []
    stage = None if state is None else Stage(state)
    return [act.value for act in possible(difference_of(finding), ways_of(adapter), stage=stage)]


def _finding_view(finding: Finding, done: Sequence[ActRow], acts: Sequence[str]) -> dict[str, Any]:
    closed = finding.closed_at_ms is not None
    return {
        "finding_id": finding.finding_id,
        "kind": finding.kind,
        "kind_zh": KIND_ZH[Kind(finding.kind)],
        "city": finding.city,
        "collecting_city": finding.collecting_city,
        "application_id": finding.application_id,
        "day": finding.day,
        "first_seen": timestamp(finding.first_seen_ms),
        "last_seen": timestamp(finding.last_seen_ms),
        "ours": finding.ours,
        "theirs": finding.theirs,
        "state": "closed" if closed else "open",
        "suggested": "NONE" if closed else finding.suggested,
        "possible": acts,
        "acts": [
            {
                "act": act.act,
                "at": timestamp(act.at_ms),
                "by": act.done_by,
                "state": act.state,
                "code": act.code,
                "note": act.note,
            }
            for act in done
        ],
        "closed_at": None if finding.closed_at_ms is None else timestamp(finding.closed_at_ms),
        "closed_how": finding.closed_how,
        "closed_by": finding.closed_by,
        "note": finding.note,
    }
