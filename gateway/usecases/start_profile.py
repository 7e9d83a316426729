"""起草城市配置: a starter profile from a sample of a city's catalogue."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from adapters.normalization.dialect_file import FOLDER, load_dialects
from adapters.normalization.starter import Starter, start_profile
from adapters.normalization.starter_known import known_names
from adapters.normalization.targets import ITEM
from adapters.sources.sampling import sample_catalogue
from gateway.settings import Settings
from gateway.usecases.read_seeds import read_seeds
from schemas.errors import Invalid
from schemas.identifiers import DivisionCode


def begun(settings: Settings, code: str, sample: Path, name: str | None) -> Starter:
    """The profile of `code`, begun from the sample. Raises Invalid for the code, SourceUnreadable for the sample."""
    try:
        TypeAdapter(DivisionCode).validate_python(code)
    except ValidationError:
        raise Invalid(f"{code} is no division code of six digits.", f"{code} 不是6位行政区划代码。") from None
    bases = load_dialects(settings.seeds_dir / FOLDER)
    known = frozenset(name for group, name in known_names(bases) if group == ITEM)
    found = sample_catalogue(sample, known)
    return start_profile(code, name or _name(settings, code), found.source, found.records, bases)


def _name(settings: Settings, code: str) -> str:
    divisions = {one.code: one.name for one in read_seeds(settings.seeds_dir).divisions}
    return divisions.get(code, f"城市{code}")
