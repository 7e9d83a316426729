"""Which source fields are used, ignored, unmapped; and the report that says so."""

from typing import Any

import pytest

from adapters.normalization import source_use
from adapters.normalization.compile import CompiledDialect, compile_dialect
from adapters.normalization.item_dialect import ItemDialect
from adapters.normalization.normalize import normalize
from adapters.normalization.report import CatalogueReport
from adapters.normalization.source_use import SourceMap, SourceUse


def compiled(fields: dict[str, Any], **more: Any) -> CompiledDialect:
    return compile_dialect(ItemDialect.model_validate({"dialect": "drawn", "fields": fields, **more}), city="445200")


DIALECT = compiled(
    {
        "name": "base.name",
        "task_type": {"from": "kind", "when": "flag == 'x'"},
        "laws[]": "laws",
        "laws[].name": "title",
        "windows[]": "@",
        "windows[].address": "addr",
        "materials[]": "box.items",
        "materials[].name": {"from": "n", "when": "used == '1'"},
        "results[]": "first || second",
        "results[].name": "r",
        "fees[]": "lists[?paid == '1']",
        "fees[].name": "f",
    },
    ignored={"base.secret": "秘密", "materials[].x": "不对", "box.items[].note": "备注", "tree.*": "整棵"},
)


def use(*records: Any) -> SourceUse:
    found = SourceUse(DIALECT.source_map)
    for record in records:
        found.add(record)
    return found


def test_the_paths_a_dialect_reads() -> None:
    assert DIALECT.source_map.used == {
        "base.name", "kind", "flag", "laws", "laws[].title", "addr", "box.items", "box.items[].n", "box.items[].used",
        "first", "second", "first[].r", "second[].r", "lists.*",
    }  # fmt: skip


def test_every_field_is_of_one_kind() -> None:
    found = use(
        {
            "base": {"name": 1, "secret": 2, "new": 3},
            "kind": 1,
            "flag": 1,
            "laws": [{"title": 1, "extra": 1}, {"more": 1}, "text"],
            "addr": 1,
            "box": {"items": [{"n": 1, "note": 1, "q": 1}], "size": 1},
            "tree": {"a": {"b": 1}},
            "lists": [{"paid": "1", "f": 1, "z": 1}],
            "other": {"deep": 1},
        }
    ).groups()
    assert found == {
        "used": ["addr", "base.name", "box.items[].n", "flag", "kind", "laws[].title", "lists"],
        "ignored": ["base.secret", "box.items[].note", "tree"],
        "unmapped": ["base.new", "box.items[].q", "box.size", "laws[].extra", "laws[].more", "other"],
    }


def test_shapes_vary_and_one_object_may_stand_for_a_list() -> None:
    found = use({"laws": {"title": 1}}, {"laws": "text", "base": None}, {"laws": ""}, {}, "no record", None)
    assert found.groups() == {"used": ["laws", "laws[].title"], "ignored": [], "unmapped": []}


def test_shares_add_up() -> None:
    assert use({"kind": 1, "a": 1, "b": 1, "tree": 1}).shares() == {"used": 0.25, "ignored": 0.25, "unmapped": 0.5}
    assert use({}).shares() == {"used": 0.0, "ignored": 0.0, "unmapped": 0.0}


def test_depth_and_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {f"{'a.' * n}a" for n in range(1, 12)}
    deep: Any = 1
    for _ in range(12):
        deep = {"a": deep}
    found = SourceUse(SourceMap(frozenset(names), {}))
    found.add(deep)
    assert len(found.seen) <= 1
    monkeypatch.setattr(source_use, "_SHAPES", 3)
    many = use(*({f"k{n}": 1} for n in range(10)))
    assert len(many.groups()["unmapped"]) == 10


def test_names_no_utf8_can_carry_are_shown_all_the_same() -> None:
    assert use({"\ud800": 1}).groups()["unmapped"] == ["�"]


def test_the_report_of_a_catalogue() -> None:
    report = CatalogueReport(DIALECT)
    assert (report.catalogue, report.ok, report.by_field(), report.has_errors()) == (0.0, 0, {}, False)
    for number in range(3):
        record = {"base": {"name": "演示", "secret": 1}, "tree": {"a": 1}, "n": number}
        report.add(record, normalize(record, DIALECT, place=f"第{number}行"))
    summary = report.as_json()
    assert summary["counts"] == {"read": 3, "ok": 0, "quarantined": 3}
    assert summary["coverage"]["by_item"].keys() == {"第0行", "第1行", "第2行"}
    assert summary["coverage"]["by_field"]["name"] == 1.0
    assert summary["source_fields"]["ignored"] == {"base.secret": "秘密", "tree": "整棵"}
    assert summary["source_fields"]["unmapped"] == ["n"]
    assert summary["dialect"] == {"name": "drawn", "version": 1, "unconfirmed": []}
    assert report.has_errors()
    assert summary["findings_by_rule"][0]["count"] >= summary["findings_by_rule"][-1]["count"]


def test_two_items_of_one_code_have_a_score_each_and_scores_need_not_be_kept() -> None:
    dialect = compiled({"item_code": "c"})
    report, lean = CatalogueReport(dialect), CatalogueReport(dialect, keep_items=False)
    for place in ("第1行", "第2行"):
        found = normalize({"c": "002017900001"}, dialect, place=place)
        report.add({"c": 1}, found)
        lean.add({"c": 1}, found)
    assert list(report.by_item) == ["002017900001", "002017900001 第2行"]
    assert lean.by_item == {}
    assert lean.catalogue == report.catalogue
