"""Dialect files: what is wrong with one is told with file, line and field; how one is laid over another."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.normalization.compile import CompiledDialect, compile_dialect
from adapters.normalization.dialect_file import in_force, load_dialect, load_dialects
from adapters.normalization.item_dialect import CodeMeaning, ItemDialect
from adapters.normalization.normalize import normalize
from adapters.normalization.parts import Run
from adapters.profile import load_profile
from schemas.errors import SeedInvalid
from schemas.finding import Severity

HEAD = "dialect: drawn\n"


def refused(folder: Path, text: str, name: str = "drawn.yaml") -> SeedInvalid:
    path = folder / name
    path.write_text(text, "utf-8")
    with pytest.raises(SeedInvalid) as caught:
        load_dialect(path, {})
    assert caught.value.detail.startswith(f"{name}, line ")
    assert caught.value.detail_zh.startswith(f"{name} 第")
    return caught.value


FAULTS = [
    # name, text after the first line, line, field, part of the sentence
    ("unknown field", "fields:\n  name: a\n  nam: b\n", 4, "fields.nam", "did you mean name"),
    ("far from any field", "fields: {qqqq: a}\n", 2, "fields.qqqq", "no field of a service item"),
    ("list missing", "fields:\n  laws[].name: a\n", 3, "fields.laws[].name", "must say where the list is"),
    ("list of nothing", "fields:\n  laws[]: {constant: a}\n", 3, "fields.laws[]", "needs from"),
    ("no source", "fields:\n  name: {cut: true}\n", 3, "fields.name", "needs from, constant"),
    ("constant and from", "fields:\n  name: {from: a, constant: b}\n", 3, "fields.name", "stands alone"),
    ("when alone", "fields:\n  name: {constant: a, when: b}\n", 3, "fields.name", "when needs from"),
    ("codes on a date", "fields:\n  effective_from: {from: a, codes: t}\n", 3, "fields.effective_from.codes", "DATE"),
    ("times on text", "fields:\n  name: {from: a, times: 2}\n", 3, "fields.name.times", "does not fit"),
    ("split on one", "fields:\n  name: {from: a, split: ','}\n", 3, "fields.name.split", "does not fit"),
    ("dates on text", "fields:\n  name: {from: a, dates: [iso]}\n", 3, "fields.name.dates", "does not fit"),
    ("serial outside", "fields:\n  name: {serial: 'M{n}'}\n", 3, "fields.name.serial", "does not fit"),
    ("cut a code", "fields:\n  status: {from: a, cut: true}\n", 3, "fields.status.cut", "does not fit"),
    ("default list", "fields:\n  laws[]: {from: a, default: b}\n", 3, "fields.laws[].default", "does not fit"),
    ("when on a list", "fields:\n  laws[]: {from: a, when: b}\n", 3, "fields.laws[].when", "does not fit"),
    ("pattern on a list", "fields:\n  laws[]: {from: a, pattern: '(b)'}\n", 3, "fields.laws[].pattern", "does not fit"),
    (
        "serial of numbers",
        "fields:\n  laws[]: l\n  laws[].name: a\n  materials[]: m\n  materials[].order: {serial: '{n}'}\n",
        6,
        "fields.materials[].order.serial",
        "does not fit",
    ),
    ("constant code", "fields:\n  status: {constant: 在用}\n", 3, "fields.status.constant", "not a value"),
    ("default number", "fields:\n  version: {from: a, default: '1'}\n", 3, "fields.version.default", "not a value"),
    ("default yes", "fields:\n  charges_fee: {from: a, default: 1}\n", 3, "fields.charges_fee.default", "not a value"),
    ("default text", "fields:\n  name: {from: a, default: 1}\n", 3, "fields.name.default", "not a value"),
    (
        "default day",
        "fields:\n  effective_from: {from: a, default: soon}\n",
        3,
        "fields.effective_from.default",
        "not a",
    ),
    (
        "default moment",
        "fields:\n  exchange.time: {from: a, default: '2026-01-01T00:00:00'}\n",
        3,
        "fields.exchange.time.default",
        "not a value",
    ),
    ("no table", "fields:\n  status: {from: a, codes: t}\n", 3, "fields.status.codes", "no table t"),
    (
        "wrong words",
        "fields:\n  status: {from: a, codes: t}\ncodes:\n  t: {a: ON}\n",
        3,
        "fields.status.codes",
        "['ON']",
    ),
    (
        "wrong yes",
        "fields:\n  charges_fee: {from: a, codes: t}\ncodes:\n  t: {a: yes}\n",
        3,
        "fields.charges_fee.codes",
        "['yes']",
    ),
    (
        "wrong number",
        "fields:\n  visits: {from: a, codes: t}\ncodes:\n  t: {a: many}\n",
        3,
        "fields.visits.codes",
        "['many']",
    ),
    (
        "times of no unit",
        "fields:\n  status: {from: a, codes: t}\ncodes:\n  t: {a: {to: IN_USE, times: 2}}\n",
        3,
        "fields.status.codes",
        "units of time",
    ),
    ("empty meaning", "codes:\n  t:\n    a: {times: 2}\n", 4, "codes.t.a", "to or lossy"),
    ("expression", "fields:\n  name: a[\n", 3, "fields.name.from", "not a JMESPath"),
    ("condition", "fields:\n  name: {from: a, when: 'b('}\n", 3, "fields.name.when", "not a JMESPath"),
    (
        "regular expression",
        "fields:\n  name: {from: a, pattern: '('}\n",
        3,
        "fields.name.pattern",
        "no regular expression",
    ),
    ("no group", "fields:\n  name: {from: a, pattern: 'a+'}\n", 3, "fields.name.pattern", "needs a group"),
    ("two sources", "fields:\n  name: a\n  name: b\n", 4, "fields.name", "occurs twice"),
    ("read and ignored", "fields: {name: a}\nignored:\n  b: 不用\n  a: 不用\n", 5, "ignored.a", "ignored as well"),
    ("no such rule", "severities:\n  visit_needs_reason: off\n", 3, "severities.visit_needs_reason", "no such rule"),
    (
        "no such weight",
        "severities:\n  visits_need_reason: fatal\n",
        3,
        "severities.visits_need_reason",
        "must be error",
    ),
    ("bijective without table", "bijective: [t]\n", 2, "bijective", "no table t"),
    ("not bijective", "codes:\n  t: {a: A, b: A}\nbijective: [t]\n", 1, "", "mean the same"),
    ("bijective and lossy", "codes:\n  t: {a: {to: A, lossy: 少}}\nbijective: [t]\n", 1, "", "loses something"),
    ("unknown base", "extends: nothing\n", 2, "extends", "no dialect nothing"),
    ("name", "version: 0\n", 2, "version", "greater than"),
    ("unknown word", "filds: {}\n", 2, "filds", "Extra inputs"),
    ("fields are no object", "fields: [a]\n", 2, "fields", "valid dictionary"),
    ("codes are no object", "codes: {t: [a]}\n", 2, "codes.t", "valid dictionary"),
    ("source", "source: {format: rest}\n", 2, "source", "has a listing"),
]


@pytest.mark.parametrize(("text", "line", "field", "part"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults_are_told_with_their_place(text: str, line: int, field: str, part: str, tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + text)
    assert error.facts["field"].startswith(field), error.detail
    assert part.casefold() in error.detail.casefold()
    assert error.facts["line"] == line, error.detail


# --- laid over each other


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(f"dialect: {name}\n{text}", "utf-8")
    return folder


def test_one_dialect_over_another(tmp_path: Path) -> None:
    found = load_dialects(
        files(
            tmp_path,
            one="""
source: {format: sheet, sheet: 甲, header_row: 2}
fields: {name: a, version: v, status: {from: s, codes: t}, "laws[]": l, "laws[].name": n, "fees[]": f, "fees[].name": n}
codes: {t: {"1": IN_USE}, u: {a: A}}
bijective: [t, u]
ignored: {x: 不用}
severities: {visits_need_reason: warning}
none_words: [零]
""",
            two="""
extends: one
version: 4
source: {format: sheet, sheet: 乙}
fields: {name: b, version: null, "laws[]": null, "fees[]": null, "fees[].name": null}
codes: {t: {"1": IN_USE, "2": IN_USE}}
ignored: {y: 不用}
""",
            three='extends: two\nsource: {format: csv}\nfields: {"laws[]": k, "laws[].name": m}\n',
        )
    )
    two = found["two"]
    assert {name: spec.source for name, spec in two.fields.items() if spec} == {"name": "b", "status": "s"}
    assert two.source is not None
    assert (two.source.sheet, two.source.header_row) == ("乙", 2)
    assert two.bijective == ("u",)  # its own table t made no promise
    assert two.codes["t"] == {"1": "IN_USE", "2": "IN_USE"}
    assert two.ignored == {"x": "不用", "y": "不用"}
    assert two.severities == {"visits_need_reason": "warning"}
    assert (two.none_words, two.version, two.extends) == (("零",), 4, None)
    three = found["three"]
    assert three.source is not None
    assert (three.source.format, three.source.sheet) == ("csv", None)
    assert set(three.fields) == {"name", "status", "laws[]", "laws[].name"}


def test_a_base_that_does_not_fit_is_told(tmp_path: Path) -> None:
    folder = files(tmp_path, one="codes: {t: {a: A}}\n", two="extends: one\nbijective: [t]\ncodes: {t: {a: A, b: A}}\n")
    with pytest.raises(SeedInvalid, match="mean the same"):
        load_dialects(folder)
    merged = files(tmp_path, two='extends: one\nfields: {"laws[].name": a}\n')
    with pytest.raises(SeedInvalid, match=r"two.yaml, line 3, fields.laws\[\].name"):
        load_dialects(merged)


def test_a_merge_that_is_no_dialect_is_told(tmp_path: Path) -> None:
    one = "source: {format: rest, listing: {path: /a, rows: r, next: n}}\n"
    folder = files(
        tmp_path, one=one, two="extends: one\nsource: {format: rest, listing: {path: /b, rows: r, next: n}}\n"
    )
    assert load_dialects(folder)["two"].source is not None
    base = ItemDialect.model_validate({"dialect": "one", "codes": {"t": {"a": "A", "b": "A"}}})
    own = ItemDialect.model_validate({"dialect": "two", "bijective": ["t"]})
    with pytest.raises(ValidationError, match="同义"):
        own.over(base)
    (tmp_path / "two.yaml").write_text("dialect: two\nextends: one\nbijective: [t]\n", "utf-8")
    with pytest.raises(SeedInvalid, match=r"two.yaml, line 1"):
        load_dialect(tmp_path / "two.yaml", {"one": base})


def test_circles_and_names(tmp_path: Path) -> None:
    with pytest.raises(SeedInvalid, match="one → two → one"):
        load_dialects(files(tmp_path, one="extends: two\n", two="extends: one\n"))
    files(tmp_path, one="", two="")
    (tmp_path / "three.yaml").write_text("dialect: four\n", "utf-8")
    with pytest.raises(SeedInvalid, match=r"three\.yaml, line 1, dialect: must be the file's name"):
        load_dialects(tmp_path)


def test_the_dialect_of_a_day() -> None:
    def one(version: int, day: str | None) -> ItemDialect:
        return ItemDialect.model_validate({"dialect": "drawn", "version": version, "effective_from": day})

    three = (one(3, "2027-01-01"), one(1, None), one(2, "2026-06-01"))
    assert [getattr(in_force(three, date.fromisoformat(day)), "version", None) for day in
            ("2020-01-01", "2026-06-01", "2026-12-31", "2027-01-01")] == [1, 2, 2, 3]  # fmt: skip
    assert in_force(three[:1], date(2026, 12, 31)) is None
    assert in_force((), date(2026, 1, 1)) is None


def test_shanwei_changes_its_numbers_on_its_day() -> None:
    profile = load_profile(Path(__file__).resolve().parents[3] / "seeds" / "cities" / "441500.yaml")
    for day, meaning in ((date(2026, 12, 31), "PROMISED"), (date(2027, 1, 1), "INSTANT")):
        found = in_force(profile.catalogue, day)
        assert found is not None
        assert found.codes["item_type"]["1"] == meaning


# --- what a compiled dialect does


def compiled(fields: dict[str, Any], **more: Any) -> CompiledDialect:
    return compile_dialect(ItemDialect.model_validate({"dialect": "drawn", "fields": fields, **more}))


def found_by(dialect: CompiledDialect, **record: Any) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """The values of the item, and the findings that are neither missing values nor about them."""
    found = normalize(record, dialect, place="p")
    values = dialect.root.build(record, Run("p"))
    return values, [(one.rule, one.source_path, one.field) for one in found.findings if one.rule != "missing"]


def test_constants_defaults_and_serials() -> None:
    dialect = compiled(
        {
            "name": {"constant": "演示"},
            "served": {"constant": "1"},
            "modes": {"from": "m", "default": "ONLINE"},
            "implementing_body.kind": {"from": "k", "default": "1"},
            "visits": {"from": "v", "default": 3},
            "laws[]": "l",
            "laws[].name": {"serial": "第{n}条"},
            "laws[].clause": "c",
        }
    )
    values, findings = found_by(dialect, k="2", l=[{"c": "甲"}, {}, {"c": "乙"}])
    assert values["name"] == "演示"
    assert values["served"] == ("1",)
    assert values["modes"] == ("ONLINE",)
    assert values["implementing_body"] == {"kind": "2"}
    assert values["laws"] == [{"clause": "甲", "name": "第1条"}, {"clause": "乙", "name": "第3条"}]
    assert ("defaulted", "p/m", "modes") in findings
    assert dialect.derived == {"name", "served"}


def test_a_default_does_not_hide_what_is_wrong_nor_an_answer() -> None:
    dialect = compiled({"visits": {"from": "v", "default": 3}})
    values, findings = found_by(dialect, v="很多")
    assert "visits" not in values
    assert findings == [("malformed", "p/v", "visits")]
    values, findings = found_by(dialect, v="无")
    assert "visits" not in values
    assert findings == []


def test_conditions() -> None:
    dialect = compiled(
        {
            "name": {"from": "n", "when": "k == '1'"},
            "quantity_limit": {"from": "a.b", "when": "abs(k) == `1`"},
            "visits": {"from": "v", "when": "abs(k)"},
        }
    )
    assert found_by(dialect, n="甲", k="1")[0] == {"name": "甲"}
    assert found_by(dialect, n="甲", k="2")[0] == {}
    values, findings = found_by(dialect, a={"b": "乙"}, v=1, k="x")
    assert values == {}
    assert findings == [("malformed", "p/v", "visits"), ("malformed", "p/a.b", "quantity_limit")]


def test_expressions_that_do_not_take_a_value_are_findings() -> None:
    dialect = compiled(
        {"name": "joined('-', parts)", "version": "sum(numbers)", "laws[]": "keys(l)", "laws[].name": "@"}
    )
    _, findings = found_by(dialect, parts=5, numbers=["x"], l=[1])
    assert findings == [
        ("malformed", "p/joined('-', parts)", "name"),
        ("malformed", "p/sum(numbers)", "version"),
        ("malformed", "p/keys(l)", "laws"),
    ]
    assert found_by(dialect, parts=["a", "b"], numbers=[1, 2], l={"x": 1})[0] == {
        "name": "a-b", "version": 3, "laws": [{"name": "x"}],
    }  # fmt: skip


def test_lists_in_every_shape() -> None:
    dialect = compiled({"laws[]": {"from": "l", "split": "；\n"}, "laws[].name": "@"})
    assert found_by(dialect, l="甲；\n 乙 ；")[0]["laws"] == [{"name": "甲"}, {"name": "乙"}]
    assert found_by(dialect, l=["甲", None, "", "乙"])[0]["laws"] == [{"name": "甲"}, {"name": "乙"}]
    assert found_by(dialect, l=5)[0]["laws"] == [{"name": "5"}]
    assert found_by(dialect, l="无") == ({}, [])
    assert found_by(dialect, l=[]) == ({}, [])
    assert found_by(dialect, l=[{"x": 1}])[1] == [("malformed", "p/l[1]", "laws[0].name")]
    whole = compiled({"laws[]": "l", "laws[].name": "n"})
    assert found_by(whole, l="甲")[1] == [("malformed", "p/l[1]", "laws[0]")]
    assert found_by(whole, l={"n": "甲"})[0]["laws"] == [{"name": "甲"}]


def test_places_in_the_source_count_empty_rows() -> None:
    dialect = compiled(
        {
            "materials[]": "m",
            "materials[].material_code": {"serial": "M{n:02}"},
            "materials[].name": "n",
            "materials[].necessity": "k",
        }
    )
    _, findings = found_by(dialect, m=[{}, {"n": "甲"}, {"x": 1}, {"n": "乙", "k": "1"}])
    assert findings == [("unknown_code", "p/m[4].k", "materials[1].necessity")]
    found = normalize({"m": [{}, {"n": "甲"}, {"x": 1}, {"n": "乙", "k": "REQUIRED"}]}, dialect, place="p")
    assert ("missing", "p/m[2].k", "materials[0].necessity") in [
        (one.rule, one.source_path, one.field) for one in found.findings
    ]


def test_limits_need_their_number() -> None:
    fields = {"promised_limit.value": "v", "promised_limit.unit": {"from": "u", "codes": "t"}}
    dialect = compiled(fields, codes={"t": {"周": {"to": "natural_day", "times": 7}, "天": "workday"}})
    assert found_by(dialect, v=2, u="周")[0] == {"promised_limit": {"value": 14, "unit": "natural_day"}}
    assert found_by(dialect, u="周")[0] == {}
    assert found_by(dialect, v="无", u="无")[0] == {}
    found = normalize({"v": 2}, dialect, place="p")
    assert ("missing", "p/u", "promised_limit.unit") in [(f.rule, f.source_path, f.field) for f in found.findings]


def test_the_city_is_the_profiles() -> None:
    dialect = ItemDialect.model_validate({"dialect": "drawn", "fields": {"name": "n"}})
    assert compile_dialect(dialect, city="441300").root.build({}, Run("p")) == {"city": "441300"}


def test_weights_of_rules() -> None:
    word = {"visits_need_reason": "off", "promise_within_statutory": "warning", "units_differ": "info"}
    assert compiled({}, severities=word).severities == {
        "visits_need_reason": None,
        "promise_within_statutory": Severity.WARNING,
        "units_differ": Severity.INFO,
    }


def test_guesses_are_listed() -> None:
    fields = {"name": {"from": "n", "confirmed": False}, "status": {"from": "s", "codes": "t"}}
    assert compiled(fields, codes={"t": {"1": None, "2": "IN_USE"}}).unconfirmed == ("fields.name", "codes.t.1")


def test_yaml_words_in_tables() -> None:
    dialect = ItemDialect.model_validate(
        {"dialect": "drawn", "codes": {"t": {"1": True, "2": False, "3": 7, "4": None}}}
    )
    assert dialect.codes["t"] == {"1": "true", "2": "false", "3": "7", "4": None}
    assert compile_dialect(dialect).theirs("t", "true") == "1"
    lossy = ItemDialect.model_validate({"dialect": "drawn", "codes": {"t": {"1": {"lossy": "少"}}}})
    assert lossy.codes["t"]["1"] == CodeMeaning(lossy="少")
