"""报文解析: raw bytes into a model, or an error that names each wrong field."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from schemas.errors import FieldProblem, Invalid, Malformed

M = TypeVar("M", bound=BaseModel)

_ZH = {
    "missing": "缺少该字段",
    "extra_forbidden": "不认识的字段",
    "string_pattern_mismatch": "格式不正确",
    "string_too_short": "内容过短",
    "string_too_long": "内容过长",
    "enum": "不在允许的取值范围内",
    "uuid_parsing": "不是有效的编号",
    "uuid_type": "不是有效的编号",
    "datetime_parsing": "不是有效的时间",
    "datetime_from_date_parsing": "不是有效的时间",
    "union_tag_invalid": "类型标识不正确",
    "union_tag_not_found": "缺少类型标识",
    "literal_error": "不在允许的取值范围内",
    "too_long": "数量过多",
    "too_short": "数量不足",
    "string_type": "应为文本",
    "int_type": "应为整数",
    "bool_type": "应为是/否",
    "dict_type": "应为对象",
    "tuple_type": "应为列表",
    "model_type": "应为对象",
}
_MOST_PROBLEMS = 50


def parse(model: type[M], raw: bytes) -> M:
    """Validate JSON bytes strictly. Malformed: not UTF-8 JSON; Invalid: `errors` names each field."""
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        if problems[0]["type"] == "json_invalid":
            raise Malformed(
                "The body is not UTF-8 JSON, or is nested too deeply.", "请求报文不是 UTF-8 编码的 JSON，或嵌套过深。"
            ) from None
        errors = tuple(_problem(problem) for problem in problems[:_MOST_PROBLEMS])
        raise Invalid(
            f"{len(problems)} field(s) are wrong; see errors.",
            f"有 {len(problems)} 个字段不正确，详见 errors。",
            errors=errors,
        ) from None


def pointer(location: tuple[int | str, ...]) -> str:
    """RFC 6901 pointer of a pydantic location; the tags of discriminated unions are not part of the document."""
    parts = [part for part in location if part not in {"person", "organisation"}]
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def _problem(problem: object) -> FieldProblem:
    assert isinstance(problem, dict)  # noqa: S101 - pydantic's ErrorDetails
    kind, message = str(problem["type"]), str(problem["msg"])
    chinese = _ZH.get(kind, "取值不正确")
    if kind == "value_error" and " / " in message:
        # our own validators speak both languages: "中文 / english"
        chinese, message = message.removeprefix("Value error, ").split(" / ", 1)
    return FieldProblem(pointer(problem["loc"]), kind, message, chinese)
