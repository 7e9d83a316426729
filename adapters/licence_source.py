"""证照来源: the port to an office that hands out the e-licences it issued, for 免提交."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from pydantic import Field, field_validator

from schemas.identifiers import LicenceIdentifier
from schemas.model import Model, ShortText


@dataclass(frozen=True, slots=True)
class LicenceWanted:
    """取证请求: which licence, and the use it is for; the office keeps both."""

    identifier: LicenceIdentifier
    item_code: str
    operator: str
    case_number: str | None
    request_id: str
    """Ours, the same on every try."""


@dataclass(frozen=True, slots=True)
class FetchedLicence:
    """取得的证照: the file or token as the office signed it, and what it says of it beside that."""

    content: bytes
    name: str
    stated: Mapping[str, Any] = field(default_factory=dict)
    """What the office's record says: holder, validity, state. Not covered by the licence's signature."""


class LicenceSource(Protocol):
    """证照来源."""

    async def fetch(self, wanted: LicenceWanted) -> FetchedLicence:
        """The licence. PartnerRefused: unknown there, or not for this use; PartnerUnavailable: later again."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class LicenceSourceProfile(Model):
    """证照来源配置: one YAML file. Which source has a licence is told by the type and issuer in its identifier."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9\-]{1,40}$")]
    name: ShortText
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=500)]
    token: ShortText
    """Name of the secret whose value is sent as bearer token."""
    issuers: Annotated[tuple[ShortText, ...], Field(max_length=1000)] = ()
    """Issuer part of the identifiers it has; empty = any."""
    types: Annotated[tuple[ShortText, ...], Field(max_length=1000)] = ()
    """Type part of the identifiers it has; empty = any."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 15.0
    max_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 20 * 1024 * 1024
    note: str | None = None
    """演示数据 says so here."""

    @field_validator("base_url")
    @classmethod
    def _no_slash(cls, text: str) -> str:
        return text.rstrip("/")

    def has(self, identifier: str) -> bool:
        """Whether a licence with this identifier would be here."""
        kind, issuer = identifier.split(".")[5:7]
        return (not self.types or kind in self.types) and (not self.issuers or issuer in self.issuers)
