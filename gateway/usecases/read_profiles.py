"""城市配置: read every city's YAML profile, with what the environment overrides."""

import os
from collections.abc import Mapping
from pathlib import Path

from adapters.normalization.dialect_file import FOLDER, load_dialects
from adapters.profile import CityProfile, Transport, load_profile
from adapters.profile_file import read_profile_file
from adapters.via_rules import behind, fault_among
from gateway.settings import BackOffice, Settings
from schemas.errors import SeedInvalid


def overrides(city: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """${name} values for one city's profile: TONGBAN_CITY_441300_URL becomes `url`."""
    environment = os.environ if environment is None else environment
    prefix = f"TONGBAN_CITY_{city}_"
    return {key.removeprefix(prefix).lower(): value for key, value in environment.items() if key.startswith(prefix)}


def read_profiles(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, CityProfile]:
    """All profiles of a folder, by division code. SeedInvalid names the file and line of the first fault.

    Their catalogues may extend the dialects we ship and those in a folder dialects/ beside theirs, which win.
    """
    shipped, beside = Settings().seeds_dir / FOLDER, folder.parent / FOLDER
    bases = load_dialects(shipped)
    if beside.resolve() != shipped.resolve():
        bases |= load_dialects(beside)
    paths = sorted(folder.glob("*.yaml"))
    read = [(path, load_profile(path, overrides(path.stem, environment), bases=bases)) for path in paths]
    profiles = {profile.code: profile for _, profile in read}
    for path, profile in read:
        if (fault := fault_among(profile, profiles)) is not None:
            raise read_profile_file(path, overrides(path.stem, environment)).at(("via",), *fault)
        if profile.via is not None:
            profiles[profile.code] = behind(profile, profiles[profile.via])
    return profiles


def is_called(profile: CityProfile, settings: Settings) -> bool:
    """Whether an adapter is built for the city; for our own only where its business system works our cases."""
    if profile.code == settings.city and settings.back_office is BackOffice.CONSOLE:
        return False
    if profile.transport not in (Transport.INBOUND, Transport.NONE):
        return True
    if profile.code != settings.city:
        return False
    raise SeedInvalid(
        f"TONGBAN_BACK_OFFICE is adapter, but the profile of {profile.code} describes no interface.",
        f"TONGBAN_BACK_OFFICE 为 adapter，但 {profile.code} 的配置没有业务系统接口。",
    )
