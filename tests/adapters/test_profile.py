"""Profiles: those we ship hold, broken ones are refused with file, line and field."""

from pathlib import Path
from typing import Any

import pytest

from adapters.profile import CityProfile, Duplicates, Transport, load_profile
from adapters.profile_check import check_examples
from adapters.registry import build_adapter
from schemas.errors import SeedInvalid
from tests.adapters.cities import CITIES, ROOT, SOAP12, UNSAFE, profile_path

SHIPPED = sorted((ROOT / "seeds" / "cities").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_examples_of_shipped_profiles_hold(path: Path) -> None:
    profile = load_profile(path)
    assert profile.code == path.stem
    assert check_examples(profile) == []


def test_what_the_profiles_say() -> None:
    by_code = {code: load_profile(profile_path(code)) for code in CITIES}
    assert {code: profile.duplicates for code, profile in by_code.items()} == {
        "441300": Duplicates.IDEMPOTENT,
        "441500": Duplicates.QUERY_FIRST,
        "441400": Duplicates.IDEMPOTENT,
        UNSAFE: Duplicates.UNSAFE,
        "440500": Duplicates.QUERY_FIRST,
        SOAP12: Duplicates.IDEMPOTENT,
        "445100": Duplicates.IDEMPOTENT,
        "445200": Duplicates.IDEMPOTENT,
        "350600": Duplicates.IDEMPOTENT,
    }
    assert by_code["441300"].collection is None
    assert by_code["441400"].transport is Transport.EXCHANGE_DATABASE


def test_our_own_city() -> None:
    profile = load_profile(profile_path("445200"))
    assert profile.transport is Transport.REST
    assert profile.case_number is not None
    assert profile.auth is not None
    assert profile.inbound is not None
    assert profile.inbound.callback is not None
    assert profile.auth.secret != profile.inbound.callback.secret  # type: ignore[union-attr]


def test_a_city_that_nobody_calls(tmp_path: Path) -> None:
    path = tmp_path / "445200.yaml"
    text = 'code: "445200"\nname: 揭阳市\nprovenance: {default: fictitious}\ntransport: inbound\n'
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="no adapter"):
        build_adapter(load_profile(path), None)  # type: ignore[arg-type]


def test_settings_fill_places() -> None:
    settings = {"url": "https://example.invalid/base", "paasid": "abc", "timeout_s": "2.5"}
    profile = load_profile(profile_path("441300"), settings)
    assert profile.rest is not None
    assert profile.rest.url == "https://example.invalid/base"
    assert profile.rest.submit.path == "/ebus/abc/kctb/apply"
    assert profile.limits.timeout_s == 2.5
    assert load_profile(profile_path("441300")).limits.timeout_s == 15


SECTIONS = {  # a fault between two fields is pointed at by their section
    "secret in a key": "inbound:",
    "one code, two meanings": "  callback:\n    # BWLX",
    "one answer, two meanings": "answers:",
    "scheme": "auth:",
}
BROKEN: list[tuple[str, str, str, str]] = [
    # name, text to replace, replacement, part of the sentence
    ("jmespath", "YSBLSH: application_id  ", "YSBLSH: application_id.[  ", "not a JMESPath expression"),
    ("table", "lookup('mode', application.mode)", "lookup('modes', application.mode)", "no table 'modes'"),
    ("duplicate key", "transport: rest", "transport: rest\ntransport: rest", "occurs twice"),
    ("unknown field", "duplicates: idempotent", "duplicate: idempotent", "Extra inputs"),
    ("unknown word", "duplicates: idempotent", "duplicates: never", "Input should be"),
    ("unknown step", "{step: REJECTED} ", "{step: REFUSED} ", "Input should be"),
    ("number out of range", "in_flight: 16", "in_flight: 0", "greater than"),
    ("setting missing", "${url:-http://127.0.0.1:18001}", "${url}", "setting url is missing"),
    ("url", "${url:-http://127.0.0.1:18001}", "ftp://example.invalid", "should match pattern"),
    ("not yaml", "answers:\n", "answers: [\n", "not YAML"),
    ("tab", "answers:\n", "\tanswers:\n", "not YAML"),
    ("tag", "code: code\n", "code: !!binary aGVsbG8=\n", "only plain values"),
    ("leaf is no expression", "SXMC: item_name", "SXMC: 5", "must be an expression"),
    ("placeholder", "/file/{reference}", "/file/{Reference}", "lower case"),
    ("secret in a key", "keys: [] ", "keys: [{kty: EC, d: xyz}] ", "private key"),
    ("one code, two meanings", 'noted: ["3"] ', 'noted: ["5"] ', "both in steps and in noted"),
    ("one answer, two meanings", 'later: ["98"] ', 'later: ["10"] ', "two meanings"),
    ("scheme", "scheme: tif\n", "scheme: tiff\n", "does not match any of the expected tags"),
]


@pytest.mark.parametrize(("name", "text", "replacement", "part"), BROKEN, ids=[row[0] for row in BROKEN])
def test_broken_profiles_are_refused_with_their_line(
    name: str, text: str, replacement: str, part: str, tmp_path: Path
) -> None:
    whole = profile_path("441300").read_text("utf-8")
    assert text in whole
    path = tmp_path / "441300.yaml"
    path.write_text(whole.replace(text, replacement, 1), "utf-8")
    line = whole[: whole.index(SECTIONS.get(name, text))].count("\n") + 1
    with pytest.raises(SeedInvalid) as caught:
        load_profile(path)
    assert part in caught.value.detail
    assert caught.value.detail.startswith("441300.yaml, line ")
    assert caught.value.detail_zh
    assert line <= caught.value.facts["line"] <= line + 2, caught.value.detail


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"- a\n- b\n", b"code: 1\n", b"? [a, b]\n: c\n", ("a:\n" + " " * 3).encode()]
)
def test_files_that_are_no_profile(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "441300.yaml"
    path.write_bytes(content)
    with pytest.raises(SeedInvalid):
        load_profile(path)


def test_nesting_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "441300.yaml"
    path.write_text("a: " + "{a: " * 100 + "1" + "}" * 100)
    with pytest.raises(SeedInvalid, match="nested too deeply"):
        load_profile(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SeedInvalid):
        load_profile(tmp_path / "441300.yaml")


def test_field_names_that_yaml_takes_for_yes_and_no() -> None:
    profile = load_profile(profile_path("441500"))
    assert profile.rest is not None
    body = profile.rest.submit.body
    assert isinstance(body, dict)
    assert "no" in body["materials"]["object"]


def _changed(code: str, **changes: Any) -> CityProfile:
    return load_profile(profile_path(code)).model_copy(update=changes)


@pytest.mark.parametrize(
    ("code", "without"), [("441300", "rest"), ("441300", "auth"), ("441500", "collection"), ("441400", "reports")]
)
def test_sections_must_fit_the_transport(code: str, without: str) -> None:
    data = load_profile(profile_path(code)).model_dump(mode="json", exclude_unset=True)
    del data[without]
    with pytest.raises(ValueError, match="/"):
        CityProfile.model_validate(data)


def test_query_first_needs_a_query() -> None:
    data = load_profile(profile_path(UNSAFE)).model_dump(mode="json", exclude_unset=True)
    with pytest.raises(ValueError, match="query_first"):
        CityProfile.model_validate({**data, "duplicates": "query_first"})


def test_an_ambiguous_table_has_no_reverse_unless_it_is_given() -> None:
    profile = load_profile(profile_path("441300"))
    assert "material" not in profile.dialect.reversed_tables()
    assert profile.dialect.reversed_tables()["mode"]["1"] == "COLLECT"
    given = profile.dialect.model_copy(update={"reverse": {"material": {"2": "uploaded"}}})
    assert given.reversed_tables()["material"] == {"2": "uploaded"}


def test_a_wrong_example_is_told() -> None:
    profile = load_profile(profile_path("441300"))
    submit, reports = profile.examples.submit, profile.examples.reports
    wrong = profile.model_copy(
        update={
            "examples": profile.examples.model_copy(
                update={
                    "submit": (
                        submit[0].model_copy(update={"expect": {**submit[0].expect, "BJLX": "1", "NEW": 1}}),
                        submit[1].model_copy(update={"message": {"message_id": "x"}}),
                    ),
                    "reports": (
                        reports[0].model_copy(update={"expect": {"step": "REJECTED"}}),
                        reports[1].model_copy(update={"expect": {"step": "ACCEPTED"}}),
                        reports[2].model_copy(update={"via": "nothing"}),
                        reports[2].model_copy(update={"received": {}}),
                    ),
                }
            )
        }
    )
    faults = "\n".join(check_examples(wrong))
    assert "BJLX: expected '1', found '2'" in faults
    assert "NEW: missing" in faults
    assert "message." in faults
    assert "step: expected 'REJECTED', found 'ACCEPTED'" in faults
    assert "expected a report, found" in faults or "found the other" in faults
    assert "there is no reports.nothing" in faults
    assert "cannot be read" in faults


def test_a_profile_without_examples_is_told() -> None:
    faults = check_examples(load_profile(profile_path(UNSAFE)))
    assert "examples.submit: there is no example" in faults
    assert "examples.reports: there is no example via progress" in faults
