"""取证: find the office that has a licence and ask it; one after the other where more than one may have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.licence_source import FetchedLicence, LicenceSource, LicenceSourceProfile, LicenceWanted
from schemas.errors import NotFound, PartnerRefused


@dataclass(frozen=True, slots=True)
class LicenceSources:
    """证照来源, by code."""

    profiles: Mapping[str, LicenceSourceProfile]
    sources: Mapping[str, LicenceSource]

    async def fetch(self, wanted: LicenceWanted) -> FetchedLicence:
        """The licence from the first office that has it.

        NotFound where no office is configured for it; PartnerRefused where all refuse; another error ends the search.
        """
        asked = self._asked(wanted.identifier)
        refused: PartnerRefused | None = None
        for code in asked:
            try:
                return await self.sources[code].fetch(wanted)
            except PartnerRefused as error:
                refused = error
        if refused is not None:
            raise refused
        raise NotFound(
            "No licence source is configured for licences of this kind and issuer.",
            "没有配置可提供该类证照的发证机关，请上传证照文件。",
        )

    def _asked(self, identifier: str) -> Sequence[str]:
        return [code for code, profile in self.profiles.items() if profile.has(identifier)]

    async def close(self) -> None:
        """Close every connection."""
        for source in self.sources.values():
            await source.close()
