"""填报规则: whether what was filled in fits the item's fields. The JSON Schema of form_schema.py says the same."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from schemas.application import Application
from schemas.errors import FieldProblem
from schemas.service_item import FormField, FormFieldKind, ServiceItem

BLANK = r"^[ \t\r\n\u3000]*$"
"""空值: a text of nothing but blanks is not filled in."""
_BLANKS = " \t\r\n\u3000"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def form_problems(application: Application, item: ServiceItem) -> Iterator[FieldProblem]:
    """Every fault of the form against the item's fields; keys that are no field of the item are left alone."""
    for field in item.form_fields:
        value = application.form.get(field.key)
        pointer = f"/form/{field.key}"
        if not is_filled(value):
            if field.required:
                yield FieldProblem(
                    pointer, "form_field_missing", f"{field.key} must be filled in", f"请填写：{field.label}"
                )
        elif (fault := _CHECKS[field.kind](field, value)) is not None:
            code, message, message_zh = fault
            yield FieldProblem(pointer, code, message, f"{field.label}{message_zh}")


def is_filled(value: str | int | bool | None) -> bool:
    """Whether something was filled in: no, for nothing and for blanks."""
    return value is not None and not (isinstance(value, str) and not value.strip(_BLANKS))


_Value = str | int | bool | None
_Fault = tuple[str, str, str] | None


def _text(field: FormField, value: _Value) -> _Fault:
    if not isinstance(value, str):
        return "form_kind", "text is wanted", "应为文本"
    if field.max_length is not None and len(value) > field.max_length:
        return "form_too_long", f"at most {field.max_length} characters", f"最多{field.max_length}个字"
    return None


def _integer(_field: FormField, value: _Value) -> _Fault:
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    return "form_kind", "a whole number is wanted", "应为整数"


def _boolean(_field: FormField, value: _Value) -> _Fault:
    return None if isinstance(value, bool) else ("form_kind", "true or false is wanted", "应为是或否")


def _date(_field: FormField, value: _Value) -> _Fault:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            return "form_date", "this day does not exist", "不是存在的日期"
        return None
    return "form_date", "a date as YYYY-MM-DD is wanted", "应为日期，如2026-01-31"


def _choice(field: FormField, value: _Value) -> _Fault:
    # a text of its own: 1 and true are equal to each other, and neither is "1"
    if isinstance(value, str) and any(choice.value == value for choice in field.choices):
        return None
    return "form_choice", "not one of the choices", f"应为下列之一：{'、'.join(one.label for one in field.choices)}"


_CHECKS: Mapping[FormFieldKind, Callable[[FormField, _Value], _Fault]] = {
    FormFieldKind.TEXT: _text,
    FormFieldKind.INTEGER: _integer,
    FormFieldKind.BOOLEAN: _boolean,
    FormFieldKind.DATE: _date,
    FormFieldKind.CHOICE: _choice,
}
