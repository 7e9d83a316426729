"""钩子模块: the documented escape: one small Python module beside a profile, for what the profile cannot say.

It is code and is reviewed like code: it runs with the gateway's rights, when a profile is checked and when a message
is sent. It is read only from the profile's own folder. Whatever one of its functions raises becomes Unmappable, or
PartnerProtocol for `sign`; it cannot end a lane, but nothing stops a function that never returns.
"""

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from adapters.dialect import DialectError, Place
from adapters.expression_functions import Unmappable
from schemas.errors import PartnerProtocol

_SIGN = "sign"
_PLACE: Place = ("hooks",)


@dataclass(frozen=True, slots=True)
class HookRequest:
    """待签请求, as a hook's `sign` is given it; it answers with headers, name → text."""

    method: str
    path: str
    query: str
    body: bytes | None
    """None where the body is not held whole: use `body_digest`."""
    body_digest: Callable[[str], str]
    """Hexadecimal, by "sha256" or "sm3"."""
    now: datetime
    nonce: str
    secret: Callable[[str], str]
    """The value of a secret that `auth.secrets` names."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """钩子: the functions of one module. Each raises Unmappable and nothing else."""

    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    signer: Callable[[HookRequest], Any] | None = None

    def sign(self, request: HookRequest) -> dict[str, str]:
        """Headers for one request. PartnerProtocol where the module fails; KeyError for a secret that is not there."""
        headers = None
        try:
            headers = None if self.signer is None else self.signer(request)
        except _NotConfigured as error:
            raise KeyError(error.name) from None
        except (Exception, SystemExit):  # noqa: S110 - what it says may hold a secret
            pass
        if not isinstance(headers, dict) or not all(_is_header(*pair) for pair in headers.items()):
            raise PartnerProtocol("The city's hook module gives no headers.", "该城市的钩子模块未能给出签名请求头。")
        return headers


class _NotConfigured(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def secrets_for(names: tuple[str, ...], secret: Callable[[str], str]) -> Callable[[str], str]:
    """The named secrets and no others."""

    def one(name: str) -> str:
        if name not in names:
            raise ValueError(name)
        try:
            return secret(name)
        except KeyError:
            raise _NotConfigured(name) from None

    return one


def load_hooks(path: Path) -> Hooks:
    """The functions of a module. DialectError for one that is elsewhere, cannot be read, or fails when it is run."""
    try:
        if path.resolve(strict=True).parent != path.parent.resolve():
            raise DialectError(_PLACE, "a hook module lies in the profile's folder", "钩子模块须与配置在同一目录")
        source = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise DialectError(_PLACE, f"{path.name} cannot be read", f"无法读取{path.name}") from None
    module = ModuleType(f"tongban_hooks_{path.stem}")
    try:
        exec(compile(source, path.name, "exec"), module.__dict__)  # noqa: S102 - reviewed like code, see above
    except (Exception, SystemExit) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        where = "" if line is None else f", line {line}"
        raise DialectError(
            _PLACE, f"{path.name}{where}: {type(error).__name__}", f"{path.name}无法运行：{type(error).__name__}"
        ) from None
    return _hooks_of(module)


def _hooks_of(module: ModuleType) -> Hooks:
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    for name, function in found.items():
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise DialectError(_PLACE, f"the function {name} is not a plain one", f"函数{name}不是普通函数")
    signer = found.pop(_SIGN, None)
    return Hooks({name: _guarded(name, function) for name, function in found.items()}, signer)


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            result = function(*deepcopy(arguments))
        except (Exception, SystemExit):
            raise Unmappable(f"the hook {name} failed", f"钩子函数{name}出错") from None
        if not _is_json(result):
            raise Unmappable(f"the hook {name} gives no JSON value", f"钩子函数{name}的结果不是JSON值")
        return result

    return call


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(part) for name, part in value.items())
    if isinstance(value, list):
        return all(_is_json(part) for part in value)
    return value is None or isinstance(value, str | int | float | bool)


def _is_header(name: Any, value: Any) -> bool:
    return isinstance(name, str) and isinstance(value, str) and value.isascii() and value.isprintable() and bool(name)
