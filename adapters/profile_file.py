"""配置文件: YAML read so that every value knows its line, with ${name} places filled from settings.

Stricter than YAML 1.1: a key given twice is refused, and only `true` and `false` are yes and no: `no:` is a
partner's field name, not a boolean.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from schemas.errors import SeedInvalid

Place = tuple[str | int, ...]
_DEEPEST = 30
_SETTING = re.compile(r"\$\{([a-z][a-z0-9_]*)(?::-([^}]*))?\}")
_ALLOWED_TAGS = {"bool", "int", "float", "null", "str"}


if TYPE_CHECKING:
    from yaml import SafeLoader as _Base
else:  # the one written in C, where it is there: eight times faster
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """YAML with the core schema's scalars."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+$"), list("-0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """带行号的配置: plain values, and the line (from 1) of each place in them."""

    name: str
    data: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest place around it; parts that are no keys (union tags) are skipped."""
        return self.lines.get(self._nearest(place), 1)

    def at(self, place: Place, message: str, message_zh: str) -> SeedInvalid:
        """The error that points at `place`."""
        return _refuse(self.name, self.line(place), place, message, message_zh)

    def first_fault(self, error: ValidationError) -> SeedInvalid:
        """The first of a model's complaints, by line."""
        first = min(error.errors(), key=lambda one: self.line(one["loc"]))
        ours = first.get("ctx", {}).get("error")
        text = first["msg"] if ours is None else str(ours)
        chinese, both, english = text.partition(" / ")
        if both:
            return self.at(first["loc"], english, chinese)
        return self.at(first["loc"], text, f"取值无效（{first['type']}）")

    def _nearest(self, place: Place) -> Place:
        found: Place = ()
        for step in place:
            if (*found, step) in self.lines:
                found = (*found, step)
        return found


def _refuse(name: str, line: int, place: Place, message: str, message_zh: str) -> SeedInvalid:
    field = ".".join(str(step) for step in place)
    return SeedInvalid(
        f"{name}, line {line}, {field or 'whole file'}: {message}",
        f"{name} 第{line}行，{field or '整个文件'}：{message_zh}",
        file=name,
        line=line,
        field=field,
    )


def read_profile_file(path: Path, settings: Mapping[str, str]) -> ProfileFile:
    """Raises SeedInvalid for what is not UTF-8, not YAML, given twice, or lacks its setting."""
    name = path.name
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise _refuse(name, 1, (), "the file cannot be read as UTF-8", "文件无法以UTF-8读取") from None
    reader = _Reader(name, settings)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = None if node is None else reader.plain(loader, node, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        raise _refuse(name, line, (), "the line is not YAML", "本行不符合YAML格式") from None
    if not isinstance(data, dict):
        raise _refuse(name, 1, (), "the file must hold an object", "文件应为一个对象")
    return ProfileFile(name, data, reader.lines)


class _Reader:
    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self.lines: dict[Place, int] = {}
        self._name, self._settings = name, settings

    def plain(self, loader: yaml.SafeLoader, node: yaml.Node, place: Place) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        if len(place) > _DEEPEST:
            raise _refuse(self._name, line, place[:3], "nested too deeply", "嵌套过深")
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(loader, one, (*place, number)) for number, one in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, place)
        if node.tag.rpartition(":")[2] not in _ALLOWED_TAGS:
            raise _refuse(self._name, line, place, "only plain values are taken", "只接受普通取值")
        value = loader.construct_object(node)
        return self._filled(value, line, place) if isinstance(value, str) else value

    def _mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise _refuse(self._name, line, place, "a key must be plain text", "键应为普通文本")
            here = (*place, key)
            if key in mapping:
                raise _refuse(self._name, line, here, "the key occurs twice", "键重复")
            self.lines[here] = line
            mapping[key] = self.plain(loader, value_node, here)
        return mapping

    def _filled(self, text: str, line: int, place: Place) -> str:
        def value(found: re.Match[str]) -> str:
            name, default = found.groups()
            if name in self._settings:
                return self._settings[name]
            if default is None:
                raise _refuse(self._name, line, place, f"the setting {name} is missing", f"缺少设置项{name}")
            return default

        return _SETTING.sub(value, text)
