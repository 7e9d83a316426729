"""Golden catalogues: raw in, canonical out, for every dialect we ship and every city's.

`python -m tests.adapters.normalization.test_golden` writes every expected.json anew; read the difference before it is
committed: each line of it is a change in what a city's record becomes. Texts are kept in UTF-8 and sheets as JSON, so
that they can be read; the test writes them in the form and encoding that the dialect declares.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import xlsxwriter

from adapters.normalization.compile import CompiledDialect, compile_dialect
from adapters.normalization.dialect_file import load_dialects
from adapters.normalization.normalize import normalize
from adapters.normalization.report import CatalogueReport
from adapters.profile import CityProfile, load_profile
from adapters.sources.reading import read_records
from gateway.usecases.normalise_file import source_for

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).with_name("golden")
CASES = sorted(path.name for path in GOLDEN.iterdir())
CITY = "445200"
"""Whose catalogue a dialect reads that belongs to no city."""


@cache
def profiles() -> dict[str, CityProfile]:
    return {path.stem: load_profile(path) for path in sorted((ROOT / "seeds" / "cities").glob("*.yaml"))}


@cache
def dialects() -> dict[str, CompiledDialect]:
    """Every dialect we ship, compiled for CITY, and every version of each city's."""
    shared = load_dialects(ROOT / "seeds" / "dialects")
    found = {name: compile_dialect(one, city=CITY) for name, one in shared.items()}
    for code, profile in profiles().items():
        for one in profile.catalogue:
            name = code if len(profile.catalogue) == 1 else f"{code}_v{one.version}"
            found[name] = compile_dialect(one, city=code, shape=profile.codes)
    return found


def _workbook(sheets: dict[str, list[list[Any]]], path: Path) -> None:
    with xlsxwriter.Workbook(str(path), {"strings_to_urls": False}) as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, str):
                        sheet.write_string(number, column, cell)
                    elif cell is not None:
                        sheet.write(number, column, cell)


def written(case: str, dialect: CompiledDialect, folder: Path) -> Path:
    """The raw catalogue in the form that the dialect declares."""
    (raw,) = (GOLDEN / case).glob("raw.*")
    source = source_for(dialect.dialect)
    text = raw.read_text("utf-8")
    if source.format == "sheet":
        path = folder / "raw.xlsx"
        _workbook(json.loads(text), path)
    else:
        path = folder / raw.name
        path.write_text(text, source.encoding or "utf-8", newline="\n")
    return path


def outcome(case: str, folder: Path) -> dict[str, Any]:
    dialect = dialects()[case]
    report = CatalogueReport(dialect)
    items, findings = [], []
    for record in read_records(written(case, dialect, folder), source_for(dialect.dialect)):
        found = normalize(record.data, dialect, place=record.place)
        report.add(record.data, found)
        findings += [json.loads(one.model_dump_json()) for one in found.findings]
        if found.item is not None:
            items.append(json.loads(found.item.model_dump_json(exclude_none=True)))
    summary = report.as_json()
    by_item = summary["coverage"]["by_item"]
    return {
        "items": items,
        "findings": findings,
        "coverage": {"catalogue": summary["coverage"]["catalogue"], "by_item": by_item},
        "counts": summary["counts"],
        "source_fields": {name: summary["source_fields"][name] for name in ("ignored", "unmapped")},
    }


@pytest.mark.parametrize("case", CASES)
def test_the_record_becomes_what_it_always_became(case: str, tmp_path: Path) -> None:
    expected = json.loads((GOLDEN / case / "expected.json").read_text("utf-8"))
    assert outcome(case, tmp_path) == expected


def test_every_dialect_has_a_golden_catalogue() -> None:
    assert set(CASES) == set(dialects())


@pytest.mark.parametrize("case", CASES)
def test_every_golden_catalogue_has_something_to_say(case: str) -> None:
    expected = json.loads((GOLDEN / case / "expected.json").read_text("utf-8"))
    assert expected["findings"]
    assert expected["counts"]["read"] == expected["counts"]["ok"] + expected["counts"]["quarantined"]


def _rewrite() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        for case in CASES:
            text = json.dumps(outcome(case, Path(folder)), ensure_ascii=False, indent=2) + "\n"
            path = GOLDEN / case / "expected.json"
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, "utf-8")
                yield case


if __name__ == "__main__":
    print("rewritten:", *_rewrite())
