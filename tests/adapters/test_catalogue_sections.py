"""`catalogue:` of a profile: what is wrong with it is told with its line; its examples are run."""

from pathlib import Path
from typing import Any

import pytest

from adapters.item_examples import check_catalogue
from adapters.normalization.dialect_file import load_dialects
from adapters.profile import CityProfile, Transport, load_profile
from adapters.profile_check import check_examples
from schemas.errors import SeedInvalid
from tests.adapters.cities import ROOT

CITIES = ROOT / "seeds" / "cities"
HEAD = 'code: "440600"\nname: 演示市\nprovenance: {}\ntransport: none\ncatalogue:\n'
BASES = load_dialects(ROOT / "seeds" / "dialects")
RECORD = {
    "catalog_code": "002017900001",
    "task_code": "12445200DEMY00015W3002017900001",
    "task_name": "演示事项",
    "task_version": "1",
    "task_state": "在用",
    "task_type": "20",
    "use_level": "3",
    "dept_name": "演示机构",
    "project_type": "1",
    "served": "1",
}


def loaded(folder: Path, text: str) -> CityProfile:
    path = folder / "440600.yaml"
    path.write_text(HEAD + text, "utf-8")
    return load_profile(path, bases=BASES)


FAULTS = [
    ("  - {dialect: drawn}\n  - {dialect: drawn, extends: nothing}\n", 1, "", "two catalogue dialects share"),
    ("  - {dialect: drawn, extends: nothing}\n", 6, "catalogue.0.extends", "no dialect nothing"),
    (
        "  - {dialect: drawn}\n  - {dialect: drawn, effective_from: 2027-01-01}\n",
        1,
        "",
        "two catalogue dialects share",
    ),
    ("  - {dialect: drawn, version: 1}\n  - {dialect: drawn, version: 2}\n", 1, "", "two catalogue dialects share"),
    ("  - dialect: drawn\n    extends: gbt_39046\n    fields:\n      nmae: a\n", 9, "catalogue.0.fields.nmae", "name"),
    ("  - dialect: drawn\n    fields: {name: 'a['}\n", 7, "catalogue.0.fields.name.from", "JMESPath"),
    (
        "  - dialect: drawn\n    extends: gbt_39046\n    codes: {project_type: {'1': ON}}\n",
        8,  # the field stands in the base; what this file says of codes is nearest
        "catalogue.0.fields.project_type.codes",
        "['ON']",
    ),
]


@pytest.mark.parametrize(("text", "line", "field", "part"), FAULTS, ids=[str(number) for number in range(len(FAULTS))])
def test_faults_are_told_with_their_line(text: str, line: int, field: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(SeedInvalid) as caught:
        loaded(tmp_path, text)
    assert caught.value.facts["field"] == field, caught.value.detail
    assert part in caught.value.detail
    assert caught.value.facts["line"] == line, caught.value.detail


def test_dialects_beside_the_profile_are_its_bases(tmp_path: Path) -> None:
    (tmp_path / "cities").mkdir()
    (tmp_path / "dialects").mkdir()
    path = tmp_path / "cities" / "440600.yaml"
    path.write_text(HEAD + "  - {dialect: drawn, extends: one}\n", "utf-8")
    for texts in ({"one": "extends: two\n", "two": "extends: one\n"}, {"one": "", "two": ""}):
        for name, text in texts.items():
            (tmp_path / "dialects" / f"{name}.yaml").write_text(f"dialect: {name}\n{text}", "utf-8")
        if texts["one"]:
            with pytest.raises(SeedInvalid, match="extends itself"):
                load_profile(path)
        else:
            assert load_profile(path).catalogue[0].dialect == "drawn"


def test_every_city_we_name_has_a_catalogue() -> None:
    profiles = {path.stem: load_profile(path) for path in CITIES.glob("*.yaml")}
    assert {code for code, profile in profiles.items() if profile.catalogue} >= {
        "441300", "440500", "445100", "441500", "441400", "350600", "360700", "445200",
    }  # fmt: skip
    forms = {one.source.format for profile in profiles.values() for one in profile.catalogue if one.source}
    assert forms == {"json", "xml", "csv", "sheet", "rest", "database"}
    assert all(one.provenance == "fictitious" for profile in profiles.values() for one in profile.catalogue)
    assert Transport.NONE not in {profile.transport for profile in profiles.values()}
    assert [one.version for one in profiles["441500"].catalogue] == [1, 2]
    for code, profile in profiles.items():
        assert profile.examples.items, code


def with_examples(
    folder: Path, *examples: dict[str, Any], dialect: str = "  - {dialect: drawn, extends: gbt_39046}\n"
) -> list[str]:
    profile = loaded(folder, dialect)
    given = profile.examples.model_validate({"items": examples})
    return check_examples(profile.model_copy(update={"examples": given}))


def test_examples_that_hold(tmp_path: Path) -> None:
    whole = {"name": "演示事项", "city": "440600", "implementing_body": {"name": "演示机构"}, "laws": []}
    listed, promised = {**RECORD, "by_law": "甲\n乙"}, {**RECORD, "project_type": "2"}
    assert with_examples(
        tmp_path,
        {"name": "a", "record": RECORD, "expect": whole | {"laws": None}, "findings": []},
        {"name": "b", "record": listed, "expect": {"laws": [{"name": "甲"}, {}]}},
        {"name": "c", "record": {}, "expect": None},
        {"name": "d", "version": 1, "record": promised, "expect": {}, "findings": ["promised_item_needs_promise"]},
    ) == []  # fmt: skip


def test_examples_that_do_not_hold(tmp_path: Path) -> None:
    faults = with_examples(
        tmp_path,
        {"name": "a", "record": RECORD, "expect": {"name": "别的", "version": "1", "laws": [{}]}},
        {"name": "b", "record": RECORD, "expect": None},
        {"name": "c", "record": {**RECORD, "project_type": "7"}, "expect": {}},
        {"name": "d", "record": RECORD, "expect": {}, "findings": ["lossy"]},
        {"name": "e", "version": 9, "record": RECORD, "expect": {}},
        {"name": "f", "record": {**RECORD, "task_code": "12345678"}, "expect": None, "findings": []},
    )
    assert [fault.partition(": ")[0] for fault in faults] == ["a", "a", "a", "b", "c", "d", "e", "f"]
    assert faults[0].startswith("a: name: 应为'别的'，实为'演示事项'")
    assert "version: 应为'1'，实为1" in faults[1]
    assert "laws" in faults[2]
    assert "expected quarantine" in faults[3]
    assert "代码表中没有该取值" in faults[4]
    assert "发现应为['lossy']，实为[]" in faults[5]
    assert "没有第9版" in faults[6]
    assert "实为['malformed']" in faults[7]


def test_an_example_without_a_catalogue_is_told() -> None:
    profile = load_profile(CITIES / "350600.yaml").model_copy(update={"catalogue": ()})
    assert all("没有第None版" in fault for fault in check_catalogue(profile))


def test_a_field_that_nothing_fills_is_told(tmp_path: Path) -> None:
    bare = "  - dialect: drawn\n    fields: {name: a, promised_limit.value: b, 'fees[]': c, 'fees[].name': d}\n"
    lacking = {fault.split(".fields.")[1].split(":")[0] for fault in with_examples(tmp_path, dialect=bare)}
    assert lacking == {
        "item_code", "task_code", "version", "status", "task_type", "use_level", "implementing_body.name",
        "project_type", "promised_limit.unit", "fees[].basis",
    }  # fmt: skip
