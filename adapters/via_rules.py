"""枢纽规则: what a city behind a hub may say, and which profiles can be hubs."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.profile import CityProfile

HUBS = frozenset({"rest", "soap", "exchange_database", "sftp_batch"})
"""Transports that can serve several cities."""


def check_alone(profile: "CityProfile") -> None:
    """The profile by itself; ValueError with "中文 / english" for what is the hub's to say."""
    if (profile.via is not None) is not (profile.transport == "via"):
        raise ValueError(
            "transport为via时须写via，且仅此时可写 / `via` is written where, and only where, transport is via"
        )
    if profile.via is None:
        return
    if profile.via == profile.code:
        raise ValueError("枢纽不能经由自身 / a hub cannot be reached through itself")
    if profile.auth is not None or profile.reports or profile.dialect.tables or profile.reports_back:
        raise ValueError(
            "经枢纽的城市不写auth、dialect、reports、reports_back，均由枢纽配置 / "
            "auth, dialect, reports and reports_back are the hub's to say"
        )
    if profile.inbound is not None and profile.inbound.callback is not None:
        raise ValueError("经枢纽的城市不写inbound.callback，由枢纽回调 / inbound.callback is the hub's to say")
    if profile.limits.model_fields_set - {"in_flight"}:
        raise ValueError("经枢纽的城市只写limits.in_flight / of the limits, only in_flight is the city's to say")


def fault_among(profile: "CityProfile", profiles: Mapping[str, "CityProfile"]) -> tuple[str, str] | None:
    """What is wrong with the hub a city names, in English and Chinese; None where nothing is."""
    if profile.via is None:
        return None
    hub = profiles.get(profile.via)
    if hub is None:
        return f"there is no profile {profile.via}", f"没有{profile.via}的配置"
    return next(_faults_between(profile, hub), None)


def _faults_between(profile: "CityProfile", hub: "CityProfile") -> Iterator[tuple[str, str]]:
    if hub.via is not None:
        yield f"{hub.code} is itself behind a hub", f"{hub.code}本身也经由枢纽，不能再作枢纽"
    if hub.transport not in HUBS:
        yield f"{hub.transport} cannot be a hub: {', '.join(sorted(HUBS))}", f"通信方式{hub.transport}不能作枢纽"
    if any(one.deciding_city is None for one in hub.reports.values()):
        yield (
            f"a report of hub {hub.code} lacks deciding_city: which city it is about",
            f"枢纽{hub.code}的reports缺少deciding_city，无法区分城市",
        )
    if profile.duplicates == "query_first" and hub.duplicates != "query_first":
        yield "query_first, but the hub is not asked first", "query_first与枢纽的duplicates不符"


def served(profiles: Mapping[str, "CityProfile"]) -> dict[str, frozenset[str]]:
    """Profile → the cities its reports may be about: its own, and those behind it."""
    cities: dict[str, set[str]] = {code: {code} for code in profiles}
    for code, profile in profiles.items():
        if profile.via in cities:
            cities[profile.via].add(code)
    return {code: frozenset(served) for code, served in cities.items()}


def behind(profile: "CityProfile", hub: "CityProfile") -> "CityProfile":
    """The city's profile with what its hub decides: limits, and `duplicates` where the city's own says nothing.

    A city that names no `in_flight` gets half of the hub's places, so that one that hangs leaves the others room.
    """
    stated = profile.limits.model_fields_set
    in_flight = profile.limits.in_flight if "in_flight" in stated else max(1, hub.limits.in_flight // 2)
    changes: dict[str, Any] = {"limits": hub.limits.model_copy(update={"in_flight": in_flight})}
    if "duplicates" not in profile.model_fields_set:
        changes["duplicates"] = hub.duplicates
    return profile.model_copy(update=changes)
