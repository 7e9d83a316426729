"""The starter profile: nothing guessed silently, and a person's work ends in a profile that passes its check."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.item_examples import check_catalogue
from adapters.normalization.compile import compile_dialect
from adapters.normalization.dialect_file import load_dialects
from adapters.normalization.normalize import normalize
from adapters.normalization.source import Source
from adapters.normalization.starter import Starter, start_profile
from adapters.normalization.starter_fields import comment, sample_fields
from adapters.profile import CityProfile, load_profile
from adapters.profile_check import check_examples
from tests.adapters.normalization.test_golden import GOLDEN, ROOT

BASES = load_dialects(ROOT / "seeds" / "dialects")
JSON = Source(format="json")
RECORDS: list[dict[str, Any]] = json.loads((GOLDEN / "gbt_39046" / "raw.json").read_text("utf-8"))


def begun(records: list[dict[str, Any]], source: Source = JSON) -> Starter:
    return start_profile("440600", "演示市", source, records, BASES)


def loaded(folder: Path, text: str) -> CityProfile:
    path = folder / "440600.yaml"
    path.write_text(text, "utf-8")
    return load_profile(path, bases=BASES)


def guessed(starter: Starter) -> dict[str, Any]:
    return {one.target.path: one.words.get("from") for one in starter.guesses.fields}


def confirmed(text: str) -> str:
    """What a person does: confirm each line, give codes the meaning that the comment names, leave out the others."""
    lines = []
    for line in text.replace(", confirmed: false", "").splitlines():
        code = re.match(r'(\s+".*":) {10}# 样本中', line)
        meaning = re.search(r"别处 elsewhere: (\w+)（", line)
        if code is None:
            lines.append(line)
        elif meaning is not None:
            lines.append(f'{code[1]} "{meaning[1]}"')
    return "\n".join(lines) + "\n"


def test_from_a_sample_to_a_passing_profile(tmp_path: Path) -> None:
    starter = begun(RECORDS)
    profile = loaded(tmp_path, starter.text)
    (dialect,) = profile.catalogue
    faults = check_examples(profile)
    for path in dialect.fields:
        assert any(fault.startswith(f"catalogue.0.fields.{path}: 猜测") for fault in faults), path
    assert "catalogue.0.codes.project_type.3: 猜测，须由人确认 / a guess that a person must confirm" in faults
    assert all(spec is not None and not spec.confirmed for spec in dialect.fields.values())
    assert {meaning for table in dialect.codes.values() for meaning in table.values()} == {None}

    whole = loaded(tmp_path, confirmed(starter.text))
    assert check_examples(whole) == []
    found = normalize(RECORDS[0], compile_dialect(whole.catalogue[0], city="440600"))
    assert found.item is not None, found.findings
    assert found.item.project_type == "PROMISED"
    assert [one.name for one in found.item.laws] == ["演示依据一（非真实条文）", "演示依据二（非真实条文）"]
    assert [one.photocopies for one in found.item.materials] == [None, 1]


def test_what_was_not_recognised_is_listed_and_not_read(tmp_path: Path) -> None:
    starter = begun(RECORDS)
    assert [one.text for one in starter.guesses.unknown] == ["extra_column", "materials[].row_guid"]
    assert "# extra_column: 理由          # 样本 samples: 该市自加的列" in starter.text
    (dialect,) = loaded(tmp_path, starter.text).catalogue
    assert dialect.ignored == {}
    uncommented = starter.text.replace("# extra_column: 理由 ", "extra_column: 本市自用 ")
    assert loaded(tmp_path, uncommented).catalogue[0].ignored == {"extra_column": "本市自用"}


@pytest.mark.parametrize(
    "name", ["441300", "441500_v1", "guangxi_payload", "guangdong_pinyin", "350600", "service_item"]
)
def test_a_starter_of_every_form_loads_and_fails_its_check(name: str, tmp_path: Path) -> None:
    found: Any = json.loads((GOLDEN / name / "raw.json").read_text("utf-8"))
    if isinstance(found, dict):
        found = found["data"]
    if isinstance(found, dict):
        found = found.get("rows") or found.get("list") or [found]
    starter = begun(found)
    profile = loaded(tmp_path, starter.text)
    unconfirmed = compile_dialect(profile.catalogue[0]).unconfirmed
    assert len(unconfirmed) >= len(starter.guesses.fields)
    assert sum("猜测" in fault for fault in check_catalogue(profile)) == len(unconfirmed)


def test_vendors_names_and_chinese_headers_are_known() -> None:
    record = {
        "serve_type": "1",
        "ASSORT": "1",
        "SXMC": "演示",
        "法定办结时限": "20个工作日",
        "办件类型": "承诺件",
        "时限(工作日)": 3,
        "生效日期": "2026年1月1日",
        "计划取消日期": 1767196800000,
        "办理地点": "演示地址",
        "whatever": {"task_name": "演示", "deep": {"deeper": {"deepest": 1}}},
    }
    starter = begun([record])
    found = guessed(starter)
    assert found["served"] == "serve_type"
    assert found["project_type"] == "ASSORT"  # the first; the other stays unknown
    assert found["name"] == "SXMC"
    assert found["statutory_limit.value"] == found["statutory_limit.unit"] == "法定办结时限"
    assert (found["windows[]"], found["windows[].address"]) == ("@", "办理地点")
    unknown = [one.text for one in starter.guesses.unknown]
    assert unknown == ["办件类型", "时限(工作日)", "whatever.task_name", "whatever.deep.deeper.deepest"]
    by_path = {one.target.path: one for one in starter.guesses.fields}
    assert by_path["effective_from"].words["dates"] == ["chinese"]
    assert by_path["effective_until"].words["dates"] == ["epoch_ms"]
    assert by_path["statutory_limit.unit"].codes == {"工作日": 1}
    assert "item_code" in starter.lacking
    assert '"时限(工作日)": 理由' in starter.text


def test_codes_with_our_own_words_need_no_table() -> None:
    starter = begun(
        [{"server_type": "1,2", "is_fee": "0", "task_type": "01", "is_express": "或许", "handle_type": "8"}]
    )
    by_path = {one.target.path: one for one in starter.guesses.fields}
    assert by_path["served"].codes is None
    assert by_path["charges_fee"].codes is None
    assert by_path["task_type"].codes is None
    assert by_path["courier_supported"].codes == {"或许": 1}
    assert by_path["handle_forms"].codes == {"8": 1}
    assert "true 是, false 否" in starter.text


def test_lists_are_recognised_by_their_fields_or_their_name() -> None:
    lists = {
        "CL": [{"material_name": "演示", "is_need": "1", "note": "x"}],
        "办事材料": [{"名": "演示"}],
        "laws": [{"a": 1}, {"b": 2}],
        "nobody": [{"x": 1, "y": 2}],
        "empty": [],
    }
    found = guessed(begun([lists]))
    assert found["materials[]"] == "CL"
    assert found["laws[]"] == "laws"
    assert [path for path in found if path.endswith("[]")] == ["laws[]", "materials[]"]
    assert "materials[].material_code" in found
    nested = begun([{"box": {"CL": [{"material_name": "演示", "is_need": "1"}]}, "deep": [{"l": [{"m": 1}]}]}])
    assert guessed(nested)["materials[]"] == "box.CL"
    assert [one.text for one in nested.guesses.unknown] == ["deep[].l[].m"]


def test_samples_become_one_line_each() -> None:
    assert comment("甲\n乙\t\x07丙\x85丁") == "甲 乙 丙 丁"
    assert comment("长" * 100) == "长" * 59 + "…"
    values: tuple[Any, ...] = (None, "", " x ", 1, [2, "x"], {}, 10**400)
    (field,) = sample_fields([{"a": value} for value in values])
    assert (field.filled, field.values) == (5, {"x": 2, "1": 1, "2": 1, "1329位二进制整数": 1})
    many = sample_fields([{"a": str(number)} for number in range(100)])[0]
    assert (many.filled, len(many.values)) == (100, 40)


def test_many_codes_are_counted_and_many_fields_bounded(tmp_path: Path) -> None:
    starter = begun([{"task_state": f"代码{number}"} for number in range(39)])
    assert "另有9个取值未列" in starter.text
    wide = begun([{f"f{number}": 1 for number in range(1500)}])
    assert len(wide.guesses.unknown) == 1000
    loaded(tmp_path, wide.text)


def test_a_sample_in_which_nothing_is_known(tmp_path: Path) -> None:
    starter = begun([{"x": 1}])
    assert starter.guesses.fields == ()
    assert loaded(tmp_path, starter.text).catalogue[0].fields == {}
    assert "item_code" in starter.lacking
    assert begun([{"task_name": "x"}]).guesses.unknown == ()
    assert "catalogue.0.fields.item_code: 必填，没有来源 / required, has no source" in check_examples(
        loaded(tmp_path, starter.text)
    )


TEXTS = st.text(st.characters(exclude_characters="$"), max_size=12)
"""Without $: `${name}` in a profile is a setting."""


@given(
    records=st.lists(
        st.dictionaries(
            st.sampled_from(["task_name", "project_type", "is_fee", "by_law", "materials", "plan_effective_date"])
            | TEXTS,
            st.none() | TEXTS | st.integers() | st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=2),
            max_size=6,
        ),
        max_size=3,
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_sample_holds_the_file_loads(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    starter = begun(records)
    profile = loaded(tmp_path_factory.mktemp("starter"), starter.text)
    assert len(profile.catalogue[0].fields) == len(starter.guesses.fields)
