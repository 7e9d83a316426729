"""起步配置: a city's profile, begun from a sample of its catalogue; a person finishes it.

Nothing is settled here. Each guess carries `confirmed: false` and its reason, each code of a table waits for its
meaning, and what nobody recognised is listed: `cities check` fails until a person has dealt with all of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from adapters.normalization.item_dialect import CodeMeaning, ItemDialect
from adapters.normalization.source import Source
from adapters.normalization.starter_fields import SampleField, comment, sample_fields
from adapters.normalization.starter_guesses import Guesses, guess
from adapters.normalization.targets import TARGETS, Kind, Target

_SAMPLES = 3
_LISTED = 30
"""Codes of one table that are listed."""
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Starter:
    """起步配置."""

    text: str
    """The YAML file."""
    guesses: Guesses
    lacking: tuple[str, ...]
    """Required fields for which no source was found."""


def start_profile(
    code: str, name: str, source: Source, records: Iterable[Mapping[str, Any]], bases: Mapping[str, ItemDialect]
) -> Starter:
    """A profile for the city `code` that reads `records`, read as `source` says. Pure."""
    kept = list(records)
    guesses = guess(sample_fields(kept), bases)
    made = {one.target.path for one in guesses.fields}
    lacking = tuple(path for path, target in TARGETS.items() if target.required and _needed(path, made))
    text = "\n".join(_lines(code, name, source, guesses, lacking, bases))
    return Starter(f"{text}\n", guesses, lacking)


def _needed(path: str, made: set[str]) -> bool:
    owner = path.rpartition(".")[0]
    always = owner in ("", "implementing_body")
    return path not in made and path != "city" and (always or any(one.startswith(owner) for one in made))


def _lines(
    code: str, name: str, source: Source, guesses: Guesses, lacking: Sequence[str], bases: Mapping[str, ItemDialect]
) -> Iterator[str]:
    yield f"# {name}：由样本自动起草，须由人逐条核对。写法见 docs/adding-a-city.md“事项目录”。"
    yield "# Begun from a sample; a person must check every line. See docs/adding-a-city.md, Catalogue."
    yield "# 核对一条，删去该行的 confirmed: false；代码表填上我方取值；然后运行 tongban cities check。"
    yield f"code: {_quoted(code)}"
    yield f"name: {_quoted(name)}"
    yield "provenance: {default: source}"
    yield "transport: none          # 未接通：只读目录 not connected: only its catalogue is read"
    yield ""
    yield "catalogue:"
    yield f"  - dialect: city_{code}"
    yield "    version: 1"
    yield f"    source: {_flow(source.model_dump(mode='json', exclude_unset=True))}"
    yield "    fields:"
    yield from _fields(guesses)
    if lacking:
        yield "      # 必填，样本中没有认出来源 required, no source was recognised:"
        yield from (f"      # {path}:          # {TARGETS[path].name_zh}" for path in lacking)
    yield from _tables(guesses, bases)
    yield from _ignored(guesses.unknown)


def _fields(guesses: Guesses) -> Iterator[str]:
    if not guesses.fields:
        yield "      {}"
    for one in guesses.fields:
        yield f"      # {one.target.name_zh} ← {comment(one.why)}{_samples(one.source)}"
        yield f"      {_key(one.target.path)}: {_flow({**one.words, 'confirmed': False})}"


def _samples(one: SampleField | None) -> str:
    values = [comment(text) for text in list(one.values)[:_SAMPLES]] if one is not None else []
    return f"；样本 samples: {' | '.join(values)}" if values else ""


def _tables(guesses: Guesses, bases: Mapping[str, ItemDialect]) -> Iterator[str]:
    tables: dict[str, tuple[Target, dict[str, int]]] = {}
    for one in guesses.fields:
        if one.codes is not None:
            _, seen = tables.setdefault(str(one.words["codes"]), (one.target, {}))
            seen.update({text: seen.get(text, 0) + times for text, times in one.codes.items()})
    if not tables:
        yield "    codes: {}"
        return
    yield "    codes:"
    yield "      # 对方代码: 我方取值。不知含义的不要猜，整行删去，遇到时会报“未知代码”。"
    yield "      # Their code: our value. Never guess: delete the line of a code that nobody can explain."
    for name, (target, seen) in tables.items():
        yield f"      {name}:          # 我方取值 ours: {_ours(target, bases)}"
        listed = [text for text in sorted(seen) if _is_code(text)][:_LISTED]
        for text in listed:
            yield f"        {_quoted(text)}:          # 样本中{seen[text]}次{_elsewhere(name, text, bases)}"
        if len(seen) > len(listed):
            yield f"        # 另有{len(seen) - len(listed)}个取值未列 more values were seen"


def _is_code(text: str) -> bool:
    """Whether a table can hold the value: one short line."""
    return len(text) <= _LONGEST and not any(letter < " " or letter == "\x7f" for letter in text)


def _ours(target: Target, bases: Mapping[str, ItemDialect]) -> str:
    if target.kind is Kind.BOOLEAN:
        return "true 是, false 否"
    if target.kind is Kind.INTEGER:
        return "整数 a whole number"
    return ", ".join(f"{_value(one)} {_term(target, one, bases)}".strip() for one in target.codes or ())


def _value(one: Enum) -> str:
    return f'"{one.value}"' if str(one.value).isdecimal() else str(one.value)


def _term(target: Target, one: Enum, bases: Mapping[str, ItemDialect]) -> str:
    """What our value is called in Chinese, where some dialect has a word for it."""
    for base in bases.values():
        spec = base.fields.get(target.path)
        for word, meaning in base.codes.get(spec.codes or "", {}).items() if spec is not None else ():
            if meaning == one.value and not word.isascii():
                return word
    return "" if str(one.value) == one.name else one.name


def _elsewhere(table: str, text: str, bases: Mapping[str, ItemDialect]) -> str:
    """What others mean by the same code: a hint, never a value."""
    said: dict[str, list[str]] = {}
    for name, base in bases.items():
        meaning = base.codes.get(table, {}).get(text)
        word = meaning.to if isinstance(meaning, CodeMeaning) else meaning
        if word is not None:
            said.setdefault(word, []).append(name)
    words = "；".join(f"{word}（{'、'.join(names)}）" for word, names in said.items())
    return f"；别处 elsewhere: {words}" if said else ""


def _ignored(unknown: Sequence[SampleField]) -> Iterator[str]:
    yield "    # 没有认出的来源字段：写入 fields，或写入 ignored 并说明理由（去掉行首的 # ）。"
    yield "    # Not recognised: map it under fields, or give a reason here (take the # away)."
    yield "    ignored:"
    for one in unknown:
        yield f"      # {_key(one.text)}: 理由          # {_samples(one)[1:] or '样本中为空 empty in the sample'}"


def _key(path: str) -> str:
    plain = path.replace("[]", "").replace("_", "").replace(".", "")
    return path if plain.isalnum() and not plain[0].isdecimal() else _quoted(path)


def _quoted(text: str) -> str:
    """A YAML text in double quotes; what cannot be printed is escaped."""
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def _flow(words: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_word(value)}" for name, value in words.items()) + "}"


def _word(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(name)}: {_word(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_word(one) for one in value) + "]"
    return json.dumps(value)
