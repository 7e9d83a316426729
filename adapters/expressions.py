"""映射表达式: JMESPath, compiled once into plain functions, with the few functions a city's dialect needs.

jmespath parses, and its own interpreter is the oracle in the tests; walking its tree anew for each of the sixty
leaves of an application costs four times as much as the functions made here.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from adapters.expression_functions import Unmappable
from adapters.function_table import FUNCTIONS
from adapters.time_functions import wrong_pattern

Evaluate = Callable[[Any], Any]
"""求值: a value in, a value out; raises Unmappable."""
Tables = Mapping[str, Mapping[str, str]]
"""代码表: ours → theirs, by the table's name."""
Hooks = Mapping[str, Callable[..., Any]]
"""钩子函数 by name, from the module a profile names; each raises Unmappable and nothing else."""

_BUILT_IN = Functions()
_NO_HOOKS: Hooks = MappingProxyType({})


class ExpressionError(ValueError):
    """表达式有误: the text is not an expression we take; two sentences, English and Chinese."""

    def __init__(self, message: str, message_zh: str) -> None:
        super().__init__(f"{message_zh} / {message}")
        self.message, self.message_zh = message, message_zh


def compile_expression(text: str, tables: Tables, reverse: Tables, hooks: Hooks = _NO_HOOKS) -> Evaluate:
    """The function that `text` means. Raises ExpressionError for what does not parse or names an unknown table."""
    try:
        tree = jmespath.compile(text).parsed
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise ExpressionError(f"not a JMESPath expression: {reason}", "不是有效的JMESPath表达式") from None
    return _Compiler(tables, reverse, hooks).compile(tree)


def is_false(value: object) -> bool:
    """假: what JMESPath holds to be false; zero is not."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def _equal(left: object, right: object) -> bool:
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return left == right


def _path(names: Sequence[str]) -> Evaluate:
    first, *rest = names
    if not rest:
        return lambda value: value.get(first) if isinstance(value, dict) else None

    def walk(value: Any) -> Any:
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return walk


def _then(steps: Sequence[Evaluate]) -> Evaluate:
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))

    def walk(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return walk


def _flat(value: Any) -> list[Any] | None:
    if not isinstance(value, list):
        return None
    flat: list[Any] = []
    for one in value:
        if isinstance(one, list):
            flat.extend(one)
        else:
            flat.append(one)
    return flat


def _projected(values: Any, step: Evaluate) -> list[Any] | None:
    if not isinstance(values, list):
        return None
    return [found for value in values if (found := step(value)) is not None]


class _Compiler:
    """One expression's tree to functions; nodes that profiles do not need are refused, not guessed."""

    def __init__(self, tables: Tables, reverse: Tables, hooks: Hooks) -> None:
        self._tables, self._reverse, self._hooks = tables, reverse, hooks

    def compile(self, node: Mapping[str, Any]) -> Evaluate:
        make: Callable[[Mapping[str, Any]], Evaluate] | None = getattr(self, f"_{node['type']}", None)
        if make is None:
            kind = node["type"].replace("_", " ")
            raise ExpressionError(f"this part of JMESPath is not used here: {kind}", "此处不支持该JMESPath语法")
        return make(node)

    def _children(self, node: Mapping[str, Any]) -> list[Evaluate]:
        return [self.compile(child) for child in node["children"]]

    def _field(self, node: Mapping[str, Any]) -> Evaluate:
        return _path([node["value"]])

    def _subexpression(self, node: Mapping[str, Any]) -> Evaluate:
        if all(child["type"] == "field" for child in node["children"]):
            return _path([child["value"] for child in node["children"]])
        return _then(self._children(node))

    def _pipe(self, node: Mapping[str, Any]) -> Evaluate:
        return _then(self._children(node))

    _index_expression = _pipe

    def _current(self, _node: Mapping[str, Any]) -> Evaluate:
        return lambda value: value

    _identity = _current

    def _literal(self, node: Mapping[str, Any]) -> Evaluate:
        literal = node["value"]
        return lambda _value: literal

    def _index(self, node: Mapping[str, Any]) -> Evaluate:
        place = node["value"]

        def pick(value: Any) -> Any:
            if not isinstance(value, list) or not -len(value) <= place < len(value):
                return None
            return value[place]

        return pick

    def _or_expression(self, node: Mapping[str, Any]) -> Evaluate:
        first, second = self._children(node)
        return lambda value: second(value) if is_false(left := first(value)) else left

    def _and_expression(self, node: Mapping[str, Any]) -> Evaluate:
        first, second = self._children(node)
        return lambda value: left if is_false(left := first(value)) else second(value)

    def _not_expression(self, node: Mapping[str, Any]) -> Evaluate:
        (inner,) = self._children(node)
        return lambda value: is_false(inner(value))

    def _comparator(self, node: Mapping[str, Any]) -> Evaluate:
        left, right = self._children(node)
        other = node["children"][1]
        if other["type"] == "literal" and isinstance(text := other["value"], str):  # only a text can equal a text
            if node["value"] == "eq":
                return lambda value: left(value) == text
            if node["value"] == "ne":
                return lambda value: left(value) != text
        if node["value"] == "eq":
            return lambda value: _equal(left(value), right(value))
        if node["value"] == "ne":
            return lambda value: not _equal(left(value), right(value))
        raise ExpressionError("only == and != are used here", "此处只支持==与!=")

    def _multi_select_list(self, node: Mapping[str, Any]) -> Evaluate:
        parts = self._children(node)
        return lambda value: None if value is None else [part(value) for part in parts]

    def _multi_select_dict(self, node: Mapping[str, Any]) -> Evaluate:
        parts = [(pair["value"], self.compile(pair["children"][0])) for pair in node["children"]]
        return lambda value: None if value is None else {name: part(value) for name, part in parts}

    def _flatten(self, node: Mapping[str, Any]) -> Evaluate:
        (inner,) = self._children(node)
        return lambda value: _flat(inner(value))

    def _projection(self, node: Mapping[str, Any]) -> Evaluate:
        values, step = self._children(node)
        return lambda value: _projected(values(value), step)

    def _filter_projection(self, node: Mapping[str, Any]) -> Evaluate:
        values, step, test = self._children(node)

        def kept(value: Any) -> list[Any] | None:
            found = values(value)
            if not isinstance(found, list):
                return None
            return _projected([one for one in found if not is_false(test(one))], step)

        return kept

    def _function_expression(self, node: Mapping[str, Any]) -> Evaluate:
        name, arguments = node["value"], node["children"]
        if name in ("lookup", "reverse_lookup"):
            return self._lookup(name, arguments)
        if name == "hook":
            return self._hook(arguments)
        if name in ("format_time", "parse_time"):
            _check_pattern(name, arguments)
        parts = [self.compile(child) for child in arguments]
        if name in FUNCTIONS:
            function, count = FUNCTIONS[name]
            if len(parts) != count:
                raise ExpressionError(f"{name} takes {count} argument(s)", f"函数{name}应有{count}个参数")
            return _call(name, function, parts)
        if name not in _BUILT_IN.FUNCTION_TABLE:
            raise ExpressionError(f"there is no function {name}", f"没有函数{name}")
        return _call_built_in(name, parts)

    def _hook(self, arguments: Sequence[Mapping[str, Any]]) -> Evaluate:
        if not arguments or arguments[0]["type"] != "literal":
            raise ExpressionError("write hook('name', …)", "应写作hook('函数名', …)")
        name = arguments[0]["value"]
        function = self._hooks.get(name) if isinstance(name, str) else None
        if function is None:
            raise ExpressionError(f"the hook module has no function {name!r}", f"钩子模块中没有函数“{name}”")
        parts = [self.compile(child) for child in arguments[1:]]
        return lambda value: function(*[part(value) for part in parts])

    def _lookup(self, name: str, arguments: Sequence[Mapping[str, Any]]) -> Evaluate:
        if len(arguments) != 2 or arguments[0]["type"] != "literal":
            raise ExpressionError(f"write {name}('table', value)", f"应写作{name}('代码表', 值)")
        table_name = arguments[0]["value"]
        table = (self._tables if name == "lookup" else self._reverse).get(table_name)
        if table is None:
            raise ExpressionError(f"there is no table {table_name!r}", f"没有名为“{table_name}”的代码表")
        key = self.compile(arguments[1])
        return lambda value: _found(table, table_name, key(value))


def _check_pattern(name: str, arguments: Sequence[Mapping[str, Any]]) -> None:
    """A pattern that does not say which moment is meant is told before any message is."""
    if len(arguments) != 3 or any(argument["type"] != "literal" for argument in arguments[1:]):
        raise ExpressionError(f"write {name}(value, 'pattern', 'zone')", f"应写作{name}(值, '格式', '时区')")
    wrong = wrong_pattern(arguments[1]["value"], arguments[2]["value"], reads=name == "parse_time")
    if wrong is not None:
        raise ExpressionError(*wrong)


def _found(table: Mapping[str, str], name: str, key: Any) -> str | None:
    if key is None:
        return None
    code = table.get(key) if isinstance(key, str) else None
    if code is None:
        raise Unmappable(f"table {name} has no such value", f"代码表{name}中没有该取值")
    return code


_REFUSALS = (JMESPathError, ArithmeticError, RecursionError, TypeError, ValueError)
"""How a function says that a value is none of its kind: a number too large, a text where a list should be."""


def _call(name: str, function: Callable[..., Any], parts: Sequence[Evaluate]) -> Evaluate:
    def call(value: Any) -> Any:
        try:
            return function(*[part(value) for part in parts])
        except _REFUSALS:
            raise Unmappable(f"{name}() does not take this value", f"函数{name}不接受该取值") from None

    return call


def _call_built_in(name: str, parts: Sequence[Evaluate]) -> Evaluate:
    def call(value: Any) -> Any:
        try:
            return _BUILT_IN.call_function(name, [part(value) for part in parts])
        except _REFUSALS:
            raise Unmappable(f"{name}() does not take this value", f"函数{name}不接受该取值") from None

    return call
