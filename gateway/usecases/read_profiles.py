"""城市配置: read every city's YAML profile, with what the environment overrides."""

import os
from collections.abc import Mapping
from pathlib import Path

from adapters.profile import CityProfile, load_profile


def overrides(city: str, environment: Mapping[str, str]) -> dict[str, str]:
    """${name} values for one city's profile: TONGBAN_CITY_441300_URL becomes `url`."""
    prefix = f"TONGBAN_CITY_{city}_"
    return {key.removeprefix(prefix).lower(): value for key, value in environment.items() if key.startswith(prefix)}


def read_profiles(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, CityProfile]:
    """All profiles of a folder, by division code. SeedInvalid names the file and line of the first fault."""
    environment = os.environ if environment is None else environment
    profiles = [load_profile(path, overrides(path.stem, environment)) for path in sorted(folder.glob("*.yaml"))]
    return {profile.code: profile for profile in profiles}
