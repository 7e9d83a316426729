"""The guide for strangers explains every word there is, and its example is a dialect."""

import re

import pytest

from adapters.examples import ItemExample
from adapters.normalization.compile import compile_dialect
from adapters.normalization.consistency import RULES
from adapters.normalization.dialect_file import load_dialects, resolve
from adapters.normalization.item_dialect import CodeMeaning, DateShape, FieldSpec, ItemDialect
from adapters.normalization.source import Children, Listing, Source, View
from adapters.profile_file import read_profile_file
from tests.adapters.normalization.test_golden import ROOT

GUIDE = (ROOT / "docs" / "adding-a-city" / "catalogue.md").read_text("utf-8")
SECTION = GUIDE
WORDS = {
    field.alias or name
    for model in (ItemDialect, FieldSpec, CodeMeaning, Source, Children, Listing, View, ItemExample)
    for name, field in model.model_fields.items()
} | set(DateShape)
CODE = "\n".join(
    path.read_text("utf-8")
    for folder in ("adapters/normalization", "gateway/usecases", "gateway/storage")
    for path in (ROOT / folder).glob("*.py")
)
FINDINGS = set(
    re.findall(
        r'"((?:unknown_|out_of_|not_a_|other_|duplicate_)\w+|malformed|missing|inconsistent|lossy|defaulted|cleaned)"',
        CODE,
    )
)


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_is_explained(word: str) -> None:
    assert re.search(rf"[`{{ ]{re.escape(word)}[`: ]", SECTION), word


def test_every_finding_is_explained() -> None:
    assert {"unknown_code", "malformed", "missing", "lossy", "defaulted"} <= FINDINGS
    assert [name for name in sorted(FINDINGS) if f"| `{name}` |" not in SECTION] == []


def test_every_consistency_rule_is_listed_with_its_weight() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (error|warning|info) \| [^|]+ \|$", SECTION, re.MULTILINE))
    assert {rule.name: rule.severity.value for rule in RULES} == listed


def test_the_example_is_a_dialect(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("guide") / "example.yaml"
    path.write_text(SECTION.split("```yaml\n")[1].split("```")[0], "utf-8")
    file = read_profile_file(path, {})
    (given,) = file.data["catalogue"]
    dialect = resolve(
        file, ItemDialect.model_validate(given), load_dialects(ROOT / "seeds" / "dialects"), ("catalogue", 0)
    )
    compiled = compile_dialect(dialect, city="440600")
    assert compiled.unconfirmed == ()
    assert compiled.theirs("item_type", "INSTANT") == "2"
    assert "entrusted_body" not in dialect.fields
