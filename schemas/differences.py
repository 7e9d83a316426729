"""差异: how cities' versions of one item differ, for the clerk to see before an application goes out."""

from enum import StrEnum

from schemas.finding import Severity
from schemas.identifiers import CatalogCode, DivisionCode
from schemas.model import Model, ShortText


class Aspect(StrEnum):
    """比较方面."""

    CONDITIONS = "conditions"
    """受理条件."""
    SERVED = "served"
    """服务对象."""
    MATERIALS = "materials"
    """申请材料."""
    FORM = "form"
    """填报字段."""
    LIMITS = "limits"
    """办理时限."""
    FEES = "fees"
    """收费."""
    MODES = "modes"
    """通办模式与办理形式."""
    VISITS = "visits"
    """到场次数."""
    DELIVERY = "delivery"
    """送达."""
    RESULT = "result"
    """审批结果."""


class MatchedBy(StrEnum):
    """材料对应依据: why two cities' materials are taken for the same one. Never their place in the list."""

    CODE = "code"
    """Same code, and names that agree or are alike; a code alone may be no more than a number in the list."""
    NAME = "name"
    """Same name, but for spaces, punctuation and width."""
    LICENCE_TYPE = "licence_type"
    """The same e-licence replaces both."""


class Difference(Model):
    """差异: one field in which cities differ."""

    aspect: Aspect
    field: str
    """Our field: `promised_limit`, `materials[M02].necessity`, a material by its code in the first city that has it."""
    name_zh: str
    """中文名称 of the field, with the material's name."""
    values: dict[DivisionCode, str | None]
    """What each city says, in words; null = the city says nothing, which is not "no".

    In a row about how a material is asked for, a city that does not ask for it is left out.
    """
    severity: Severity
    """warning: could send an applicant home; info: otherwise. Never error."""
    demanding: tuple[DivisionCode, ...] = ()
    """要求更多的城市: where the applicant must bring, pay or travel more, or is not served."""
    matched_by: MatchedBy | None = None
    """For materials that several cities have."""
    message_zh: str
    """One sentence for the clerk."""


class ComparedItem(Model):
    """参与比较的事项."""

    item_code: CatalogCode
    name: ShortText
    version: int


class Differences(Model):
    """差异表: two or more cities' versions of one item, side by side."""

    items: dict[DivisionCode, ComparedItem]
    """By city, in the order asked for."""
    rows: tuple[Difference, ...]
    """Warnings and infos in the order of the aspects; empty = nothing differs."""
    same: tuple[str, ...] = ()
    """中文名称 of each field that every city fills and fills alike."""
