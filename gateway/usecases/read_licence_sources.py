"""证照来源配置: read every office's YAML file, with what the environment overrides."""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from adapters.licence_source import LicenceSourceProfile
from schemas.errors import SeedInvalid


def read_licence_sources(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, LicenceSourceProfile]:
    """All offices of a folder by code; none where the folder is absent. SeedInvalid names the file and field.

    TONGBAN_LICENCES_DEMO_OFFICE_URL takes the place of demo-office's base_url.
    """
    environment = os.environ if environment is None else environment
    found: dict[str, LicenceSourceProfile] = {}
    for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        profile = _read(path, environment)
        found[profile.code] = profile
    return found


def _read(path: Path, environment: Mapping[str, str]) -> LicenceSourceProfile:
    try:
        words = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise _wrong(path, "not YAML in UTF-8", "不是 UTF-8 编码的 YAML") from None
    if not isinstance(words, dict):
        raise _wrong(path, "not a mapping", "不是键值结构")
    variable = f"TONGBAN_LICENCES_{path.stem.upper().replace('-', '_')}_URL"
    if variable in environment:
        words["base_url"] = environment[variable]
    try:
        return LicenceSourceProfile.model_validate(words)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise _wrong(path, f"{field}: {problem['msg']}", f"字段 {field} 有误") from None


def _wrong(path: Path, why: str, why_zh: str) -> SeedInvalid:
    return SeedInvalid(f"{path.name}: {why}.", f"{path.name}：{why_zh}。")
