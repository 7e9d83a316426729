"""命令中的配置: a profile file with the values a command line gives it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from adapters.dialect import DialectError
from adapters.profile import CityProfile, compile_everything, load_profile
from gateway.usecases.read_profiles import overrides
from schemas.errors import Invalid

_PLACE = re.compile(r"\$\{([a-z][a-z0-9_]*)")
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


def profile_with(path: Path, given: Sequence[str]) -> CityProfile:
    """The profile, its ${name} places filled from TONGBAN_CITY_<code>_<NAME> and from `given`.

    A `name=value` of a place fills it; `section.field=value` overrides what the profile says; `transport` stands for
    the section of its transport. Raises Invalid or SeedInvalid.
    """
    if not path.is_file():
        raise Invalid(f"There is no file {path}.", f"没有文件 {path}。")
    places = set(_PLACE.findall(path.read_text("utf-8")))
    settings, other = dict(overrides(path.stem)), dict[str, str]()
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or _NAME.fullmatch(name) is None:
            raise Invalid(f"--set is name=value, not {word!r}.", f"--set应为“名称=值”，而非{word!r}。")
        last = name.rpartition(".")[2]
        if (name.startswith("transport.") and last in places) or name in places:
            settings[last] = value
        elif "." in name:
            other[name] = value
        else:
            listed = ", ".join(sorted(places)) or "-"
            raise Invalid(
                f"The profile has no place ${{{name}}}; it has {listed}. To override a value, write section.field=….",
                f"配置中没有${{{name}}}；有：{listed}。要改其他取值，应写作“段落.字段=值”。",
            )
    profile = load_profile(path, settings)
    return _overridden(profile, other) if other else profile


def _overridden(profile: CityProfile, values: dict[str, str]) -> CityProfile:
    data: dict[str, Any] = profile.model_dump(mode="python", exclude_unset=True)
    for name, value in values.items():
        *above, last = name.split(".")
        if above[0] == "transport":
            above[0] = profile.transport.value
        part = data
        for key in above:
            part = part.setdefault(key, {})
        part[last] = yaml.safe_load(value)
    try:
        changed = CityProfile.model_validate(data)
        compile_everything(changed)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Invalid(f"--set: {place}: {first['msg']}.", f"--set：{place}：{first['msg']}。") from None
    except DialectError as error:
        raise Invalid(f"--set: {error.message}.", f"--set：{error.message_zh}。") from None
    return changed
