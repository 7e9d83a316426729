"""目录命令的输出: imports, publishings and quarantined records as rows of a table and as JSON."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gateway.cli.output import err, print_table
from gateway.storage.imports import Import, QuarantinedRow
from gateway.usecases.publish_catalogue import Published

_CHANGES_SHOWN = 20
SHEET_COLUMNS = ("位置", "事项编码", "事项名称", "级别", "规则", "字段", "值", "说明")
"""Of the list of what must be mended, one row for each finding."""

IMPORT_COLUMNS = (
    "编号 import",
    "文件 file",
    "城市 city",
    "方言 dialect",
    "状态 state",
    "条数 read",
    "待改 quarantined",
    "新增 new",
    "变更 changed",
    "覆盖率 coverage",
)


def import_row(head: Import) -> tuple[object, ...]:
    """A row of IMPORT_COLUMNS."""
    counts = head.counts
    coverage = None if head.coverage is None else head.coverage["catalogue"]
    said = (counts.get("read"), counts.get("quarantined"), counts.get("new"), counts.get("changed"))
    dialect = f"{head.dialect}@{head.dialect_version}"
    return (head.import_id, head.file_name, head.city, dialect, head.state, *said, coverage)


def import_json(head: Import) -> dict[str, Any]:
    """As schemas/json/catalogue_import.schema.json has it."""
    document = asdict(head)
    document["created_at"] = _time(document.pop("created_at_ms"))
    document["published_at"] = _time(document.pop("published_at_ms"))
    return document


def _time(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat()


def published_json(published: Published) -> dict[str, Any]:
    """One result of schemas/json/catalogue_publish.schema.json."""

    def listed(items: list[tuple[str, str]]) -> list[dict[str, str]]:
        return [{"item_code": code, "name": name} for code, name in items]

    return {
        "city": published.head.city,
        "import_id": published.head.import_id,
        "counts": {
            "new": len(published.new),
            "changed": len(published.changed),
            "removed": len(published.removed),
            "would_remove": len(published.would_remove),
            "quarantined": published.head.counts.get("quarantined", 0),
        },
        "new": [asdict(one) for one in published.new],
        "changed": [asdict(one) for one in published.changed],
        "removed": listed(published.removed),
        "would_remove": listed(published.would_remove),
        "unnamed": published.unnamed,
    }


def show_changes(published: Published) -> None:
    """What changed, and what would need a decision, for a person."""
    shown = published.changed[:_CHANGES_SHOWN]
    if shown:
        rows = [(c.item_code, c.name, c.revision, c.from_day, ", ".join(c.fields)) for c in shown]
        columns = ("事项编码 code", "名称 name", "版本 revision", "生效 from", "字段 fields")
        print_table(f"变更 changed {published.head.city}", columns, rows)
    if published.would_remove:
        err.print("清单之外的事项仍然有效，加 --remove 取消 / items not in the file stay; --remove ends them")
    if published.unnamed:
        err.print(
            f"有 {published.unnamed} 条无法识别的待改记录，取消前请先修正 / "
            f"{published.unnamed} quarantined row(s) could be any item: nothing is removed while they are there"
        )


def finding_line(row: QuarantinedRow, finding: dict[str, Any]) -> tuple[object, ...]:
    """A row of SHEET_COLUMNS."""
    said = (finding["severity"], finding["rule"], finding["field"], finding["value"], finding["message_zh"])
    return (row.place, row.item_code, row.name, *said)
