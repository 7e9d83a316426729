"""方言文件: item dialects read from YAML, laid over the ones they extend; every fault names file, line and field."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from adapters.dialect import DialectError
from adapters.normalization.compile import compile_dialect
from adapters.normalization.item_dialect import ItemDialect
from adapters.profile_file import ProfileFile, read_profile_file

FOLDER = "dialects"
"""Where seeds keep the dialects that cities share, beside cities/."""


def load_dialects(folder: Path) -> dict[str, ItemDialect]:
    """Every dialect of a folder by name, each whole. Raises SeedInvalid for the first fault."""
    files: dict[str, tuple[ProfileFile, ItemDialect]] = {}
    for path in sorted(folder.glob("*.yaml")):
        file = read_profile_file(path, {})
        dialect = _validated(file)
        if dialect.dialect != path.stem:
            raise file.at(("dialect",), "must be the file's name", "应与文件名相同")
        files[dialect.dialect] = file, dialect
    return {name: _whole(name, files, ()) for name in files}


def load_dialect(path: Path, bases: Mapping[str, ItemDialect]) -> ItemDialect:
    """One dialect file, whole and compiled once for its faults. Raises SeedInvalid."""
    file = read_profile_file(path, {})
    return resolve(file, _validated(file), bases, ())


def resolve(
    file: ProfileFile, dialect: ItemDialect, bases: Mapping[str, ItemDialect], place: tuple[str | int, ...]
) -> ItemDialect:
    """A dialect written at `place` of a file, laid over its base and checked. Raises SeedInvalid."""
    whole = dialect
    if dialect.extends is not None:
        base = bases.get(dialect.extends)
        if base is None:
            raise file.at((*place, "extends"), f"there is no dialect {dialect.extends}", f"没有方言{dialect.extends}")
        whole = _over(file, dialect, base, place)
    try:
        compile_dialect(whole, place=place)
    except DialectError as error:
        raise file.at(error.place, error.message, error.message_zh) from None
    return whole


def in_force(dialects: Sequence[ItemDialect], today: date) -> ItemDialect | None:
    """The dialect of today: the last one whose day has come."""
    begun = [one for one in dialects if one.effective_from is None or one.effective_from <= today]
    return max(begun, key=lambda one: (one.effective_from or date.min, one.version), default=None)


def _validated(file: ProfileFile) -> ItemDialect:
    try:
        return ItemDialect.model_validate(file.data)
    except ValidationError as error:
        raise file.first_fault(error) from None


def _over(file: ProfileFile, dialect: ItemDialect, base: ItemDialect, place: tuple[str | int, ...]) -> ItemDialect:
    try:
        return dialect.over(base)
    except ValidationError as error:
        first = error.errors()[0]
        raise file.at((*place, *first["loc"]), first["msg"], f"与所继承的方言{base.dialect}合并后无效") from None


def _whole(name: str, files: Mapping[str, tuple[ProfileFile, ItemDialect]], seen: tuple[str, ...]) -> ItemDialect:
    file, dialect = files[name]
    if name in seen:
        raise file.at(("extends",), f"extends itself: {' → '.join((*seen, name))}", "方言循环继承")
    bases: dict[str, ItemDialect] = {}
    if dialect.extends is not None and dialect.extends in files:
        bases[dialect.extends] = _whole(dialect.extends, files, (*seen, name))
    return resolve(file, dialect, bases, ())
