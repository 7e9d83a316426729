"""电子证照: what kinds there are, and what state one can be in."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from schemas.identifiers import check_credit_code
from schemas.model import Model, ShortText


def check_licence_type_code(text: str) -> str:
    """证照类型代码: the definer's credit code and three digits or capitals. Source: GB/T 36904-2018."""
    if re.fullmatch(r"[0-9A-Z]{21}", text) is None:
        raise ValueError("证照类型代码应为21位数字或大写字母 / a licence type code is 21 digits or capital letters")
    check_credit_code(text[:18])
    return text


LicenceTypeCode = Annotated[str, AfterValidator(check_licence_type_code)]
"""证照类型代码, GB/T 36904-2018."""


class TypeStanding(StrEnum):
    """类型代码的可信程度: how sure we are that this code is this licence."""

    CONFIRMED = "confirmed"
    """Code and name were seen together in a public source."""
    INFERRED = "inferred"
    """The code was seen; its name follows from how it was used."""
    NAME_UNCONFIRMED = "name_unconfirmed"
    """The code was seen; its name is a guess."""
    NOT_FOUND = "not_found"
    """The licence exists; its code was not found."""


class LicenceType(Model):
    """证照类型."""

    type_code: LicenceTypeCode | None = None
    """证照类型代码; absent where it was not found."""
    name: ShortText
    """证照名称."""
    definer: ShortText
    """定义机构."""
    status: TypeStanding
    """可信程度."""

    @model_validator(mode="after")
    def _code_fits_status(self) -> Self:
        if (self.type_code is None) is not (self.status is TypeStanding.NOT_FOUND):
            raise ValueError("未查到的类型没有代码，其余必须有 / a code is absent exactly when the status is not_found")
        return self


class LicenceStatus(StrEnum):
    """证照状态: one list of ours; ministries number it differently (housing 01 to 99, real estate 1 and 2)."""

    VALID = "valid"
    """有效."""
    SUSPENDED = "suspended"
    """暂扣."""
    REVOKED = "revoked"
    """吊销."""
    CANCELLED = "cancelled"
    """注销."""
    EXPIRED = "expired"
    """失效."""
    TRANSFERRED = "transferred"
    """办理转出."""
    RESCINDED = "rescinded"
    """撤销."""
    UNKNOWN = "unknown"
    """未知: no answer, or a code that is in no table."""
