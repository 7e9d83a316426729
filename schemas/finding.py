"""发现: one thing noticed while a city's record was turned into a service item."""

from enum import StrEnum

from schemas.model import Model


class Severity(StrEnum):
    """轻重: an error keeps the item in quarantine, a warning and an information do not."""

    ERROR = "error"
    """错误."""
    WARNING = "warning"
    """警告."""
    INFO = "info"
    """提示."""


class Finding(Model):
    """发现: what was noticed, where in the source and about which of our fields, in a sentence the city can act on."""

    severity: Severity
    rule: str
    """Which check, by its constant name: unknown_code, missing, lossy, defaulted … or a consistency rule."""
    source_path: str
    """Where in the source: record and field, `事项!第5行/办件类型` or `data[3]/materials[2].is_need`."""
    field: str
    """Our field, `materials[2].necessity`; empty where it is about the record as a whole."""
    value: str | None = None
    """The offending value as text, at most 200 characters."""
    message_zh: str
