"""What the tests of sources share: read a whole file, and the error that reading it must give."""

from pathlib import Path
from typing import Any

import pytest

from adapters.normalization.source import Source
from adapters.sources.reading import read_records
from adapters.sources.record import Record
from schemas.errors import SourceUnreadable


def put(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return path


def read(path: Path, form: str, **settings: Any) -> list[Record]:
    return list(read_records(path, Source.model_validate({"format": form, **settings})))


def data(path: Path, form: str, **settings: Any) -> list[dict[str, Any]]:
    return [record.data for record in read(path, form, **settings)]


def refusal(path: Path, form: str, **settings: Any) -> SourceUnreadable:
    """The error; its sentences must name every place that its facts have."""
    with pytest.raises(SourceUnreadable) as caught:
        read(path, form, **settings)
    error = caught.value
    assert error.facts["file"] == path.name
    for fact in error.facts.values():
        assert str(fact) in error.detail
        assert str(fact) in error.detail_zh
    return error


def where(error: SourceUnreadable) -> tuple[Any, ...]:
    return tuple(error.facts.get(name) for name in ("sheet", "row", "column"))
