"""种子表的行: what one line of each CSV file in seeds/ is. They stay inside the process.

The fields, in their order, are the columns of the file.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from schemas.identifiers import DivisionCode
from schemas.model import ShortText


def _split(cell: object) -> object:
    return tuple(cell.split(";")) if isinstance(cell, str) else cell


Words = Annotated[tuple[ShortText, ...], BeforeValidator(_split)]
"""词组: several words in one cell, with semicolons between them."""


class DivisionLevel(StrEnum):
    """区划级别."""

    MUNICIPALITY = "municipality"
    """直辖市."""
    PREFECTURE = "prefecture"
    """地级市."""
    AUTONOMOUS_PREFECTURE = "autonomous_prefecture"
    """自治州."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """行政区划 at city level."""

    code: DivisionCode
    name: ShortText
    province_name: ShortText
    province_code: DivisionCode
    level: DivisionLevel
    roles: Words = ()
    """guangdong, neighbour or capital."""


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    """区县 of a city."""

    code: DivisionCode
    name: ShortText
    city_code: DivisionCode


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalItem:
    """跨省通办事项 of the national lists, as far as it could be confirmed; no modes = not known."""

    seq: Annotated[int, Field(ge=1)]
    """Counts in this file only."""
    document: ShortText
    name: ShortText
    lead_ministry: ShortText
    modes: Words = ()
    """Chinese, as in the source; not all are modes the gateway knows."""
    due: ShortText | None = None
    """Year and month; a question mark = not confirmed."""
    confidence: Annotated[str, Field(pattern=r"^confirmed(_[a-z]+)?$")]
    """What was confirmed: confirmed_name is the name alone, not the modes."""
    source: Words


class DayKind(StrEnum):
    """日历例外的种类."""

    HOLIDAY = "holiday"
    """放假."""
    MAKEUP_WORKDAY = "makeup_workday"
    """调休上班."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """日历例外: a day that is not what its weekday says."""

    day: date
    kind: DayKind
    name: ShortText
    name_en: ShortText


class CodeOrigin(StrEnum):
    """代码来源."""

    STANDARD = "standard"
    """GB/T 39046-2020 Annex A."""
    MINISTRY = "ministry"
    """部委."""
    VENDOR = "vendor"
    """厂商."""
    UNCONFIRMED = "unconfirmed"
    """未核实."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntry:
    """代码表的一行: what one code means to one party."""

    table: ShortText
    table_name: ShortText
    origin: CodeOrigin
    vendor: ShortText | None = None
    """Whose code it is, where the origin is not the standard."""
    code: ShortText
    meaning: ShortText
    note: ShortText | None = None
    source: ShortText
