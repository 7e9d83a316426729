"""What must hold for every record and every dialect."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.normalization.compile import CompiledDialect, compile_dialect
from adapters.normalization.item_dialect import CodeMeaning, FieldSpec, ItemDialect
from adapters.normalization.normalize import Normalized, normalize
from adapters.normalization.report import CatalogueReport
from adapters.normalization.targets import TARGETS, Kind
from schemas.finding import Severity
from tests.adapters.normalization.full_record import FULL
from tests.adapters.normalization.test_golden import CASES, GOLDEN, dialects

SURROGATES = st.text(st.characters(min_codepoint=0xD7FE, max_codepoint=0xE001), max_size=3)
MARKUP = st.lists(
    st.sampled_from(["<p>", "</", "<![", "CDATA[", "]]>", "<!--", "&#x", "&amp", ";", "<a href=x", "<?", "甲"])
).map("".join)
SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**4000), 10**18, -1, 1e308, 5e-324])
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | SURROGATES
    | MARKUP
    | st.sampled_from(
        ["", " ", "无", "1", "2", "1,2", "是", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "20260231"]
    )
)
NAMES = st.text(max_size=4) | SURROGATES | st.sampled_from(["name", "@", "provenance", "unit", "value", "data"])
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
LOSING = {"lossy", "unknown_code", "missing", "defaulted", "malformed", "out_of_range"}


def deep(levels: int) -> Any:
    value: Any = 1
    for number in range(levels):
        value = [value] if number % 2 else {"name": value}
    return value


def raw_records(case: str) -> list[dict[str, Any]]:
    """Records to be damaged: the golden ones where they are JSON, else what the dialect reads, filled with text."""
    (raw,) = (GOLDEN / case).glob("raw.*")
    if raw.suffix == ".json" and "sheet" not in str(dialects()[case].dialect.source):
        found = json.loads(raw.read_text("utf-8"))
        while isinstance(found, dict):
            found = next((one for one in found.values() if isinstance(one, list) and one), None) or [found["data"]]
        return [dict(one) for one in found]
    return [dict.fromkeys(sorted(top_names(dialects()[case])), "1")]


def top_names(dialect: CompiledDialect) -> set[str]:
    return {path.partition(".")[0].removesuffix("[]") for path in dialect.source_map.used}


def whole(found: Normalized, dialect: CompiledDialect) -> None:
    """What holds for the outcome of any record."""
    assert (found.item is None) is any(one.severity is Severity.ERROR for one in found.findings)
    assert 0 <= found.coverage <= 1
    for finding in found.findings:
        assert finding.source_path
        assert any("一" <= letter <= "鿿" for letter in finding.message_zh), finding
        assert finding.message_zh.isprintable() or "\n" in finding.message_zh
        finding.model_dump_json()
    for _, filled, applicable in found.masks:
        assert filled >= 0
        assert applicable >= 0
    assert dialect.dialect.dialect
    found.key.encode()
    (found.name or "").encode()
    if found.item is not None:
        found.item.model_dump_json()


@pytest.mark.parametrize("case", CASES)
def test_no_value_whatsoever_makes_normalize_raise(case: str) -> None:
    dialect = dialects()[case]
    records = raw_records(case)
    places = [*sorted(top_names(dialect)), *records[0]]
    inner = sorted({name for path in dialect.source_map.used for name in path.replace("[]", "").split(".")})
    objects = st.dictionaries(st.sampled_from(inner), ANYTHING, max_size=4)
    values = ANYTHING | objects | st.lists(objects | ANYTHING, max_size=3)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        base=st.sampled_from(records),
        changes=st.dictionaries(st.sampled_from(places) | NAMES, values, max_size=5),
    )
    def check(base: dict[str, Any], changes: dict[str, Any]) -> None:
        survives({**base, **changes}, dialect)

    check()


def survives(record: dict[str, Any], dialect: CompiledDialect) -> None:
    found = normalize(record, dialect, place="第1行")
    whole(found, dialect)
    report = CatalogueReport(dialect)
    report.add(record, found)
    orjson.dumps(report.as_json())


@pytest.mark.parametrize("case", CASES)
def test_extremes_in_every_field(case: str) -> None:
    dialect = dialects()[case]
    places = sorted(top_names(dialect))
    values: tuple[Any, ...] = (
        deep(3000),
        [deep(3000)],
        10**5000,
        float("nan"),
        float("-inf"),
        "\ud800",
        ["\udfff"],
        [{}],
        "<![x",
    )
    for value in values:
        survives(dict.fromkeys(places, value), dialect)
        for place in places:
            survives({place: value}, dialect)
    survives({}, dialect)


@given(record=ANYTHING)
@settings(deadline=None)
def test_what_is_no_record_is_one_finding(record: Any) -> None:
    dialect = dialects()["gbt_39046"]
    found = normalize(record, dialect, place="第1行")
    whole(found, dialect)
    if not isinstance(record, dict):
        assert [one.rule for one in found.findings] == ["not_a_record"]


@pytest.mark.parametrize("case", CASES)
def test_the_same_record_gives_the_same_whatever_came_before(case: str) -> None:
    compiled = dialects()[case]
    records = raw_records(case)

    def fresh() -> CompiledDialect:
        return compile_dialect(compiled.dialect, city=compiled.city, shape=compiled.shape)

    alone = [normalize(copy.deepcopy(one), fresh()) for one in records]
    used = fresh()
    for order in (records, records[::-1], records * 2):
        for record in order:
            normalize(copy.deepcopy(record), used)
    assert [normalize(copy.deepcopy(one), used) for one in records] == alone


def test_a_record_is_not_changed_by_reading_it() -> None:
    record = copy.deepcopy(FULL)
    normalize(record, dialects()["service_item"])
    assert record == FULL


# --- coverage


def test_the_full_record_covers_everything() -> None:
    found = normalize(FULL, dialects()["service_item"], place="第1行")
    assert found.item is not None, [one.message_zh for one in found.findings]
    assert found.findings == ()
    assert found.coverage == 1.0


def test_our_own_form_comes_back_as_it_is() -> None:
    found = normalize(FULL, dialects()["service_item"])
    assert found.item is not None
    again = orjson.loads(found.item.model_dump_json(exclude={"provenance"}, exclude_unset=True))
    assert again == FULL
    twice = normalize(again, dialects()["service_item"])
    assert twice.item == found.item


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))


PLACES = [path for path in leaves(FULL) if path[0] not in ("form_fields", "city")]


@given(
    places=st.lists(st.sampled_from(PLACES), min_size=1, max_size=4),
    values=st.lists(ANYTHING, min_size=4, max_size=4),
)
@settings(max_examples=400, deadline=None)
def test_the_score_is_whole_only_where_nothing_was_lost(places: list[tuple[str | int, ...]], values: list[Any]) -> None:
    record = copy.deepcopy(FULL)
    for path, value in zip(places, values, strict=False):
        holder: Any = record
        try:
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # something above it has been damaged already
    found = normalize(record, dialects()["service_item"], place="第1行")
    if found.coverage == 1.0:
        assert not LOSING & {one.rule for one in found.findings}, found.findings


@pytest.mark.parametrize("path", [path for path in PLACES if isinstance(path[-1], str)], ids=str)
def test_every_field_that_is_taken_away_costs(path: tuple[str | int, ...]) -> None:
    record = copy.deepcopy(FULL)
    holder: Any = record
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    found = normalize(record, dialects()["service_item"])
    settled = {"charges_fee", "use_level", "served"}  # without them more may apply, nothing less
    assert found.coverage < 1.0 or path[-1] in settled


def test_a_default_counts_as_missing() -> None:
    spec = FieldSpec.model_validate({"from": "version", "default": 1})
    dialect = dialects()["service_item"].dialect
    changed = dialect.model_copy(update={"fields": {**dialect.fields, "version": spec}})
    found = normalize({**FULL, "version": None}, compile_dialect(changed, city="445200"))
    assert found.item is not None
    assert found.item.provenance["version"] == "derived"
    assert [one.rule for one in found.findings] == ["defaulted"]
    assert found.coverage < 1.0


# --- tables that lead back


CODED = [target for target in TARGETS.values() if target.kind is Kind.CODE and target.codes and not target.group]


@given(data=st.data())
@settings(deadline=None)
def test_a_bijective_table_leads_there_and_back(data: st.DataObject) -> None:
    target = data.draw(st.sampled_from([one for one in CODED if "." not in one.path]))
    assert target.codes is not None
    words = [str(one.value) for one in target.codes]
    texts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)
    theirs = data.draw(st.lists(texts, min_size=len(words), max_size=len(words), unique=True))
    table = dict(zip(theirs, words, strict=True))
    dialect = compile_dialect(
        ItemDialect.model_validate(
            {
                "dialect": "drawn",
                "fields": {target.path: {"from": "x", "codes": "t"}},
                "codes": {"t": table},
                "bijective": ["t"],
            }
        )
    )
    for code, word in table.items():
        assert dialect.theirs("t", word) == code
        (step,) = dialect.root.steps
        found = step.convert(code, [])
        assert (found[0] if target.many else found) == word


@pytest.mark.parametrize("case", CASES)
def test_bijective_tables_we_ship_lead_back(case: str) -> None:
    dialect = dialects()[case]
    for name in dialect.dialect.bijective:
        for code, meaning in dialect.dialect.codes[name].items():
            word = meaning.to if isinstance(meaning, CodeMeaning) else meaning
            assert word is not None
            assert dialect.theirs(name, word) == code


def test_a_table_that_is_not_bijective_leads_back_only_where_it_is_plain() -> None:
    dialect = dialects()["445200"]
    assert dialect.theirs("handle_form", "9") == "其他"
    for word in ("1", "nothing"):
        with pytest.raises(KeyError):
            dialect.theirs("handle_form", word)
