"""编码与号码: what a well-formed code is, and nothing about whether it was ever issued.

Every check returns the text unchanged or raises ValueError with one sentence, Chinese first, which never repeats
the value: it may be a person's number.
"""

import re
from datetime import date
from operator import mul
from string import Formatter
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from schemas.errors import SerialOverflow
from schemas.model import Model

CREDIT_CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""代码字符集: digits and capitals without I, O, S, V, Z. Source: GB 32100-2015."""
BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LICENCE_ROOT = "1.2.156.3005.2"
"""电子证照根标识 (object identifier). Source: GB/T 36904-2018."""

_CREDIT_CHAR = f"[{CREDIT_CODE_ALPHABET}]"
_CREDIT_CODE = rf"{_CREDIT_CHAR}{{2}}[0-9]{{6}}{_CREDIT_CHAR}{{10}}"
_DIVISION = r"[0-9]{6}"
_RESIDENT = r"[0-9]{17}[0-9X]"
_CATALOG = r"[0-9A-Z]{12}"
_TASK = r"[0-9A-Z\-]{8,50}"
_CASE_NUMBER = r"[0-9A-Za-z\-]{1,50}"
_LICENCE = (
    rf"1\.2\.156\.3005\.2\.(?P<type>{_CREDIT_CODE}[0-9A-Z]{{3}})\.(?P<issuer>{_CREDIT_CODE}|{_DIVISION})"
    r"\.(?P<serial>[0-9A-Z]{1,32})\.(?P<version>[0-9A-Z]{3})\.(?P<check>[0-9A-Z])"
)

_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
# compiled once: these run for every application and every item
_IS_DIVISION = re.compile(_DIVISION)
_IS_RESIDENT = re.compile(_RESIDENT)
_IS_CREDIT_CODE = re.compile(_CREDIT_CODE)
_SEVENTEEN_OF_CREDIT_CODE = re.compile(rf"{_CREDIT_CHAR}{{17}}")
_IS_CATALOG = re.compile(_CATALOG)
_IS_TASK = re.compile(_TASK)
_SEVENTEEN_DIGITS = re.compile(r"[0-9]{17}")


def credit_code_check_digit(first17: str) -> str:
    """校验码 of a 统一社会信用代码 from its first 17 characters. Source: GB 32100-2015."""
    if _SEVENTEEN_OF_CREDIT_CODE.fullmatch(first17) is None:
        raise ValueError("统一社会信用代码前17位含非法字符 / the first 17 characters are not of the GB 32100 alphabet")
    total = sum(
        weight * CREDIT_CODE_ALPHABET.index(char) for weight, char in zip(_CREDIT_WEIGHTS, first17, strict=True)
    )
    return CREDIT_CODE_ALPHABET[-total % 31]


def resident_check_digit(first17: str) -> str:
    """校验码 of a 公民身份号码 from its first 17 digits. Source: GB 11643-1999."""
    if _SEVENTEEN_DIGITS.fullmatch(first17) is None:
        raise ValueError("公民身份号码前17位应为数字 / the first 17 characters must be digits")
    total = sum(map(mul, _RESIDENT_WEIGHTS, map(int, first17)))
    return _RESIDENT_CHECKS[total % 11]


def mod_37_36(text: str) -> str:
    """校验字符 over digits and capitals. Source: ISO/IEC 7064, MOD 37,36."""
    if re.fullmatch(r"[0-9A-Z]+", text) is None:
        raise ValueError("校验内容只能含数字和大写字母 / only digits and capital letters can be checked")
    product = 36
    for char in text:
        product = (product + BASE_36.index(char)) % 36 or 36
        product = product * 2 % 37
    return BASE_36[(37 - product) % 36]


def check_division(text: str) -> str:
    """行政区划代码: six digits, not all zero. Whether the place exists is a question for the division table."""
    if _IS_DIVISION.fullmatch(text) is None or text == "000000":
        raise ValueError("行政区划代码应为6位数字且不全为零 / a division code is six digits, not all zero")
    return text


def check_credit_code(text: str) -> str:
    """统一社会信用代码: 18 characters with a right check digit; lower case is refused. Source: GB 32100-2015.

    Characters 1 and 2 may be letters (N for rural collectives), so that python-stdnum is stricter than we are.
    """
    if _IS_CREDIT_CODE.fullmatch(text) is None:
        raise ValueError(
            "统一社会信用代码应为18位数字或大写字母（不含I、O、S、V、Z），第3至8位为数字 / "
            "a credit code is 18 digits or capitals without I, O, S, V, Z, digits in places 3 to 8"
        )
    if credit_code_check_digit(text[:17]) != text[17]:
        raise ValueError("统一社会信用代码校验码不符 / the check digit of the credit code is wrong")
    return text


def check_resident_number(text: str) -> str:
    """公民身份号码: shape, a day that exists, check digit. Source: GB 11643-1999.

    Deliberately not checked: that the age is plausible, or that the division existed in the year of birth. People
    registered late, and places that were renamed, are real.
    """
    if _IS_RESIDENT.fullmatch(text) is None:
        raise ValueError("公民身份号码应为17位数字加1位数字或X / a resident number is 17 digits and a digit or X")
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        raise ValueError("公民身份号码中的出生日期不存在 / the date of birth in the number does not exist") from None
    if resident_check_digit(text[:17]) != text[17]:
        raise ValueError("公民身份号码校验码不符 / the check digit of the resident number is wrong")
    return text


def check_licence_identifier(text: str) -> str:
    """电子证照标识: root, type, issuer, serial, version, check character; lower case is refused.

    The check character covers type, issuer, serial and version without dots. Source: GB/T 36904-2018 by way of
    public vectors; the text of the standard was not at hand. The credit codes inside are checked for shape only.
    """
    parts = re.fullmatch(_LICENCE, text)
    if parts is None:
        raise ValueError(
            "电子证照标识应为“1.2.156.3005.2.类型.颁发机构.流水号.版本.校验位”，字母大写 / "
            "a licence identifier is 1.2.156.3005.2.type.issuer.serial.version.check in capitals"
        )
    if mod_37_36(parts["type"] + parts["issuer"] + parts["serial"] + parts["version"]) != parts["check"]:
        raise ValueError("电子证照标识校验位不符 / the check character of the licence identifier is wrong")
    return text


def _check_catalog_code(text: str) -> str:
    if _IS_CATALOG.fullmatch(text) is None:
        raise ValueError("基本编码应为12位数字或大写字母 / a catalogue code is 12 digits or capital letters")
    return text


def _check_long_code(text: str) -> str:
    if _IS_TASK.fullmatch(text) is None:
        raise ValueError(
            "实施编码、业务办理项编码应为8至50位数字、大写字母或连字符 / "
            "a task or handle-item code is 8 to 50 digits, capitals or hyphens"
        )
    return text


def _check_case_number(text: str) -> str:
    if re.fullmatch(_CASE_NUMBER, text) is None:
        raise ValueError("办件编号应为1至50位字母、数字或连字符 / a case number is 1 to 50 letters, digits or hyphens")
    return text


def _text_of(pattern: str) -> WithJsonSchema:
    plain = re.sub(r"\(\?P<[a-z]+>", "(", pattern)  # JSON Schema has no Python group names
    return WithJsonSchema({"type": "string", "pattern": f"^{plain}$"})


DivisionCode = Annotated[str, AfterValidator(check_division), _text_of(_DIVISION)]
"""行政区划代码, GB/T 2260."""
CreditCode = Annotated[str, AfterValidator(check_credit_code), _text_of(_CREDIT_CODE)]
"""统一社会信用代码, GB 32100-2015."""
ResidentNumber = Annotated[str, AfterValidator(check_resident_number), _text_of(_RESIDENT)]
"""公民身份号码, GB 11643-1999."""
CatalogCode = Annotated[str, AfterValidator(_check_catalog_code), _text_of(_CATALOG)]
"""基本编码: [2] 00 or province, [2] item type, [2] department, [3] main item, [3] sub item."""
TaskCode = Annotated[str, AfterValidator(_check_long_code), _text_of(_TASK)]
"""实施编码: 31 by default (credit code, 行使层级, 基本编码); other shapes exist, see `check_task_code`."""
HandleItemCode = Annotated[str, AfterValidator(_check_long_code), _text_of(_TASK)]
"""业务办理项编码: 33 by default, an 实施编码 and two more."""
LicenceIdentifier = Annotated[str, AfterValidator(check_licence_identifier), _text_of(_LICENCE)]
"""电子证照标识, GB/T 36904-2018."""
CaseNumber = Annotated[str, AfterValidator(_check_case_number), _text_of(_CASE_NUMBER)]
"""办件编号: up to 50, GB/T 39046-2020."""


class TaskCodeShape(Model):
    """编码长度: how long a city's codes are; absent = any length, and then nothing inside is checked."""

    task_code_length: Annotated[int, Field(ge=8, le=50)] | None = 31
    handle_item_length: Annotated[int, Field(ge=8, le=50)] | None = 33


def check_task_code(code: str, shape: TaskCodeShape) -> str:
    """实施编码 in a city's shape; at length 31 the credit code, 行使层级 (1 to 7) and 基本编码 inside are checked."""
    _check_long_code(code)
    if shape.task_code_length is not None and len(code) != shape.task_code_length:
        raise ValueError(
            f"实施编码应为{shape.task_code_length}位 / a task code here has {shape.task_code_length} characters"
        )
    if shape.task_code_length == 31:
        check_credit_code(code[:18])
        if code[18] not in "1234567":
            raise ValueError("实施编码第19位（行使层级）应为1至7 / place 19 of a task code (use level) is 1 to 7")
        _check_catalog_code(code[19:])
    return code


def check_handle_item_code(code: str, shape: TaskCodeShape) -> str:
    """业务办理项编码 in a city's shape; at 33 with 实施编码 at 31, the first 31 are checked as an 实施编码."""
    _check_long_code(code)
    length = shape.handle_item_length
    if length is not None and len(code) != length:
        raise ValueError(f"业务办理项编码应为{length}位 / a handle-item code here has {length} characters")
    if length == 33 and shape.task_code_length == 31:
        check_task_code(code[:31], shape)
    return code


class CaseNumberFormat(Model):
    """办件编号格式: a city's own pattern; `{date}` and `{serial}` are needed, or numbers would repeat.

    Default: 31 实施编码, 8 date, 4 serial = 43. The serial counts from 1 each day.
    """

    template: Annotated[str, StringConstraints(max_length=120)] = "{task_code}{date:%Y%m%d}{serial:04d}"
    serial_digits: Annotated[int, Field(ge=1, le=12)] = 4

    @model_validator(mode="after")
    def _only_known_parts(self) -> Self:
        allowed = {"task_code": r"", "date": r"%[Yy]-?%m-?%d", "serial": rf"0{self.serial_digits}d"}
        try:
            parts = list(Formatter().parse(self.template))
        except ValueError:
            raise ValueError(
                "办件编号格式的花括号不成对 / the braces of the case-number template do not pair"
            ) from None
        for literal, name, spec, conversion in parts:
            well_formed = name is None or (
                conversion is None and re.fullmatch(allowed.get(name, r"(?!)"), spec or "") is not None
            )
            if not well_formed or re.fullmatch(r"[0-9A-Za-z\-]*", literal) is None:
                raise ValueError(
                    "办件编号格式只能含{task_code}、{date:%Y%m%d}、补零且位数同serial_digits的{serial}及字母数字 / "
                    "a case-number template holds {task_code}, {date:%Y%m%d}, {serial} padded with zeros to "
                    "serial_digits, letters, digits and hyphens"
                )
        if not {"date", "serial"} <= {name for _, name, _, _ in parts}:
            raise ValueError("办件编号格式缺少日期或流水号 / the case-number template lacks the date or the serial")
        return self


def case_number(number_format: CaseNumberFormat, task_code: str, day: date, serial: int) -> str:
    """办件编号 for the `serial`-th case (from 1) of `day`, a Beijing date. Raises SerialOverflow, not to be retried."""
    if serial < 1:
        raise ValueError("办件流水号从1开始 / the serial of a case number starts at 1")
    if serial >= 10**number_format.serial_digits:
        raise SerialOverflow(
            f"Serial {serial} needs more than {number_format.serial_digits} digits.",
            f"流水号{serial}超过{number_format.serial_digits}位。",
            serial=serial,
            serial_digits=number_format.serial_digits,
            day=day.isoformat(),
        )
    return _check_case_number(number_format.template.format(task_code=task_code, date=day, serial=serial))
