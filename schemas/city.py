"""城市: a city that takes part, on this side or the other."""

from schemas.identifiers import DivisionCode
from schemas.model import Model, Provenance, ShortText


class City(Model):
    """城市: how it is reached is not said here but in its profile."""

    division_code: DivisionCode
    """行政区划代码."""
    name: ShortText
    """城市名称."""
    province_name: ShortText
    """所在省名称."""
    provenance: dict[str, Provenance]
    """数据来源 of each field."""
